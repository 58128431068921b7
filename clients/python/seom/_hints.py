"""Type hints as JSON Schema, and JSON back as what they hint at.

Owns which hints a tool's parameters may have; refuses all others, for a schema that says
less than the hint would let the model write what the function cannot take.
"""

from __future__ import annotations

import types
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
_NAMES = {"string": "text", "integer": "an integer", "number": "a number", "boolean": "a boolean"}
_ALLOWED = "str, int, float, bool, list, dict, Literal, Optional, Enum or Annotated"


def schema(hint: Any, where: str) -> dict[str, Any]:
    """The JSON Schema of a hint; raises TypeError, naming `where`, for one without."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if origin is Annotated:
        words = [each for each in hint.__metadata__ if isinstance(each, str)]
        return schema(hint.__origin__, where) | ({"description": words[0]} if words else {})
    if origin is Literal:
        return {"enum": list(arguments)}
    if _is_enum(hint):
        return {"enum": [_scalar(each.value, where) for each in hint]}
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema(each, where) for each in arguments]}
    if hint is list or origin is list:
        return {"type": "array"} | ({"items": schema(arguments[0], where)} if arguments else {})
    if hint is dict or (origin is dict and arguments[0] is str):
        further = {"additionalProperties": schema(arguments[1], where)} if arguments else {}
        return {"type": "object"} | further
    name = getattr(hint, "__name__", None) if isinstance(hint, type) and not arguments else None
    raise TypeError(f"{where}: a hint {name or hint} has no JSON Schema here; use {_ALLOWED}")


def value(hint: Any, given: Any, where: str) -> Any:
    """JSON as its hint has it; raises ValueError, naming `where`, for what does not fit."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _plain(hint, given, where)
    if origin is Annotated:
        return value(hint.__origin__, given, where)
    if origin is Literal:
        allowed: tuple[Any, ...] = arguments
        if any(given == each and type(given) is type(each) for each in allowed):
            return given
        raise ValueError(f"{where}: {given!r} is none of {', '.join(map(repr, allowed))}")
    if _is_enum(hint):
        try:
            return hint(given)
        except ValueError:
            known = ", ".join(repr(each.value) for each in hint)
            raise ValueError(f"{where}: {given!r} is none of {known}") from None
    if origin in (Union, types.UnionType):
        return _any_of(arguments, given, where)
    if hint is list or origin is list:
        if not isinstance(given, list):
            raise ValueError(f"{where}: {given!r} is no list")
        inner = arguments[0] if arguments else None
        return [_inner(inner, each, f"{where}[{index}]") for index, each in enumerate(given)]
    if not isinstance(given, dict):
        raise ValueError(f"{where}: {given!r} is no object")
    inner = arguments[1] if arguments else None
    return {name: _inner(inner, each, f"{where}.{name}") for name, each in given.items()}


def _inner(hint: Any, given: Any, where: str) -> Any:
    return given if hint is None else value(hint, given, where)


def _plain(hint: type, given: Any, where: str) -> Any:
    if hint is types.NoneType:
        fits = given is None
    elif hint in (int, float):
        # JSON has numbers only: 3.0 is an integer, and 3 a number.
        number = isinstance(given, int | float) and not isinstance(given, bool)
        fits = number and (hint is float or float(given).is_integer())
    else:
        fits = isinstance(given, hint)
    if not fits:
        raise ValueError(f"{where}: {given!r} is not {_NAMES.get(_PLAIN[hint], 'null')}")
    return None if given is None else hint(given)


def _any_of(hints: tuple[Any, ...], given: Any, where: str) -> Any:
    problems = []
    for hint in hints:
        try:
            return value(hint, given, where)
        except ValueError as error:
            problems.append(str(error))
    raise ValueError("; ".join(problems))


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _scalar(found: Any, where: str) -> Any:
    if isinstance(found, str | int | float | bool):
        return found
    raise TypeError(f"{where}: an Enum's values must be text or numbers, not {found!r}")
