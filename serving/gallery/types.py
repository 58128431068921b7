"""What a gallery takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from serving.errors import Aborted


@dataclass(frozen=True, slots=True)
class Place:
    """One gallery of one tenant, by the edge's word."""

    tenant: str
    gallery: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one gallery, and one tenant, may hold."""

    persons: int = 10_000
    photographs: int = 50_000
    photographs_each: int = 100
    galleries: int = 10_000


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one face: pixels, variance of the Laplacian, degrees; None where unknown."""

    size: float = 0.0
    sharpness: float | None = None
    yaw: float | None = None
    pitch: float | None = None
    roll: float | None = None


@dataclass(frozen=True, slots=True)
class NewPhotograph:
    """embedding: (d,) float32 of length 1; image: the file, where it is to be kept."""

    embedding: NDArray[np.float32] = field(repr=False)
    quality: Quality = Quality()
    image: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Photograph:
    """model: what embedded it, `name@version`; created: microseconds since 1970."""

    id: str
    model: str
    quality: Quality
    created: int
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """photographs: none where people are listed; `count` is always known."""

    id: int
    version: int
    name: str
    count: int
    created: int
    updated: int
    photographs: tuple[Photograph, ...] = ()

    @property
    def etag(self) -> str:
        return f"{self.id}-{self.version}"

    def require(self, etag: str) -> None:
        """Raises Aborted where an etag is given and is not this one."""
        if etag not in ("", self.etag):
            raise Aborted(
                f"{self.name!r} has changed since; get the person again, and repeat what is "
                "still wanted with the new etag",
                reason="STALE_ETAG",
            )


@dataclass(frozen=True, slots=True)
class Gallery:
    name: str
    persons: int
    photographs: int
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Exported:
    """One photograph with everything that is kept of it."""

    person: str
    photograph: Photograph
    embedding: NDArray[np.float32] = field(repr=False)
    image: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What makes repeating an enrolment harmless.

    id: the caller's word; "" is none
    digest: of what was asked, to tell a repetition from another request
    """

    id: str = ""
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person and the similarity (cosine) of the nearest of the photographs."""

    person: str
    similarity: float
    photograph: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who one face may be.

    candidates: nearest first, as many as were asked for
    margin: how much nearer the first is than the second; None with less than two people
    """

    candidates: tuple[Candidate, ...]
    margin: float | None
