"""What a caller may set, and how far: the one allow-list of every door to a chat model.

Engines have been brought down, and others' answers changed, by a number too large or a
schema too deep. So nothing reaches one but through here, field by field.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from serving.models.chat import patterns
from serving.runtimes.vllm.types import Constraint, Sampling

# Told a field's name and what is wrong with it; all that is wrong, not the first alone.
Wrong = Callable[[str, str], None]

MOST_ANSWERS = 8
MOST_STOPS, LONGEST_STOP = 16, 256
MOST_SCHEMA, DEEPEST_SCHEMA = 64 * 2**10, 32
MOST_REGEX = patterns.LONGEST
MOST_GROWN = 2 * patterns.MOST_GROWN
MOST_CHOICES, MOST_CHOICE_TEXT = 1000, 64 * 2**10
_TOO_DEEP = f"is nested deeper than {DEEPEST_SCHEMA} levels"
_GREEDY = 1e-5  # vLLM takes any temperature below for 0

# Field → least, most, whether the least itself is too little.
_FLOATS: dict[str, tuple[float, float, bool]] = {
    "temperature": (0, 2, False),
    "top_p": (0, 1, True),
    "min_p": (0, 1, False),
    "presence_penalty": (-2, 2, False),
    "frequency_penalty": (-2, 2, False),
    "repetition_penalty": (0, 2, True),
}
_INTEGERS: dict[str, tuple[int, int]] = {
    "top_k": (0, 10**6),
    "seed": (0, 2**32 - 1),
    "max_tokens": (1, 10**7),
    "min_tokens": (0, 10**7),
    "n": (1, MOST_ANSWERS),
    "logprobs": (0, 20),
}
FIELDS = frozenset({*_FLOATS, *_INTEGERS, "stop"})


def sampling(given: Mapping[str, Any], wrong: Wrong) -> Sampling:
    """The fields that are given, each within its bounds; names not in FIELDS are ignored."""
    chosen: dict[str, Any] = {}
    for name, (least, most, open_below) in _FLOATS.items():
        if name in given and _is_float(name, given[name], least, most, open_below, wrong):
            chosen[name] = float(given[name])
    for name, bounds in _INTEGERS.items():
        if name in given and _is_integer(name, given[name], *bounds, wrong):
            chosen[name] = given[name]
    if "stop" in given:
        chosen["stop"] = _stops(given["stop"], wrong)
    if chosen.get("min_tokens", 0) > chosen.get("max_tokens", math.inf):
        wrong("min_tokens", f"is {chosen['min_tokens']}, more than max_tokens")
    if chosen.get("n", 1) > 1 and chosen.get("temperature", 1.0) < _GREEDY:
        wrong("n", "must be 1 at temperature 0, where all answers would be the same")
    return replace(Sampling(), **chosen)


def constraint(kind: str, value: Any, wrong: Wrong) -> Constraint | None:
    """What an answer must look like; None where that was wrong, of which `kind` is told."""
    match kind:
        case "json_schema":
            found = schema(value, kind, wrong)
            if found is None or not check_patterns({kind: found}, wrong):
                return None
            return Constraint("json", value)
        case "json_object":
            if value is not True:
                wrong(kind, "must be true; leave `format` out for free text")
            return Constraint("json", '{"type": "object"}')
        case "choice":
            return _choice(tuple(value), wrong)
        case "regex":
            return Constraint("regex", value) if _regex(value, wrong) else None
        case "grammar":
            return Constraint("grammar", value) if _fits(kind, value, MOST_SCHEMA, wrong) else None
    wrong(kind, "is unknown")
    return None


def schema(text: str, field: str, wrong: Wrong) -> dict[str, Any] | None:
    """A JSON Schema from its text; None where it is none, or is too large or too deep.

    What its patterns would cost is for `check_patterns` to say.
    """
    if not _fits(field, text, MOST_SCHEMA, wrong):
        return None
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        wrong(field, "is not valid JSON")
        return None
    except RecursionError:
        found, problem = {}, _TOO_DEEP
    else:
        problem = _problem(found)
    if problem:
        wrong(field, problem)
        return None
    return dict(found)


def check_patterns(schemas: Mapping[str, Any], wrong: Wrong) -> bool:
    """Whether the regular expressions in schemas are cheap; together they have one's length.

    schemas: by the field each of them is
    """
    length = grown = 0
    for field, found in schemas.items():
        for text in patterns.within(found):
            length += len(text)
            if length > MOST_REGEX:
                wrong(field, f"has patterns of together more than {MOST_REGEX} characters")
                return False
            try:
                grown += patterns.check(text)
            except patterns.Costly as error:
                wrong(field, f"has a pattern, {text[:64]!r}, that {error}")
                return False
            if grown > MOST_GROWN:
                wrong(field, f"has patterns whose counts stand for more than {MOST_GROWN}")
                return False
    return True


def _problem(found: Any) -> str:
    if not isinstance(found, dict):
        return "must be a JSON object"
    if depth(found) > DEEPEST_SCHEMA:
        return _TOO_DEEP
    if not all(target.startswith("#/") for target in _references(found)):
        return "may refer ($ref) only to definitions inside itself (#/…)"
    return ""


def json_object(text: str) -> bool:
    """Whether a text is a JSON object of moderate depth."""
    if len(text) > MOST_SCHEMA:
        return False
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and depth(found) <= DEEPEST_SCHEMA


def _is_float(
    name: str, value: Any, least: float, most: float, open_below: bool, wrong: Wrong
) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Written so that NaN is refused, too.
    if number and least <= value <= most and not (open_below and value == least):
        return True
    shown = f", not {value:g}" if number and abs(value) < 1e300 else ""
    within = f"be above {least:g} and at most {most:g}" if open_below else ""
    wrong(name, f"must {within or f'lie between {least:g} and {most:g}'}{shown}")
    return False


def _is_integer(name: str, value: Any, least: int, most: int, wrong: Wrong) -> bool:
    number = isinstance(value, int) and not isinstance(value, bool)
    if number and least <= value <= most:
        return True
    shown = f", not {value}" if number and abs(value) < 2**64 else ""
    wrong(name, f"must be an integer from {least} to {most}{shown}")
    return False


def _stops(value: Any, wrong: Wrong) -> tuple[str, ...]:
    stops = (value,) if isinstance(value, str) else value
    if not isinstance(stops, list | tuple) or not all(isinstance(s, str) for s in stops):
        wrong("stop", "must be texts")
        return ()
    if len(stops) > MOST_STOPS:
        wrong("stop", f"has {len(stops)} texts; at most {MOST_STOPS} are allowed")
    for index, stop in enumerate(stops[:MOST_STOPS]):
        if not 0 < len(stop) <= LONGEST_STOP:
            wrong(f"stop[{index}]", f"must have 1 to {LONGEST_STOP} characters, not {len(stop)}")
    return tuple(stops)


def _choice(texts: tuple[str, ...], wrong: Wrong) -> Constraint | None:
    if not 0 < len(texts) <= MOST_CHOICES:
        wrong("choice.texts", f"must be 1 to {MOST_CHOICES} texts, not {len(texts)}")
        return None
    if sum(map(len, texts)) > MOST_CHOICE_TEXT:
        wrong("choice.texts", f"have together more than {MOST_CHOICE_TEXT} characters")
        return None
    empty = [index for index, text in enumerate(texts) if not text]
    for index in empty:
        wrong(f"choice.texts[{index}]", "is empty")
    return None if empty else Constraint("choice", texts)


def _regex(text: str, wrong: Wrong) -> bool:
    if not _fits("regex", text, MOST_REGEX, wrong):
        return False
    try:
        patterns.check(text)
    except patterns.Costly as error:
        wrong("regex", str(error))
        return False
    return True


def _fits(field: str, text: str, most: int, wrong: Wrong) -> bool:
    if not text:
        wrong(field, "is empty")
    elif len(text) > most:
        wrong(field, f"has {len(text)} characters; at most {most} are allowed")
    return 0 < len(text) <= most


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are Python's, not JSON's


def depth(value: Any) -> int:
    """Levels of objects and arrays, level by level, so that no depth exhausts the stack."""
    level, depth = [value], 0
    while level := [v for v in level if isinstance(v, dict | list)]:
        depth += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return depth


def _references(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [found for inner in value for found in _references(inner)]
    if not isinstance(value, dict):
        return []
    own = [v for k, v in value.items() if k in ("$ref", "$dynamicRef") and isinstance(v, str)]
    return [*own, *(found for inner in value.values() for found in _references(inner))]
