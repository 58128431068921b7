"""A body as a JSON object whose fields are taken one by one; what nobody takes is refused.

So the list of what is allowed is the code that reads it, and no field passes unread.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from serving.errors import InvalidArgument
from serving.models.chat import bounds
from serving.models.chat.bounds import Wrong

T = TypeVar("T")
_DEEPEST = 2 * bounds.DEEPEST_SCHEMA  # a schema lies at some depth itself
_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    list: "a list",
    dict: "an object",
}


def read(body: bytes) -> dict[str, Any]:
    """Raises InvalidArgument unless it is one JSON object of valid text, no key twice."""
    try:
        found = json.loads(body, parse_constant=_refuse_constant, object_pairs_hook=_once)
        if b"\\ud" in body or b"\\uD" in body:
            json.dumps(found, ensure_ascii=False).encode()  # half a surrogate is no text
    except RecursionError:
        raise _malformed("is nested too deeply") from None
    except UnicodeError:
        raise _malformed("has text that is not Unicode") from None
    except ValueError:
        raise _malformed("is not valid JSON, or has a key twice") from None
    if not isinstance(found, dict):
        raise _malformed("must be a JSON object")
    if bounds.depth(found) > _DEEPEST:
        raise _malformed(f"is nested deeper than {_DEEPEST} levels")
    return found


def text_of(found: dict[str, Any]) -> str:
    """A part of a body as JSON text again."""
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


class Reader:
    """One object of a body: `take` what is known, then `end`."""

    def __init__(self, given: dict[str, Any], wrong: Wrong, path: str = "") -> None:
        """path: where the object lies in the body, with a dot behind it"""
        # OpenAI's clients send null for what is not set.
        self._left = {name: value for name, value in given.items() if value is not None}
        self._wrong = wrong
        self.path = path

    def has(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str, kind: type[T]) -> T | None:
        """The field's value; None where there is none, or it is of another type."""
        value = self._left.pop(name, None)
        # To Python true is an integer.
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return value
        if value is not None:
            self._wrong(self.path + name, f"must be {_KINDS[kind]}")
        return None

    def take_any(self, name: str) -> Any:
        """The field's value, whatever its type."""
        return self._left.pop(name, None)

    def need(self, name: str, kind: type[T]) -> T | None:
        """The same for a field that must be there."""
        if name not in self._left:
            self._wrong(self.path + name, "is missing")
            return None
        return self.take(name, kind)

    def inner(self, name: str) -> Reader | None:
        """A reader of the object in a field."""
        given = self.take(name, dict)
        return None if given is None else Reader(given, self._wrong, f"{self.path}{name}.")

    def ignore(self, *names: str) -> None:
        """Fields that mean nothing to this server and do no harm."""
        for name in names:
            self._left.pop(name, None)

    def end(self) -> None:
        """Refuses what has not been taken."""
        for name in self._left:
            self._wrong(self.path + _shown(name), "is unknown, or not offered here")


def objects(
    given: list[Any] | None, path: str, wrong: Wrong, most: int | None = None
) -> list[Reader]:
    """A reader for each object of a list that lies at `path`."""
    readers = []
    for index, value in enumerate((given or ())[:most]):
        if isinstance(value, dict):
            readers.append(Reader(value, wrong, f"{path}[{index}]."))
        else:
            wrong(f"{path}[{index}]", "must be an object")
    return readers


def _shown(name: str) -> str:
    """A stranger's word for a field, short and harmless."""
    return "".join(c if c.isascii() and c.isprintable() else "_" for c in name[:64])


def _malformed(problem: str) -> InvalidArgument:
    return InvalidArgument(f"the body {problem}", reason="BODY_MALFORMED")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are Python's, not JSON's
