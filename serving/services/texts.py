"""What requests of texts have in common: the texts, where to cut them, how much was read."""

from __future__ import annotations

from typing import Any

from serving.errors import InvalidArgument
from serving.models.texts import Read, problems_of
from serving.services.fields import Fields


def texts(request: Any, fields: Fields) -> tuple[str, ...]:
    found = tuple(request.texts)
    for path, problem in problems_of(found):
        fields.wrong(path, problem)
    return found


def truncation(request: Any) -> int | None:
    """None where nothing is to be cut; how much can be kept is the model's to judge."""
    return request.truncate if request.HasField("truncate") else None


def tell_reading(response: Any, entries: Any, read: Read) -> None:
    """Writes how much was read into the entry of each text, and the sum into `usage`."""
    for entry, tokens, truncated in zip(entries, read.tokens, read.truncated, strict=True):
        entry.tokens, entry.truncated = tokens, truncated
    response.usage.prompt_tokens = sum(read.tokens)


def as_it_is(error: InvalidArgument, request: Any) -> InvalidArgument:
    """The models name fields as these requests do."""
    return error
