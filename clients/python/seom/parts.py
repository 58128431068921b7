"""Many texts in as many calls as they take, and errors that count them all the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from seom.call import Answer, Call
from seom.errors import InvalidArgument
from seom.methods import Method

# Of one call.
MOST_TEXTS = 256
MOST_CHARACTERS = 2**20

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Part(Generic[Result]):
    """One of the calls it takes; `first` is the place of its first text among all."""

    call: Call[Result]
    first: int

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Lets errors name texts by their places among all, not in this call."""
        try:
            yield
        except InvalidArgument as error:
            if not self.first:
                raise
            raise _moved(error, self.first) from error.__cause__


def parts(
    texts: str | Iterable[str],
    request: Callable[[Sequence[str]], Any],
    method: Method[Any, Any],
    read: Callable[[Any, Answer], Result],
    model: str,
) -> list[Part[Result]]:
    """Calls of as many texts as one may have.

    Raises TypeError or ValueError where there are none.
    """
    given = _several(texts)
    made, first = [], 0
    while first < len(given):
        last, characters = first + 1, len(given[first])
        while last < len(given) and last - first < MOST_TEXTS:
            characters += len(given[last])
            if characters > MOST_CHARACTERS:
                break
            last += 1
        made.append(Part(Call(method, request(given[first:last]), read, model), first))
        first = last
    return made


def _several(texts: str | Iterable[str]) -> list[str]:
    """The texts as a list; raises TypeError or ValueError where there are none."""
    if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable):
        raise TypeError(f"texts: give a text or several, not {type(texts).__name__}")
    given = [texts] if isinstance(texts, str) else list(texts)
    if not given:
        raise ValueError("texts: give at least one")
    for index, text in enumerate(given):
        if not isinstance(text, str):
            raise TypeError(f"texts[{index}]: give a str, not {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"texts[{index}]: has half a character, which cannot be sent"
            ) from None
    return given


def _moved(error: InvalidArgument, by: int) -> InvalidArgument:
    def moved(text: str) -> str:
        return re.sub(r"\btexts\[(\d+)\]", lambda found: f"texts[{int(found[1]) + by}]", text)

    details = []
    for detail in error.details:
        if "field_violations" in detail:
            violations = [
                {**each, "field": moved(each["field"])} for each in detail["field_violations"]
            ]
            detail = {**detail, "field_violations": violations}
        details.append(detail)
    return InvalidArgument(moved(error.message), request_id=error.request_id, details=details)
