"""`client.faces`: the methods for faces, in a group of their own; waiting and awaited.

What a request or an answer looks like is the business of `faces`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Literal, Protocol, TypeVar

from seom import faces, images
from seom.call import Call, Metadata
from seom.faces import Choice, Faces, Verification
from seom.images import Photo

Result = TypeVar("Result")


class Send(Protocol):
    """Sends a call and waits for its result."""

    def __call__(
        self, call: Call[Result], timeout: float | None, metadata: Metadata | None = None
    ) -> Result: ...


class AsyncSend(Protocol):
    """Sends a call whose result is awaited."""

    def __call__(
        self, call: Call[Result], timeout: float | None, metadata: Metadata | None = None
    ) -> Awaitable[Result]: ...


class FaceMethods:
    """What a face model can be asked."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def detect(
        self,
        photo: Photo,
        *,
        model: str = "",
        min_score: float | None = None,
        max_overlap: float | None = None,
        min_size: float | None = None,
        max_results: int = 0,
        sharpness: bool = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Faces:
        """Finds the faces on one picture, best first.

        >>> with Client() as seom:
        ...     for face in seom.faces.detect("people.jpg"):
        ...         print(f"{face.score:.2f}", face.box.center, face.landmarks.nose)
        0.90 (32.0, 24.0) Point(x=32.0, y=26.0)
        0.60 (15.0, 15.0) Point(x=15.0, y=16.0)

        Args:
            photo: as for `Client.detect`.
            model: a face model, or `name@version`; by default the server's own.
            min_score: leaves out what is below, 0 to 1; by default the model's own.
            max_overlap: of two boxes that overlap more (intersection over union, 0 to 1)
                only the better is kept; by default the model's own.
            min_size: leaves out faces whose box's shorter side has fewer pixels; by
                default the model's own.
            max_results: at most so many; 0 is the model's own limit.
            sharpness: measures how sharp each face is, half a millisecond's work.
            metadata: headers to send along, such as `{"traceparent": …}`.

        Raises:
            OSError, TypeError, ValueError: before any call, for a photo that is none.
            InvalidArgument: the server cannot read the picture, or a value is out of range.
        """
        call = faces.detect(
            photo,
            model=model,
            min_score=min_score,
            max_overlap=max_overlap,
            min_size=min_size,
            max_results=max_results,
            sharpness=sharpness,
        )
        return self._send(call, timeout, metadata)

    def embed(
        self,
        photos: Sequence[Photo],
        *,
        model: str = "",
        min_score: float | None = None,
        max_overlap: float | None = None,
        min_size: float | None = None,
        max_results: int = 0,
        choice: Choice = "all",
        mirror: bool | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> tuple[Faces, ...]:
        """Finds and embeds the faces of 1 to 16 pictures: one `Faces` for each, in order.

        >>> with Client() as seom:
        ...     badge, gate = seom.faces.embed(["badge.jpg", "gate.jpg"], choice="largest")
        >>> similarity = badge[0].embedding @ gate[0].embedding
        >>> f"{similarity:.2f}"
        '0.96'

        Args:
            photos: each as for `Client.detect`.
            choice: "all" faces of each picture, its "largest", or its "only" one. With the
                latter two a picture is refused that shows none, or none good enough; the
                error's `reason` is NO_FACE, FACE_TOO_SMALL or FACE_BLURRED. With "only"
                one with several is refused, too: SEVERAL_FACES.
            mirror: whether an embedding is the mean over the face and its mirror image:
                steadier, at twice the time; by default the model's own choice.

        The others, and what is raised, as for `detect`.
        """
        call = faces.embed(
            photos,
            model=model,
            min_score=min_score,
            max_overlap=max_overlap,
            min_size=min_size,
            max_results=max_results,
            choice=choice,
            mirror=mirror,
        )
        return self._send(call, timeout, metadata)

    def verify(
        self,
        first: Photo,
        second: Photo,
        *,
        model: str = "",
        threshold: float | None = None,
        min_score: float | None = None,
        min_size: float | None = None,
        choice: Literal["largest", "only"] = "only",
        mirror: bool | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Verification:
        """Tells whether two pictures show the same person.

        >>> with Client() as seom:
        ...     found = seom.faces.verify("badge.jpg", "gate.jpg")
        >>> found.same_person, f"{found.similarity:.2f}", found.threshold
        (True, '0.96', 0.5)

        Args:
            threshold: cosine similarity, -1 to 1, from which two faces are one person's;
                by default the model's own.
            choice: which face of each picture is compared: its "only" one, or its "largest".

        The others, and what is raised, as for `embed`.
        """
        call = faces.verify(
            first,
            second,
            model=model,
            threshold=threshold,
            min_score=min_score,
            min_size=min_size,
            choice=choice,
            mirror=mirror,
        )
        return self._send(call, timeout, metadata)


class AsyncFaceMethods:
    """`FaceMethods`, awaited: the same arguments, results and errors."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def detect(
        self,
        photo: Photo,
        *,
        model: str = "",
        min_score: float | None = None,
        max_overlap: float | None = None,
        min_size: float | None = None,
        max_results: int = 0,
        sharpness: bool = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Faces:
        """Finds the faces on one picture, best first; see `Client.faces`."""
        call = faces.detect(
            await images.loaded(photo),
            model=model,
            min_score=min_score,
            max_overlap=max_overlap,
            min_size=min_size,
            max_results=max_results,
            sharpness=sharpness,
        )
        return await self._send(call, timeout, metadata)

    async def embed(
        self,
        photos: Sequence[Photo],
        *,
        model: str = "",
        min_score: float | None = None,
        max_overlap: float | None = None,
        min_size: float | None = None,
        max_results: int = 0,
        choice: Choice = "all",
        mirror: bool | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> tuple[Faces, ...]:
        """Finds and embeds the faces of 1 to 16 pictures; see `Client.faces`."""
        call = faces.embed(
            await asyncio.gather(*map(images.loaded, faces.several(photos))),
            model=model,
            min_score=min_score,
            max_overlap=max_overlap,
            min_size=min_size,
            max_results=max_results,
            choice=choice,
            mirror=mirror,
        )
        return await self._send(call, timeout, metadata)

    async def verify(
        self,
        first: Photo,
        second: Photo,
        *,
        model: str = "",
        threshold: float | None = None,
        min_score: float | None = None,
        min_size: float | None = None,
        choice: Literal["largest", "only"] = "only",
        mirror: bool | None = None,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Verification:
        """Tells whether two pictures show the same person; see `Client.faces`."""
        call = faces.verify(
            await images.loaded(first),
            await images.loaded(second),
            model=model,
            threshold=threshold,
            min_score=min_score,
            min_size=min_size,
            choice=choice,
            mirror=mirror,
        )
        return await self._send(call, timeout, metadata)
