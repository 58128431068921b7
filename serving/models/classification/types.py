"""What a classification model is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from serving.models.base import Array
from serving.models.texts import Read, Texts


@dataclass(frozen=True, slots=True)
class Query(Texts):
    """top_k: only so many labels of each text, the best ones; all when 0."""

    top_k: int = 0


@dataclass(frozen=True, slots=True)
class Classified:
    """The labels of each text, best first.

    labels: all of the model's, by their class
    classes: int64 [texts, k]; scores: float32 [texts, k], 0 to 1
    """

    labels: tuple[str, ...]
    classes: Array
    scores: Array
    read: Read
