"""POST /v1/embeddings: a body to the embedding family's query, and its vectors to an answer."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.models.base import Array
from serving.models.embedding.types import Embedded, Query
from serving.models.texts import problems_of
from serving.openai.asked import Asked, take_ignored
from serving.openai.document import Reader
from serving.openai.envelope import Object
from serving.services.fields import Fields


@dataclass(frozen=True, slots=True)
class AskedVectors(Asked[Query]):
    """encoded: vectors as base64 of little-endian float32 instead of lists of numbers."""

    encoded: bool = False


def parse(given: dict[str, Any]) -> AskedVectors:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(None)
    wrong = fields.wrong
    body = Reader(given, wrong)
    model = body.need("model", str) or ""
    texts = _texts(body, fields)
    dimensions = body.take("dimensions", int)
    if dimensions is not None and not 0 < dimensions < 2**31:
        wrong("dimensions", "must be 1 or more")
    encoding = body.take("encoding_format", str)
    if encoding not in (None, "float", "base64"):
        wrong("encoding_format", "must be float or base64")
    take_ignored(body, wrong)
    body.end()
    fields.check()
    query = Query(texts, dimensions=dimensions or 0)
    words = {f"texts[{i}]": _place(given["input"], f"[{i}]") for i in range(len(texts))}
    return AskedVectors(
        model, query, words=words | {"texts": "input"}, encoded=encoding == "base64"
    )


class Vectors:
    """The one result of a request."""

    def __init__(self, asked: AskedVectors, identity: str) -> None:
        self._asked = asked
        self._found: Embedded | None = None

    def add(self, embedded: Embedded) -> None:
        self._found = embedded

    def object(self) -> Object:
        assert self._found is not None, "an embedding model yields one result. This is a bug."
        write = _encoded if self._asked.encoded else _numbers
        tokens = sum(self._found.read.tokens)
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": write(vector)}
                for index, vector in enumerate(self._found.vectors)
            ],
            "model": self._asked.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _encoded(vector: Array) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _numbers(vector: Array) -> list[float]:
    numbers: list[float] = vector.astype(np.float64).tolist()
    return numbers


def _texts(body: Reader, fields: Fields) -> tuple[str, ...]:
    if not body.has("input"):
        fields.wrong("input", "is missing")
        return ()
    given = body.take_any("input")
    texts = (given,) if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        fields.wrong("input", "must be a string or a list of strings; token ids are not taken")
        return ()
    for path, problem in problems_of(texts):
        fields.wrong(_place(given, path.removeprefix("texts")), problem)
    return tuple(texts)


def _place(given: Any, index: str) -> str:
    """Where a text lies in the body."""
    return "input" if isinstance(given, str) else f"input{index}"
