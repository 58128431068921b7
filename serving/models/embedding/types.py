"""What an embedding model is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from serving.models.base import Array
from serving.models.texts import Read, Texts


@dataclass(frozen=True, slots=True)
class Query(Texts):
    """normalise: vectors of length 1; dimensions: their first so many numbers, 0 for all."""

    normalise: bool = True
    dimensions: int = 0


@dataclass(frozen=True, slots=True)
class Embedded:
    """vectors: float32 [texts, dimensions]."""

    vectors: Array
    read: Read
