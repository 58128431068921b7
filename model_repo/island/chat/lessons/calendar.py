"""Scheduling by tool calls, as Family Island does it: events added, found, moved and cancelled,
festivals looked for, and what the tools answer put into words. What those are is `tools`'.

Where the wish says too little, the model asks; where it needs no tool, it merely answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from model_repo.island.chat import phrasings, words
from model_repo.island.chat.lessons import talk, tools
from model_repo.island.chat.pen import Pen, Sample, Turn, Word, fill, turn

Call = tuple[str, dict[str, str]]


_PHRASES: Final = phrasings.read("calendar")
_WHAT: Final = {
    "en": ("{title}{who} {day}{at}", "{title} {day}{at}{who}", "{title}{at} {day}{who}"),
    "ko": ("{day}{at} {who}{title}", "{who}{day}{at} {title}", "{title} {who}{day}{at}"),
}
_ASK_DAY: Final = {"en": "On which day?", "ko": "언제로 할까요?"}


def call(pen: Pen) -> Sample:
    """Up to two exchanges, then a wish and the call it needs."""
    before = _exchanges(pen, pen.dice.weighted((0, 1, 2), (3, 2, 1)))
    wish, (name, arguments) = _wish(pen)
    messages = (*before, turn("user", wish), _called(name, arguments))
    right = frozenset((tools.spell(name, arguments),))
    return _sample("calls", pen, messages, right)


def reply(pen: Pen) -> Sample:
    """Up to two exchanges, then a wish, its call, what the tool answers, and the reply."""
    before = _exchanges(pen, pen.dice.weighted((0, 1, 2), (3, 2, 1)))
    messages = (*before, *_done(pen))
    right = frozenset((messages[-1]["content"],))
    return _sample("tool replies", pen, messages, right)


def no_call(pen: Pen) -> Sample:
    """The last wish is nothing that a tool could do, or says too little."""
    before = _exchanges(pen, pen.dice.weighted((0, 1, 2), (3, 2, 1)))
    messages = (*before, *_answered(pen))
    right = frozenset((messages[-1]["content"],))
    return _sample("no calls", pen, messages, right)


def _sample(task: str, pen: Pen, messages: tuple[Turn, ...], right: frozenset[str]) -> Sample:
    """With tools, and sometimes with a system's message that is about something else."""
    offered = _offered(pen, messages)
    told = (turn("system", talk.described(pen)[0]),) if pen.chance(0.25) else ()
    return Sample(task, pen.language, (*told, *messages), right, offered)


def _exchanges(pen: Pen, count: int) -> tuple[Turn, ...]:
    made: list[Turn] = []
    for _ in range(count):
        made += _done(pen) if pen.chance(0.8) else _answered(pen)
    return tuple(made)


def _done(pen: Pen) -> tuple[Turn, ...]:
    wish, (name, arguments) = _wish(pen)
    brought, said = tools.result(pen, name, arguments)
    told = turn("tool", json.dumps(brought, ensure_ascii=False))
    return turn("user", wish), _called(name, arguments), told, turn("assistant", said)


def _answered(pen: Pen) -> tuple[Turn, ...]:
    if pen.chance(0.5):
        return talk.small(pen).messages
    wish = pen.asks(_PHRASES["add"], what=_article(pen, words.title(pen)))
    return turn("user", wish), turn("assistant", _ASK_DAY[pen.language])


def _offered(pen: Pen, messages: Sequence[Turn]) -> tuple[Mapping[str, Any], ...]:
    """The tools of this conversation: all, or those that are needed and some others."""
    if pen.chance(0.5):
        return tools.TOOLS
    called = [call["function"]["name"] for each in messages for call in each.get("tool_calls", ())]
    needed = [tool for tool in tools.TOOLS if tool["function"]["name"] in called]
    others = [tool for tool in tools.TOOLS if tool["function"]["name"] not in called]
    some = needed + pen.dice.sample(others, pen.dice.whole(not needed, len(others)))
    return tuple(pen.dice.sample(some, len(some)))


def _called(name: str, arguments: Mapping[str, str]) -> Turn:
    function = {"name": name, "arguments": dict(arguments)}
    return {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}


def _wish(pen: Pen) -> tuple[str, Call]:
    wishes = (_add, _find_day, _find_title, _find_who, _change, _delete, _festival)
    return pen.dice.weighted(wishes, (5, 2, 2, 2, 3, 3, 2))(pen)


def _add(pen: Pen) -> tuple[str, Call]:
    title, day = words.title(pen), words.day(pen)
    arguments = {"title": title, "date": day.note}
    at = who = ""
    if pen.chance(0.8):
        clock = words.clock(pen)
        arguments["time"] = clock.note
        at = f" {clock.spoken}에" if pen.korean else f" at {clock.spoken}"
    if pen.chance(0.4):
        name = pen.name()
        arguments["who"] = name
        who = f"{name:과} " if pen.korean else f" with {name}"
    form = pen.pick(_WHAT[pen.language])
    what = fill(form, title=_article(pen, title), day=day.spoken, at=at, who=who)
    return pen.asks(_PHRASES["add"], what=" ".join(what.split())), ("add_event", arguments)


def _find_day(pen: Pen) -> tuple[str, Call]:
    day = words.day(pen)
    return pen.asks(_PHRASES["find_day"], day=day.spoken), ("find_event", {"date": day.note})


def _find_title(pen: Pen) -> tuple[str, Call]:
    title = words.title(pen)
    asked = pen.asks(_PHRASES["find_title"], title=_article(pen, title, "the", "our"))
    return asked, ("find_event", {"title": title})


def _find_who(pen: Pen) -> tuple[str, Call]:
    name, when, arguments = pen.name(), "", {}
    if pen.chance(0.5):
        day = words.day(pen)
        arguments["date"] = day.note
        when = f"{day.spoken:에} " if pen.korean else f" {day.spoken}"
    asked = pen.asks(_PHRASES["find_who"], name=name, day=when)
    return asked, ("find_event", {**arguments, "who": name})


def _change(pen: Pen) -> tuple[str, Call]:
    title, arguments, to = words.title(pen), {}, []
    way = pen.dice.whole(0, 2)
    if way != 1:
        day = words.day(pen)
        arguments["date"] = day.note
        to.append(day.spoken.removeprefix("on "))
    if way != 0:
        clock = words.clock(pen)
        arguments["time"] = clock.note
        to.append(f"at {clock.spoken}" if to and not pen.korean else clock.spoken)
    asked = pen.asks(_PHRASES["change"], title=_article(pen, title, "the", "our"), to=" ".join(to))
    return asked[0].upper() + asked[1:], ("change_event", {"title": title, **arguments})


def _delete(pen: Pen) -> tuple[str, Call]:
    title = words.title(pen)
    arguments: dict[str, str] = {"title": title}
    named = _article(pen, title, "the", "our")
    if pen.chance(0.4):
        day = words.day(pen)
        arguments["date"] = day.note
        named = Word(f"{day.spoken} {named}" if pen.korean else f"{named} {day.spoken}")
    return pen.asks(_PHRASES["delete"], title=named), ("delete_event", arguments)


def _festival(pen: Pen) -> tuple[str, Call]:
    month, at = pen.dice.whole(1, 12), ""
    arguments = {"month": f"{month:02}"}
    if pen.chance(0.6):
        name, where = words.place(pen)
        arguments["place"] = name
        at = f"{where}에서 " if pen.korean else f"{where} "
    spoken = f"{month}월" if pen.korean else words.MONTHS[month - 1]
    return pen.asks(_PHRASES["festival"], month=spoken, at=at), ("find_festival", arguments)


def _article(pen: Pen, title: Word, *articles: str) -> Word:
    """ "the family picnic"; a birthday is somebody's already."""
    if pen.korean or "'s" in title:
        return title
    article = pen.pick(articles or ("a", "the", "our", ""))
    if article == "a":
        return Word(f"{title:a}")
    return Word(f"{article} {title}".strip())
