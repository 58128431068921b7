"""A regular expression as tokens, in the dialect that xgrammar reads: JavaScript's, nearly.

Characters become ranges of code points, so that sets of them can be compared exactly. What
is malformed passes as literal text: the engine refuses it in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]  # from, and up to but not including
Mark: TypeAlias = Literal["(", ")", "|"]

_END = 0x110000


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a set."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Repeat:
    """A quantifier; most is None where there is no bound."""

    least: int
    most: int | None


Token: TypeAlias = Characters | Repeat | Mark

_ESCAPE = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|c[A-Za-z]|.)?"
# No alternative looks further than it takes, so that the whole is read once. A `?` behind a
# quantifier makes it lazy, which changes nothing about what matches.
_TOKEN = re.compile(
    rf"""(?P<open>\((?:\?(?::|P?<\w*>))?)
    |(?P<mark>[)|])
    |(?P<anchor>[\^$])
    |(?P<repeat>(?:[*+?]|\{{[0-9][0-9,]*\}}|\{{,[0-9]+\}})\??)
    |(?P<set>\[(?:{_ESCAPE}|[^\]\\])*\]?)
    |(?P<escape>{_ESCAPE})
    |(?P<any>\.)
    |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_MEMBER = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_DIGITS: Ranges = ((0x30, 0x3A),)
_WORD: Ranges = ((0x30, 0x3A), (0x41, 0x5B), (0x5F, 0x60), (0x61, 0x7B))
_SPACE: Ranges = ((0x09, 0x0E), (0x20, 0x21), (0xA0, 0xA1))
_SHORT = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROL = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11, "0": 0}


def tokens(pattern: str) -> Iterator[Token]:
    """Anchors are left out; xgrammar ignores them."""
    for found in _TOKEN.finditer(pattern):
        text = found[0]
        match found.lastgroup:
            case "open":
                yield "("
            case "mark":
                yield ")" if text == ")" else "|"
            case "repeat":
                yield _repeat(text)
            case "set":
                yield Characters(_set(text))
            case "escape":
                yield Characters(_escaped(text))
            case "any":
                yield Characters(((0, _END),))
            case "other":
                yield Characters(_only(ord(text)))


def _repeat(text: str) -> Repeat:
    if text[0] != "{":
        return Repeat(int(text[0] == "+"), 1 if text[0] == "?" else None)
    counts = text.rstrip("?")[1:-1].split(",")
    least = int(counts[0] or 0)
    if len(counts) == 1:
        return Repeat(least, least)
    return Repeat(least, int(counts[1]) if counts[1] else None)


def _set(text: str) -> Ranges:
    negated = text.startswith("[^")
    members = _MEMBER.findall(text[2 if negated else 1 :].removesuffix("]"))
    found: list[tuple[int, int]] = []
    place = 0
    while place < len(members):
        last = place + 2 if members[place + 1 : place + 2] == ["-"] else place
        low = _escaped(members[place], inside=True)
        high = _escaped(members[last], inside=True) if last < len(members) else ()
        if last > place and len(low) == len(high) == 1:
            found.append((low[0][0], max(high[0][1], low[0][1])))
            place = last + 1
        else:
            found += low
            place += 1
    return complement(found) if negated else tuple(found)


def _escaped(text: str, inside: bool = False) -> Ranges:
    """The characters of an escape, or of a character that stands for itself."""
    if text[0] != "\\" or len(text) == 1:
        return _only(ord(text[0]))
    kind = text[1]
    if len(text) > 2:
        if kind == "c":
            return _only(ord(text[2]) % 32)
        return _only(min(int(text[2:].strip("{}"), 16), _END - 1))
    if kind.lower() in _SHORT:
        ranges = _SHORT[kind.lower()]
        return complement(ranges) if kind.isupper() else ranges
    if inside and kind == "b":
        return _only(8)
    return _only(_CONTROL.get(kind, ord(kind)))


def complement(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """All characters but these."""
    found, begin = [], 0
    for low, high in sorted(ranges):
        if low > begin:
            found.append((begin, low))
        begin = max(begin, high)
    return (*found, (begin, _END)) if begin < _END else tuple(found)


def _only(code: int) -> Ranges:
    return ((code, code + 1),)
