"""Regular expressions that stay cheap however long the answer grows; the others are refused.

xgrammar follows every way in which a text may match, once a token and inside the engine's
step, so that one costly expression holds up everybody's answers. In `(a+)+` each character
may end an iteration, and the ways grow with the text; in `a+(,a+)*` the comma says where one
ends. Which characters may come next tells the two apart, in one pass over the expression.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from serving.models.chat.expressions import Characters, Ranges, Repeat, tokens

LONGEST = 4 * 2**10
MOST_GROWN = 1000
# For what has no bound: the places of a text where it may have begun.
_PLACES = 500
_MOST_WAYS = 5 * _PLACES
# Compiling takes the square of the number of parts that may be missing.
_MOST_REPEATS = 200
_MISSING = _MOST_WAYS // _MOST_REPEATS

_REPEATS = "repeats a part whose end cannot be told from the next character, as in (a+)+; "
_UNTOLD = _REPEATS + "let a character of its own separate its repetitions, as in a+(,a+)*"
_EMPTY = "repeats a part that may be empty, as in (a?)*; let the part have a character at least"
_ALIKE = "has too many parts in a row that match the same text, as in a*a*a*; make them one"
_GROWN = f"has counts that stand for more than {MOST_GROWN} characters; let them be smaller"
_MANY = f"has more than {_MOST_REPEATS} quantifiers; leave some out"
_NOTHING = "repeats nothing, or has a group of another kind than (…), (?:…) and (?<name>…)"


class Costly(ValueError):
    """What is wrong with an expression, and what would mend it."""


class _Part(NamedTuple):
    """A piece of an expression. Sets of characters are bits of an integer.

    first: with what it may begin
    inner: what may come after that, anywhere
    rest: what may come after a place where it may end
    least, most: its length
    size: its characters, every count written out
    ways: a bound on how many of its repetitions one text may be inside of
    counts: how many numbers of repetitions may do, where that is bounded
    loose: the next character does not always tell whether it has ended
    """

    first: int = 0
    inner: int = 0
    rest: int = 0
    least: int = 0
    most: float = 0
    size: int = 0
    ways: int = 0
    counts: int = 1
    loose: bool = False

    @property
    def spread(self) -> int:
        """At how many places more than one it may end; one length ends at one place."""
        return 0 if self.most == self.least else int(min(self.most - self.least, _PLACES))

    @property
    def untold(self) -> bool:
        """Whether the next repetition may be taken for more of this one."""
        return self.spread > 0 and bool(self.rest & self.first)


_NONE = _Part()


@dataclass(slots=True)
class _Group:
    """A group being read: the branches before the last `|`, and of the last one the last piece."""

    branches: list[_Part] = field(default_factory=list)
    before: _Part = _NONE
    last: _Part | None = None

    def add(self, part: _Part) -> None:
        self._settle()
        self.last = part

    def repeat(self, repeat: Repeat) -> None:
        if self.last is None:
            raise Costly(_NOTHING)
        self.last = _repeated(self.last, repeat)

    def branch(self) -> None:
        self._settle()
        self.branches.append(self.before)
        self.before = _NONE

    def end(self) -> _Part:
        self.branch()
        whole, *others = self.branches
        for other in others:
            whole = _either(whole, other)
        return whole

    def _settle(self) -> None:
        if self.last is not None:
            self.before = _then(self.before, self.last)
        self.last = None


def check(pattern: str) -> int:
    """How many characters its counts stand for, beyond those that are written; raises Costly."""
    if len(pattern) > LONGEST:
        raise Costly(f"has {len(pattern)} characters; at most {LONGEST} are allowed")
    found = list(tokens(pattern))
    if sum(isinstance(token, Repeat) for token in found) > _MOST_REPEATS:
        raise Costly(_MANY)
    bits = _alphabet(token.ranges for token in found if isinstance(token, Characters))
    groups, written = [_Group()], 0
    for token in [*found, *[")"] * found.count("(")]:  # the engine complains of what is unclosed
        if isinstance(token, Characters):
            groups[-1].add(_Part(bits(token.ranges), least=1, most=1, size=1))
            written += 1
        elif isinstance(token, Repeat):
            groups[-1].repeat(token)
        elif token == "|":
            groups[-1].branch()
        elif token == "(":
            groups.append(_Group())
        elif len(groups) > 1:
            closed = groups.pop().end()
            groups[-1].add(closed)
    whole = groups[0].end()
    if whole.size - written > MOST_GROWN:
        raise Costly(_GROWN)
    if whole.ways > _MOST_WAYS:
        raise Costly(_ALIKE)
    return whole.size - written


def within(schema: Any) -> Iterator[str]:
    """The expressions of a JSON Schema: whatever may be one, too many rather than too few."""
    if isinstance(schema, list):
        for inner in schema:
            yield from within(inner)
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        if isinstance(properties := schema.get("patternProperties"), dict):
            yield from properties
        for inner in schema.values():
            yield from within(inner)


def _then(part: _Part, other: _Part) -> _Part:
    ahead = part.rest | (part.first if part.least == 0 else 0)
    shared = part.spread > 0 and bool(ahead & other.first)
    optional = other.least == 0
    begun = 1 + int(min(part.spread, other.most)) if shared else 1
    made = _Part(
        first=part.first | (other.first if part.least == 0 else 0),
        inner=part.inner | (other.first | other.inner if part.most else other.inner),
        rest=other.rest | (part.rest | other.first if optional else 0),
        least=part.least + other.least,
        most=part.most + other.most,
        size=part.size + other.size,
        ways=part.ways + other.ways * begun * min(begun, other.counts),
        counts=max(part.counts, other.counts),
        loose=shared or other.loose or (optional and part.loose),
    )
    return _loosened(made)


def _either(part: _Part, other: _Part) -> _Part:
    made = _Part(
        first=part.first | other.first,
        inner=part.inner | other.inner,
        rest=part.rest | other.rest,
        least=min(part.least, other.least),
        most=max(part.most, other.most),
        size=part.size + other.size,
        ways=part.ways + other.ways,
        counts=max(part.counts, other.counts),
    )
    shared = made.spread > 0 and bool(part.first & other.first)
    optional = made.least == 0 < made.most
    ways = made.ways + (_MISSING if optional else int(shared))
    return _loosened(made._replace(ways=ways, loose=shared or part.loose or other.loose))


def _repeated(part: _Part, repeat: Repeat) -> _Part:
    times = max(1, repeat.least if repeat.most is None else repeat.most)
    if repeat.most is not None and times == 1:
        return part if repeat.least else part._replace(least=0, ways=part.ways + 1)
    if part.least == 0:
        raise Costly(_EMPTY)
    if part.untold and repeat.most is None:
        raise Costly(_UNTOLD)
    ways = part.ways + 1
    if part.untold:
        counted = range(min(times, _MOST_WAYS))
        begun = sum(1 + min(_PLACES, part.spread * each) for each in counted)
        ways = max(1, part.ways) * begun * part.counts
    made = _Part(
        first=part.first,
        inner=part.inner | part.first,
        rest=part.rest | (0 if repeat.least == repeat.most else part.first),
        least=part.least * repeat.least,
        most=math.inf if repeat.most is None else part.most * repeat.most,
        size=part.size * times,
        ways=ways,
        counts=part.counts * (1 if repeat.most is None else 1 + times - repeat.least),
        loose=part.loose or part.untold,
    )
    return _loosened(made)


def _loosened(part: _Part) -> _Part:
    """Where its end is not told, whatever is inside it may still be to come."""
    return part._replace(rest=part.inner) if part.loose else part


def _alphabet(sets: Iterable[Ranges]) -> Callable[[Ranges], int]:
    """Sets of characters as bits, one for all the characters that no set tells apart."""
    listed = list(sets)
    edges = sorted({edge for ranges in listed for pair in ranges for edge in pair})

    def bits(ranges: Ranges) -> int:
        found = 0
        for low, high in ranges:
            found |= (1 << bisect_left(edges, high)) - (1 << bisect_left(edges, low))
        return found

    return bits
