"""`client.gallery(name)`: a gallery's methods, waiting for answers.

What a request or an answer looks like is the business of `_gallery_calls`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

import grpc

from seom import _gallery_calls as ask
from seom import methods
from seom._calls import Calls
from seom.call import Metadata
from seom.gallery import ExportedPhotograph, GalleryInfo, Identified, Person, PersonVerification
from seom.images import Photo

DAY = 86400.0


class Gallery:
    """One gallery of people, of your own; it comes into being with its first person.

    >>> with Client() as seom:
    ...     family = seom.gallery("kim")
    ...     mina = family.enroll("Mina", ["badge.jpg", "gate.jpg"])
    ...     for face in family.identify("people.jpg"):
    ...         print(face.person, f"{face.similarity:.2f}", face.box.center)
    Mina 0.80 (32.0, 24.0)
    None 0.10 (15.0, 15.0)

    Methods take `timeout` and `metadata` as the client's own do, and raise what they raise.

    name: 1 to 63 letters, digits, `.`, `_` or `-`
    model: the face model that embeds; by default the server's own
    """

    def __init__(self, calls: Calls, name: str, model: str = "") -> None:
        self._calls = calls
        self.name = name
        self.model = model

    def __repr__(self) -> str:
        return f"Gallery({self.name!r})"

    def enroll(
        self,
        person: str,
        photos: Sequence[Photo],
        *,
        keep_images: bool = False,
        request_id: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Adds a person, of whom each of 1 to 16 photographs shows exactly one good face.

        Args:
            person: letters and digits of any script, with single spaces, points, hyphens,
                apostrophes or underscores between them.
            photos: each as for `Client.detect`.
            keep_images: keeps the pictures' files as well, for `export`.
            request_id: what is sent again under the same id is carried out once; by default
                a fresh one, under which the client itself sends again what had no answer.

        Raises:
            AlreadyExists: the name is taken.
            InvalidArgument: a photograph that will not do; `fields` names it, and `reason`
                is NO_FACE, SEVERAL_FACES, FACE_TOO_SMALL or FACE_BLURRED.
            Overloaded: the gallery is full.
        """
        call = ask.enroll(
            self.name,
            person,
            photos,
            keep_images=keep_images,
            request_id=request_id,
            model=self.model,
        )
        return self._calls._unary(call, timeout, metadata)

    def add(
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
        """Adds photographs to a person; otherwise as `enroll`.

        With the `etag` of what you have seen, a person who has changed since is left alone,
        and Aborted is raised: `get` the person again. It is the same for all methods that
        take one.
        """
        call = ask.add(
            self.name,
            person,
            photos,
            keep_images=keep_images,
            request_id=request_id,
            etag=etag,
            model=self.model,
        )
        return self._calls._unary(call, timeout, metadata)

    def identify(
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
        """Tells who is on a picture.

        Args:
            threshold: cosine similarity, -1 to 1, from which a face is a person's; by
                default the model's own.
            top_k: how many candidates to name for each face, at most 50.

        The others as for `Client.faces.embed`.
        """
        call = ask.identify(
            self.name,
            photo,
            threshold=threshold,
            top_k=top_k,
            min_score=min_score,
            min_size=min_size,
            max_results=max_results,
            model=self.model,
        )
        return self._calls._unary(call, timeout, metadata)

    def verify(
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
        """Tells whether a picture shows a certain person of the gallery."""
        call = ask.verify(
            self.name,
            person,
            photo,
            threshold=threshold,
            min_score=min_score,
            min_size=min_size,
            choice=choice,
            model=self.model,
        )
        return self._calls._unary(call, timeout, metadata)

    def persons(
        self, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> Generator[Person, None, None]:
        """Everybody in the order of their enrolment, read page by page; without photographs.

        `timeout` is for each page.
        """
        token = ""
        while True:
            page = self._calls._unary(ask.persons(self.name, token, self.model), timeout, metadata)
            yield from page.items
            if not (token := page.token):
                return

    def get(
        self, person: str, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> Person:
        """A person with all photographs."""
        call = ask.get(self.name, person, self.model)
        return self._calls._unary(call, timeout, metadata)

    def rename(
        self,
        person: str,
        new_name: str,
        *,
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Gives a person another name."""
        call = ask.rename(self.name, person, new_name, etag, self.model)
        return self._calls._unary(call, timeout, metadata)

    def delete(
        self,
        person: str,
        *,
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Erases a person with all photographs, for good."""
        call = ask.delete(self.name, person, etag, self.model)
        self._calls._unary(call, timeout, metadata)

    def delete_photograph(
        self,
        person: str,
        photograph: str,
        *,
        etag: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Person:
        """Erases one photograph, by its id, for good; a person's last one stays."""
        call = ask.delete_photograph(self.name, person, photograph, etag, self.model)
        return self._calls._unary(call, timeout, metadata)

    def delete_gallery(
        self, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> None:
        """Erases the gallery with everybody in it, for good."""
        self._calls._unary(ask.delete_gallery(self.name, self.model), timeout, metadata)

    def export(
        self, *, timeout: float | None = None, metadata: Metadata | None = None
    ) -> Generator[ExportedPhotograph, None, None]:
        """Everything that is kept, photograph by photograph.

        Leaving the loop early cancels what is left. `timeout` is for the whole; a day if it
        does not say.
        """
        seconds = DAY if timeout is None else timeout
        envelope = self._calls._connection.envelope(self.model, seconds, metadata)
        call = self._calls._sender(methods.EXPORT_GALLERY)(
            ask.export(self.name, self.model),
            timeout=envelope.timeout,
            metadata=envelope.metadata,
        )
        try:
            for message in call:
                yield ask.exported(message)
        except grpc.RpcError as error:
            raise envelope.failure(error, given_up=self._calls._closed) from error
        finally:
            call.cancel()


def galleries(
    calls: Calls, model: str, timeout: float | None
) -> Generator[GalleryInfo, None, None]:
    """The galleries of `Client.galleries`, page by page."""
    token = ""
    while True:
        page = calls._unary(ask.galleries(token, model), timeout)
        yield from page.items
        if not (token := page.token):
            return
