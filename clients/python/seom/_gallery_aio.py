"""`AsyncClient.gallery(name)`: a gallery's methods, awaited.

What a request or an answer looks like is the business of `_gallery_calls`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import grpc

from seom import _gallery_calls as ask
from seom import faces, images, methods
from seom._calls import AsyncCalls
from seom._gallery import DAY
from seom.call import Metadata
from seom.gallery import ExportedPhotograph, GalleryInfo, Identified, Person, PersonVerification
from seom.images import Photo


class AsyncGallery:
    """`Gallery`, awaited: the same arguments, results and errors."""

    def __init__(self, calls: AsyncCalls, name: str, model: str = "") -> None:
        self._calls = calls
        self.name = name
        self.model = model

    def __repr__(self) -> str:
        return f"AsyncGallery({self.name!r})"

    async def enroll(
        self,
        person: str,
        photos: Sequence[Photo],
        *,
        keep_images: bool = False,
        request_id: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Adds a person by 1 to 16 photographs; see `Gallery.enroll`."""
        call = ask.enroll(
            self.name,
            person,
            await asyncio.gather(*map(images.loaded, faces.several(photos))),
            keep_images=keep_images,
            request_id=request_id,
            model=self.model,
        )
        return await self._calls._unary(call, timeout, metadata)

    async def add(
        self,
        person: str,
        photos: Sequence[Photo],
        *,
        keep_images: bool = False,
        request_id: str = "",
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Adds photographs to a person; otherwise as `enroll`; see `Gallery.add`."""
        call = ask.add(
            self.name,
            person,
            await asyncio.gather(*map(images.loaded, faces.several(photos))),
            keep_images=keep_images,
            request_id=request_id,
            etag=etag,
            model=self.model,
        )
        return await self._calls._unary(call, timeout, metadata)

    async def identify(
        self,
        photo: Photo,
        *,
        threshold: float | None = None,
        top_k: int = 1,
        min_score: float | None = None,
        min_size: float | None = None,
        max_results: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Identified:
        """Tells who is on a picture; see `Gallery.identify`."""
        call = ask.identify(
            self.name,
            await images.loaded(photo),
            threshold=threshold,
            top_k=top_k,
            min_score=min_score,
            min_size=min_size,
            max_results=max_results,
            model=self.model,
        )
        return await self._calls._unary(call, timeout, metadata)

    async def verify(
        self,
        person: str,
        photo: Photo,
        *,
        threshold: float | None = None,
        min_score: float | None = None,
        min_size: float | None = None,
        choice: Literal["largest", "only"] = "only",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> PersonVerification:
        """Tells whether a picture shows a certain person of the gallery; see `Gallery.verify`."""
        call = ask.verify(
            self.name,
            person,
            await images.loaded(photo),
            threshold=threshold,
            min_score=min_score,
            min_size=min_size,
            choice=choice,
            model=self.model,
        )
        return await self._calls._unary(call, timeout, metadata)

    async def persons(
        self, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> AsyncGenerator[Person, None]:
        """Everybody in the order of their enrolment; see `Gallery.persons`."""
        token = ""
        while True:
            page = await self._calls._unary(
                ask.persons(self.name, token, self.model), timeout, metadata
            )
            for person in page.items:
                yield person
            if not (token := page.token):
                return

    async def get(
        self, person: str, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> Person:
        """A person with all photographs; see `Gallery.get`."""
        call = ask.get(self.name, person, self.model)
        return await self._calls._unary(call, timeout, metadata)

    async def rename(
        self,
        person: str,
        new_name: str,
        *,
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Gives a person another name; see `Gallery.rename`."""
        call = ask.rename(self.name, person, new_name, etag, self.model)
        return await self._calls._unary(call, timeout, metadata)

    async def delete(
        self,
        person: str,
        *,
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Erases a person with all photographs, for good; see `Gallery.delete`."""
        call = ask.delete(self.name, person, etag, self.model)
        await self._calls._unary(call, timeout, metadata)

    async def delete_photograph(
        self,
        person: str,
        photograph: str,
        *,
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Erases one photograph; see `Gallery.delete_photograph`."""
        call = ask.delete_photograph(self.name, person, photograph, etag, self.model)
        return await self._calls._unary(call, timeout, metadata)

    async def delete_gallery(
        self, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> None:
        """Erases the gallery with everybody in it, for good; see `Gallery.delete_gallery`."""
        await self._calls._unary(ask.delete_gallery(self.name, self.model), timeout, metadata)

    async def export(
        self, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> AsyncGenerator[ExportedPhotograph, None]:
        """Everything that is kept, photograph by photograph; see `Gallery.export`."""
        seconds = DAY if timeout is None else timeout
        envelope = self._calls._connection.envelope(self.model, seconds, metadata)
        call = self._calls._sender(methods.EXPORT_GALLERY)(
            ask.export(self.name, self.model),
            timeout=envelope.timeout,
            metadata=envelope.metadata,
        )
        try:
            async for message in call:
                yield ask.exported(message)
        except grpc.RpcError as error:
            raise envelope.failure(error, given_up=self._calls._closed) from error
        except asyncio.CancelledError:
            self._calls._raise_if_closed(envelope)
            raise
        finally:
            call.cancel()


async def galleries_async(
    calls: AsyncCalls, model: str, timeout: float | None
) -> AsyncGenerator[GalleryInfo, None]:
    """The galleries of `AsyncClient.galleries`, page by page."""
    token = ""
    while True:
        page = await calls._unary(ask.galleries(token, model), timeout)
        for each in page.items:
            yield each
        if not (token := page.token):
            return
