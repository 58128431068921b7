"""What a replica of the family `face` does with galleries: embeds, then keeps or compares.

Pictures go through the same batcher as any request's; the database and the search run in a
few threads of their own, for they block.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np
from google.protobuf.message import Message

from seom.pb.v1 import gallery_pb2 as pb
from serving.errors import FailedPrecondition, ServingError
from serving.gallery.database import Database, url_of
from serving.gallery.search import Search
from serving.gallery.store import Store
from serving.gallery.types import Exported, Limits, NewPhotograph, Quality
from serving.models.face.choose import refuse_blurred
from serving.models.face.options import Options
from serving.models.face.types import Faces, Found, Query
from serving.replica.call import Call
from serving.replica.statistics import Statistics
from serving.repository.config import ModelConfig
from serving.services import gallery as service
from serving.services import gallery_answers as answers
from serving.services.timing import timing_message
from serving.services.typed import Kept
from serving.timing import Timeline

Result = TypeVar("Result")

_THREADS = 4
_FORGET_S = 0.5  # how soon what another replica has erased is dropped from this one's memory
_EXPORTED = 16  # photographs on their way to one client


class Submit(Protocol):
    """Has the model look at pictures, in a batch."""

    def __call__(self, item: Query, call: Call, timeline: Timeline) -> Awaitable[Found]: ...


class GalleryCalls:
    """Serves the galleries of one replica.

    Raises FailedPrecondition where its configuration cannot be; the database is opened by
    the first call.
    """

    def __init__(
        self, config: ModelConfig, submit: Submit, statistics: Statistics, identity: str
    ) -> None:
        options = config.options
        assert isinstance(options, Options)
        assert options.gallery is not None, "there is a gallery to keep. This is a bug."
        if options.embedder is None:
            raise FailedPrecondition(
                f"model {config.name}: a gallery needs an embedder", reason="NO_EMBEDDER"
            )
        self._config = config
        self._options = options.gallery
        self._embedder = options.embedder
        self._submit = submit
        self._statistics = statistics
        self._identity = identity
        self._model = f"{config.name}@{config.version}"
        self._database = Database(url_of(self._options.url_from, self._options.file))
        limits = Limits(
            persons=self._options.persons,
            photographs=self._options.photographs,
            photographs_each=self._options.photographs_each,
            galleries=self._options.galleries,
        )
        self._store = Store(self._database, limits, self._model)
        self._search: Search | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="seom-gallery")
        self._forgetting: asyncio.Task[None] | None = None
        self._answers: dict[type, Callable[[Any, Call, Timeline], Awaitable[Any]]] = {
            service.Enrolment: self._enrol,
            service.Identification: self._identify,
            service.Verification: self._verify,
            service.PersonList: self._persons,
            service.Lookup: self._person,
            service.Renaming: self._rename,
            service.Erasure: self._erase,
            service.GalleryList: self._galleries,
            service.GalleryErasure: self._erase_gallery,
        }

    async def whole(self, kept: Kept, request: Any, call: Call, timeline: Timeline) -> Message:
        """The answer to a unary call; raises ServingError."""
        asked = kept.parse(request, call.tenant)
        response = await self._answers[type(asked)](asked, call, timeline)
        response.model_name, response.model_version = self._config.name, self._config.version
        response.timing.CopyFrom(timing_message(timeline, self._identity))
        self._statistics.succeed(timeline)
        return response  # type: ignore[no-any-return]

    async def pieces(
        self, kept: Kept, request: Any, call: Call, timeline: Timeline
    ) -> AsyncIterator[Message]:
        """The messages of an ExportGallery: the first names the model, the last has the timing."""
        asked = kept.parse(request, call.tenant)
        exported = self._store.export(asked.place)
        waiting: pb.ExportGalleryResponse | None = None
        while part := await self._block(_some, exported):
            for each in part:
                first = waiting is None
                if waiting is not None:
                    yield waiting
                waiting = answers.exported_message(each)
                if first:
                    waiting.model_name = self._config.name
                    waiting.model_version = self._config.version
            if call.remaining <= 0:
                raise call.expired()
        if waiting is not None:
            waiting.timing.CopyFrom(timing_message(timeline, self._identity))
            yield waiting
        self._statistics.succeed(timeline)

    async def close(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            with suppress(asyncio.CancelledError):
                await self._forgetting
        await asyncio.to_thread(self._threads.shutdown)
        self._database.close()

    # Answers ----------------------------------------------------------------------

    async def _enrol(
        self, asked: service.Enrolment, call: Call, timeline: Timeline
    ) -> pb.EnrollResponse:
        store, place, person = self._store, asked.place, asked.person
        # Nothing is computed for what was done before, or cannot be.
        done = await self._block(store.replay, place, person, asked.request, new=asked.new)
        if done is None:
            found = await self._look(asked.query, call, timeline)
            for picture, faces in zip(asked.query.pictures, found.pictures, strict=True):
                refuse_blurred(faces, self._options.min_sharpness, picture.field)
            new = [
                _new(faces, image)
                for faces, image in zip(found.pictures, asked.images, strict=True)
            ]
            if asked.new:
                done = await self._block(store.enrol, place, person, new, asked.request)
            else:
                done = await self._block(store.add, place, person, new, asked.request, asked.etag)
        return pb.EnrollResponse(person=answers.person_message(done))

    async def _identify(
        self, asked: service.Identification, call: Call, timeline: Timeline
    ) -> pb.IdentifyResponse:
        found = await self._submit(asked.query, call, timeline)
        embeddings = _embeddings(found.pictures[0])
        identities = await self._block(
            self._searching(embeddings.shape[1]).identify, asked.place, embeddings, asked.top_k
        )
        return answers.identified_message(found, identities, self._threshold(asked.threshold))

    async def _verify(
        self, asked: service.Verification, call: Call, timeline: Timeline
    ) -> pb.VerifyPersonResponse:
        photographs, rows = await self._block(self._store.embeddings, asked.place, asked.person)
        found = await self._submit(asked.query, call, timeline)
        similarities = rows @ _embeddings(found.pictures[0])[0]
        best = int(similarities.argmax())
        similarity = float(np.clip(similarities[best], -1, 1))
        threshold = self._threshold(asked.threshold)
        return answers.verified_message(found, similarity, photographs[best], threshold)

    async def _persons(
        self, asked: service.PersonList, call: Call, timeline: Timeline
    ) -> pb.ListPersonsResponse:
        # One more than a page tells whether another follows.
        found = await self._block(self._store.persons, asked.place, asked.after, asked.limit + 1)
        page = found[: asked.limit]
        return pb.ListPersonsResponse(
            persons=map(answers.person_message, page),
            next_page_token=str(page[-1].id) if len(found) > asked.limit else "",
        )

    async def _person(
        self, asked: service.Lookup, call: Call, timeline: Timeline
    ) -> pb.GetPersonResponse:
        found = await self._block(self._store.person, asked.place, asked.person)
        return pb.GetPersonResponse(person=answers.person_message(found))

    async def _rename(
        self, asked: service.Renaming, call: Call, timeline: Timeline
    ) -> pb.RenamePersonResponse:
        renamed = await self._block(
            self._store.rename, asked.place, asked.person, asked.new, asked.etag
        )
        return pb.RenamePersonResponse(person=answers.person_message(renamed))

    async def _erase(
        self, asked: service.Erasure, call: Call, timeline: Timeline
    ) -> pb.DeletePersonResponse | pb.DeletePhotographResponse:
        store, place, person = self._store, asked.place, asked.person
        if asked.photograph is None:
            await self._block(store.delete_person, place, person, asked.etag)
            return pb.DeletePersonResponse()
        left = await self._block(
            store.delete_photograph, place, person, asked.photograph, asked.etag
        )
        return pb.DeletePhotographResponse(person=answers.person_message(left))

    async def _galleries(
        self, asked: service.GalleryList, call: Call, timeline: Timeline
    ) -> pb.ListGalleriesResponse:
        found = await self._block(self._store.galleries, asked.tenant, asked.after, asked.limit + 1)
        page = found[: asked.limit]
        return pb.ListGalleriesResponse(
            galleries=map(answers.gallery_message, page),
            next_page_token=page[-1].name if len(found) > asked.limit else "",
        )

    async def _erase_gallery(
        self, asked: service.GalleryErasure, call: Call, timeline: Timeline
    ) -> pb.DeleteGalleryResponse:
        await self._block(self._store.delete_gallery, asked.place)
        return pb.DeleteGalleryResponse()

    # Parts ------------------------------------------------------------------------

    async def _look(self, query: Query, call: Call, timeline: Timeline) -> Found:
        """Photographs to enrol are held to what a gallery wants of them."""
        least = max(self._options.min_size, self._embedder.min_size)
        wanted = Query(query.pictures, "embed", min_size=least, choice="only")
        return await self._submit(wanted, call, timeline)

    def _threshold(self, asked: float | None) -> float:
        return self._embedder.threshold if asked is None else asked

    def _searching(self, dimension: int) -> Search:
        """The search, from the first call on that shows how long embeddings are."""
        if self._search is None:
            self._search = Search(self._database, self._model, dimension, self._options.cache_bytes)
            self._forgetting = asyncio.create_task(self._forget())
        return self._search

    async def _forget(self) -> None:
        """Keeps this replica's memory free of what any replica has erased."""
        assert self._search is not None
        while True:
            await asyncio.sleep(_FORGET_S)
            with suppress(ServingError):  # told in the log; the next round tries again
                await self._block(self._search.forget)

    async def _block(self, work: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*arguments, **named))


def _some(exported: Iterator[Exported]) -> list[Exported]:
    return list(islice(exported, _EXPORTED))


def _embeddings(faces: Faces) -> Any:
    assert faces.embeddings is not None, "what is embedded has embeddings. This is a bug."
    return faces.embeddings


def _new(faces: Faces, image: bytes | None) -> NewPhotograph:
    """The one face of a picture, with how good it is."""
    (x_min, y_min, x_max, y_max) = faces.boxes[0].tolist()
    angles = (None,) * 3 if faces.angles is None else faces.angles[0].tolist()
    sharpness = None if faces.sharpness is None else float(faces.sharpness[0])
    quality = Quality(min(x_max - x_min, y_max - y_min), sharpness, *angles)
    return NewPhotograph(_embeddings(faces)[0], quality, image)
