"""Galleries of people: what is kept of them, and who is on a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import overload

import numpy as np
from numpy.typing import NDArray

from seom.detection import Box
from seom.faces import Face, FaceQuality, Landmarks
from seom.timing import Timing


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of a person; the picture itself is there only if it was `kept`.

    id: made by the server
    model: what embedded the face, `name@version`
    """

    id: str
    quality: FaceQuality
    model: str
    created: datetime
    kept: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a gallery.

    etag: another one after every change; give it back to change what you have seen
    photographs: in the order they came; empty in a list of people, where `count` tells
    """

    name: str
    etag: str
    photographs: tuple[Photograph, ...]
    count: int
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """One of your galleries, and how much is in it."""

    name: str
    persons: int
    photographs: int
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person a face may be; `similarity` is to the nearest of the person's photographs."""

    person: str
    similarity: float
    photograph: str


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """One face of a picture, and who it is.

    person: the name; None for a stranger
    similarity: the cosine to the nearest person, stranger or not, -1 to 1; None in an
        empty gallery
    margin: how much nearer the nearest is than the second; None with less than two people
    candidates: the nearest people, as many as were asked for
    """

    person: str | None
    similarity: float | None
    margin: float | None
    candidates: tuple[Candidate, ...]
    box: Box
    score: float
    landmarks: Landmarks | None
    quality: FaceQuality


@dataclass(frozen=True, slots=True)
class Identified(Sequence[IdentifiedFace]):
    """Everyone on one picture, best found first.

    threshold: the similarity from which a face is a person's
    size: (width, height) of the upright picture the boxes refer to
    """

    faces: tuple[IdentifiedFace, ...]
    threshold: float
    model: str
    version: str
    size: tuple[int, int]
    timing: Timing

    def __iter__(self) -> Iterator[IdentifiedFace]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> IdentifiedFace: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[IdentifiedFace]: ...
    def __getitem__(self, index: int | slice) -> IdentifiedFace | Sequence[IdentifiedFace]:
        return self.faces[index]


@dataclass(frozen=True, slots=True)
class PersonVerification:
    """Whether a picture shows a certain person; from `threshold` on it does.

    photograph: the id of the most similar one
    """

    same_person: bool
    similarity: float
    threshold: float
    face: Face
    photograph: str
    model: str
    version: str
    timing: Timing


@dataclass(frozen=True, slots=True)
class ExportedPhotograph:
    """One photograph with all that is kept of it.

    embedding: (d,) float32 of length 1
    image: the picture's file; None where it was not kept
    """

    person: str
    photograph: Photograph
    embedding: NDArray[np.float32] = field(compare=False, repr=False)
    image: bytes | None = field(repr=False)
