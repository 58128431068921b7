"""Tools: what the model is told of a function, and what becomes of its calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Optional, Union

import pytest

from seom import Client, Message, Tool, UnusableAnswer, Usage

from .server import Server


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Bad(Enum):
    OBJECT = object()


@dataclass
class Event:
    name: str
    colour: Colour


def everything(
    text: str,
    count: Annotated[int, "how many"],
    ratio: float,
    sure: bool,
    names: list[str],
    lists: list[list[int]],
    bare: list,  # type: ignore[type-arg]
    table: dict[str, float],
    any_table: dict,  # type: ignore[type-arg]
    kind: Literal["a", 1],
    colour: Colour,
    maybe: Optional[int] = None,  # noqa: UP045
    other: str | None = None,
    *,
    either: Union[int, str] = 0,  # noqa: UP007
) -> dict[str, Any]:
    """Takes everything.

    And says so.
    """
    return dict(locals())


GIVEN = {
    "text": "t",
    "count": 3.0,
    "ratio": 2,
    "sure": True,
    "names": ["a"],
    "lists": [[1], []],
    "bare": [1, "a"],
    "table": {"a": 1},
    "any_table": {"a": [1]},
    "kind": 1,
    "colour": "blue",
    "maybe": None,
    "other": "o",
    "either": "x",
}


def find_event(name: str) -> str:
    """Finds a day in the family's calendar."""
    return f"{name}: 3 May"


def add(a: int, b: int = 1) -> int:
    return a + b


def fail(why: str = "no reason") -> None:
    raise LookupError(why)


def test_a_function_as_a_tool() -> None:
    tool = Tool.of(everything)
    assert (tool.name, tool.description) == ("everything", "Takes everything.\n\nAnd says so.")
    assert tool.parameters is not None
    assert tool.parameters["properties"] == {
        "text": {"type": "string"},
        "count": {"type": "integer", "description": "how many"},
        "ratio": {"type": "number"},
        "sure": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "lists": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        "bare": {"type": "array"},
        "table": {"type": "object", "additionalProperties": {"type": "number"}},
        "any_table": {"type": "object"},
        "kind": {"enum": ["a", 1]},
        "colour": {"enum": ["red", "blue"]},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "other": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    }
    assert tool.parameters["required"] == list(GIVEN)[:11]
    assert tool.parameters["additionalProperties"] is False


def test_arguments_become_what_the_hints_say(client: Client) -> None:
    got: dict[str, Any] = {}

    class Calendar:
        def keep(self, count: int, ratio: float, colour: Colour, names: list[str]) -> None:
            got.update(count=count, ratio=ratio, colour=colour, names=names)

    arguments = {"count": 3.0, "ratio": 2, "colour": "blue", "names": ["a"]}
    client.chat(f"call keep {json.dumps(arguments)}", tools=[Calendar().keep])
    assert got == {"count": 3, "ratio": 2.0, "colour": Colour.BLUE, "names": ["a"]}
    assert (type(got["count"]), type(got["ratio"])) == (int, float)


def test_all_hints_take_what_they_describe(client: Client) -> None:
    answer = client.chat(f"call everything {json.dumps(GIVEN)}", tools=[everything]).text
    assert json.loads(answer) == GIVEN


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("text", 1, "text: 1 is not text"),
        ("count", 1.5, "count: 1.5 is not an integer"),
        ("count", True, "count: True is not an integer"),
        ("ratio", "1", "ratio: '1' is not a number"),
        ("sure", 1, "sure: 1 is not a boolean"),
        ("names", "a", "names: 'a' is no list"),
        ("lists", [[1], ["a"]], "lists[1][0]: 'a' is not an integer"),
        ("table", {"a": "b"}, "table.a: 'b' is not a number"),
        ("any_table", [], "any_table: [] is no object"),
        ("kind", True, "kind: True is none of 'a', 1"),
        ("colour", "green", "colour: 'green' is none of 'red', 'blue'"),
        ("other", 5, "other: 5 is not text; other: 5 is not null"),
        ("extra", 5, "unexpected keyword argument 'extra'"),
    ],
)
def test_arguments_that_do_not_fit_are_told_to_the_model(
    name: str, value: Any, says: str, client: Client
) -> None:
    question = f"call everything {json.dumps(GIVEN | {name: value})}"
    answer = client.chat(question, tools=[everything]).text
    assert answer.startswith("error: ")
    assert says in answer


def unhinted(a, b: int) -> None: ...  # type: ignore[no-untyped-def]
def variadic(*names: str) -> None: ...
def positional(a: int, /) -> None: ...
def odd(when: complex) -> None: ...
def tupled(pair: tuple[int, int]) -> None: ...
def keyed(table: dict[int, str]) -> None: ...
def worse(bad: Bad) -> None: ...
def unknown(thing: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (unhinted, r"unhinted\(a\): has no type hint"),
        (variadic, r"variadic\(\*names.*by name"),
        (positional, r"positional\(a.*by name"),
        (odd, r"odd\(when\): a hint complex has no JSON Schema here; use str, int"),
        (tupled, r"tupled\(pair\): a hint tuple\[int, int\]"),
        (keyed, r"keyed\(table\): a hint dict\[int, str\]"),
        (worse, r"worse\(bad\): an Enum's values"),
        (unknown, r"unknown: a type hint cannot be read"),
        (lambda: None, "named functions"),
        ("find_event", "named functions"),
    ],
)
def test_a_function_that_can_be_no_tool(
    tool: Any, says: str, client: Client, server: Server
) -> None:
    with pytest.raises(TypeError, match=says):
        client.chat("Hello.", tools=[tool])
    assert not server.seen


def test_tools_that_cannot_be_together(client: Client) -> None:
    with pytest.raises(ValueError, match="the same name"):
        client.chat("Hello.", tools=[add, Tool("add")])
    with pytest.raises(TypeError, match="give a sequence"):
        client.chat("Hello.", tools=add)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a sequence"):
        client.chat("Hello.", tools=Tool("add"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="only one answer"):
        client.chat("Hello.", tools=[add], n=2)
    for name in ("", "a b", "x" * 65, "auto"):
        with pytest.raises(ValueError, match="name for a tool"):
            Tool(name)

    async def later() -> None: ...

    with pytest.raises(TypeError, match="AsyncClient"):
        client.chat("Hello.", tools=[later])


def test_tools_are_run_until_the_model_answers(client: Client, server: Server) -> None:
    reply = client.chat("When is grandma's birthday?", tools=[find_event, add])
    assert reply.text == "grandma's birthday: 3 May"
    assert (reply.finish_reason, reply.tool_calls) == ("STOP", ())
    first, second = (seen.request for seen in server.seen)
    assert [each.name for each in first.tools] == ["find_event", "add"]
    assert first.tools[0].description == "Finds a day in the family's calendar."
    assert json.loads(first.tools[1].parameters)["required"] == ["a"]
    assert second.tools == first.tools
    asked, called, result = reply.messages[0], second.messages[1], second.messages[2]
    assert asked.tool_calls[0].arguments == {"name": "grandma's birthday"}
    assert called.tool_calls[0].id == result.tool_call_id == "call-0"
    assert [each.role for each in reply.messages] == ["assistant", "tool", "assistant"]
    assert reply.usage == Usage(4 + 8, 2 + 4, 4), "of both rounds"
    assert len(reply.rounds) == 2 and reply.rounds[-1] == reply.timing


def test_several_calls_at_once_are_answered_in_order(client: Client, server: Server) -> None:
    answer = client.chat('call add {"a": 1}\ncall add {"a": 2, "b": 5}', tools=[add]).text
    assert answer == "2; 7"
    assert [each.tool_call_id for each in server.last.request.messages[2:]] == ["call-0", "call-1"]


def test_a_result_is_text_or_json(client: Client) -> None:
    def event() -> list[Any]:
        return [
            Event("Fête", Colour.RED),
            {"a": 1},
            None,
            Colour.BLUE,
            1j,
        ]

    shown = json.loads(client.chat("call event {}", tools=[event]).text)
    assert shown == [{"name": "Fête", "colour": "red"}, {"a": 1}, None, "blue", "1j"]


def test_what_a_tool_raises_is_told_to_the_model(client: Client) -> None:
    assert client.chat("call fail {}", tools=[fail]).text == "error: LookupError: no reason"
    with pytest.raises(LookupError, match="why not"):
        client.chat('call fail {"why": "why not"}', tools=[fail], raise_tool_errors=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("nothing {}", "there is no tool 'nothing'; there are add"),
        ("add {", "the arguments of add are no JSON object"),
        ("add [1]", "the arguments of add are no JSON object (it is a list)"),
        ("add {}", "missing a required argument: 'a'"),
    ],
)
def test_a_models_mistakes_are_the_models_to_mend(call: str, says: str, client: Client) -> None:
    answer = client.chat(f"call {call}", tools=[add], raise_tool_errors=True).text
    assert answer.startswith("error: ")
    assert says in answer


def test_tools_without_a_function_come_back(client: Client, server: Server) -> None:
    wanted = Tool("find_event", "Finds a day.", {"type": "object", "properties": {}})
    reply = client.chat("When is grandma's birthday?", tools=[wanted], schema=dict)
    assert (reply.text, reply.finish_reason, reply.parsed) == ("", "TOOL_CALLS", None)
    (call,) = reply.tool_calls
    assert (call.id, call.name) == ("call-0", "find_event")
    assert call.arguments == {"name": "grandma's birthday"}
    assert len(server.seen) == 1
    assert json.loads(server.last.request.tools[0].parameters)["type"] == "object"
    on = [Message("user", "?"), *reply.messages, Message("tool", "1 May", tool_call_id=call.id)]
    assert client.chat(on, tools=[wanted]).text == "1 May"


def test_a_round_with_a_tool_that_is_not_run_here_is_left_unrun(client: Client) -> None:
    ran: list[int] = []

    def note(number: int) -> None:
        ran.append(number)

    reply = client.chat('call note {"number": 1}\ncall other {}', tools=[note, Tool("other")])
    assert [each.name for each in reply.tool_calls] == ["note", "other"]
    assert ran == []


def test_a_tool_with_a_schema_of_its_own_is_run(client: Client) -> None:
    tool = Tool("plus", parameters={"type": "object"}, function=lambda **given: given)
    assert json.loads(client.chat('call plus {"a": [1]}', tools=[tool]).text) == {"a": [1]}


def test_no_end_of_rounds(client: Client, server: Server) -> None:
    with pytest.raises(UnusableAnswer, match="after 3 rounds of tools the model still calls fail"):
        client.chat("Hello.", model="insistent", tools=[fail], max_rounds=3)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("choice", "mode", "name"),
    [
        ("auto", None, ""),
        ("none", 1, ""),
        ("required", 2, ""),
        ("add", 0, "add"),
        (add, 0, "add"),
        (Tool("find_event"), 0, "find_event"),
    ],
)
def test_tool_choice(
    choice: Any, mode: int | None, name: str, client: Client, server: Server
) -> None:
    client.chat('call add {"a": 1}', tools=[add, find_event], tool_choice=choice)
    first = server.seen[0].request
    assert first.HasField("tool_choice") == (mode is not None)
    assert (first.tool_choice.mode, first.tool_choice.name) == (mode or 0, name)
    assert len(server.seen) == (1 if choice == "none" else 2)
    if choice != "none":
        assert not server.last.request.HasField("tool_choice"), "or there would be no end"
