"""The texts a request brings to a model that reads them, and how far it may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from serving.errors import InvalidArgument
from serving.models.base import Tensors, TensorSpec

# Of one request. Whatever is longer is no sentence, and longer than any model's context; it
# would be cut into tokens for nothing.
MOST_TEXTS = 256
LONGEST_TEXT = 64 * 2**10
MOST_CHARACTERS = 2**20

TEXT = TensorSpec("text", "BYTES", (-1,))
TRUNCATE = TensorSpec("truncate", "INT32", (1,), optional=True)

# Field and what is wrong with it.
Problems: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts to be read.

    truncate: keeps the first so many tokens of each, 0 as many as the model takes; None
        cuts nothing, and what is too long is refused
    """

    texts: tuple[str, ...]
    truncate: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """How much of each text was read: its tokens, and whether others were cut off."""

    tokens: tuple[int, ...]
    truncated: tuple[bool, ...]


def problems_of(texts: Sequence[str]) -> Problems:
    """What is wrong with the texts of one request, whatever the model."""
    if not 1 <= len(texts) <= MOST_TEXTS:
        return [("texts", f"has {len(texts)} texts; send 1 to {MOST_TEXTS}")]
    problems = []
    for index, text in enumerate(texts):
        if not text:
            problems.append((f"texts[{index}]", "is empty"))
        elif len(text) > LONGEST_TEXT:
            most = f"at most {LONGEST_TEXT} are allowed"
            problems.append((f"texts[{index}]", f"has {len(text)} characters; {most}"))
    together = sum(map(len, texts))
    if together > MOST_CHARACTERS and not problems:
        most = f"at most {MOST_CHARACTERS} are allowed"
        problems.append(("texts", f"have {together} characters together; {most}"))
    return problems


def refuse(problems: Problems) -> None:
    """Raises InvalidArgument if there are any."""
    if problems:
        message = "; ".join(f"{field}: {problem}" for field, problem in problems)
        raise InvalidArgument(message, fields=problems)


def texts_of(tensors: Tensors) -> tuple[str, ...]:
    """The texts of a tensor. Raises InvalidArgument."""
    texts, problems = [], []
    for index, raw in enumerate(tensors[TEXT.name]):
        try:
            texts.append(raw.decode())
        except UnicodeDecodeError:
            problems.append((f"texts[{index}]", "must be UTF-8 text"))
    refuse(problems or problems_of(texts))
    return tuple(texts)


def number_of(tensors: Tensors, name: str) -> int | None:
    """An optional tensor of one integer, 0 or more. Raises InvalidArgument."""
    if name not in tensors:
        return None
    value = int(tensors[name][0])
    if value < 0:
        raise InvalidArgument.field(name, f"must be 0 or more, not {value}")
    return value
