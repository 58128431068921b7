"""The asyncio client: `Client`, awaited. Requests and answers are made where Client's are."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from types import TracebackType
from typing import Any, Self

import grpc

from seom import control, detection, images, methods, tensor, video
from seom._chat_aio import AsyncChatMethods
from seom._faces import AsyncFaceMethods
from seom._gallery_aio import AsyncGallery, galleries_async
from seom._health import Health
from seom._synthesis_aio import AsyncSynthesisMethods
from seom._texts import AsyncTextMethods
from seom._video import watch_async
from seom.call import Metadata
from seom.control import ModelMetadata, ModelState, ModelStatistics, ServerMetadata
from seom.datatypes import Tensor
from seom.detection import Detections
from seom.gallery import GalleryInfo
from seom.images import Photo
from seom.tensor import InferRequest, InferResult, Parameter
from seom.video import Frame, Settings, VideoDetections


class AsyncClient(AsyncChatMethods, AsyncSynthesisMethods, AsyncTextMethods):
    """`Client` for asyncio: the same arguments, methods, results and errors.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as seom:
    ...         pictures = ["street.jpg", "street.jpg"]
    ...         for found in await asyncio.gather(*map(seom.detect, pictures)):
    ...             print([thing.label for thing in found])
    >>> asyncio.run(main())
    ['cat', 'dog']
    ['cat', 'dog']

    It belongs to the event loop of its first call; in another it raises RuntimeError.
    Cancelling a task cancels its call on the server.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection; calls under way fail with `Cancelled`. May be repeated."""
        if channel := self._shut():
            await channel.close()

    # Vision

    async def detect(
        self,
        photo: Photo,
        *,
        model: str = "",
        min_score: float | None = None,
        max_overlap: float | None = None,
        labels: Sequence[str] = (),
        max_results: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Detections:
        """Finds the objects on one picture, best first; see `Client.detect`."""
        call = detection.detect(
            await images.loaded(photo),
            model=model,
            min_score=min_score,
            max_overlap=max_overlap,
            labels=labels,
            max_results=max_results,
        )
        return await self._unary(call, timeout, metadata)

    def detect_video(
        self,
        frames: Iterable[Frame] | AsyncIterable[Frame],
        *,
        model: str = "",
        further_models: Sequence[str] = (),
        every: int = 1,
        drop_late: bool = False,
        min_score: float | None = None,
        max_overlap: float | None = None,
        labels: Sequence[str] = (),
        max_results: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> AsyncGenerator[VideoDetections, None]:
        """Finds the objects on the frames of a video: one result for each frame, in order.

        As `Client.detect_video`; `frames` may be asynchronous as well, and if they are
        not, a thread takes them.
        """
        settings = Settings(
            model, further_models, every, drop_late, min_score, max_overlap, labels, max_results
        )
        seconds = video.DAY if timeout is None else timeout
        envelope = self._connection.envelope(model, seconds, metadata)
        send = self._sender(methods.DETECT_VIDEO)
        return watch_async(
            partial(send, timeout=envelope.timeout, metadata=envelope.metadata),
            envelope,
            settings,
            frames,
            self._raise_if_closed,
        )

    @property
    def faces(self) -> AsyncFaceMethods:
        """The methods for faces; see `Client.faces`."""
        return AsyncFaceMethods(self._unary)

    def gallery(self, name: str, *, model: str = "") -> AsyncGallery:
        """A gallery of people; see `Client.gallery`."""
        return AsyncGallery(self, name, model)

    def galleries(
        self, *, model: str = "", timeout: float | None = None
    ) -> AsyncGenerator[GalleryInfo, None]:
        """Your galleries by their names; see `Client.galleries`."""
        return galleries_async(self, model, timeout)

    # Tensors

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, Tensor],
        *,
        outputs: Sequence[str] | None = None,
        version: str = "",
        parameters: Mapping[str, Parameter] | None = None,
        request_id: str = "",
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> InferResult:
        """Runs a model on named tensors; see `Client.infer`."""
        request = InferRequest(model, inputs, outputs, version, parameters, request_id)
        return await self._unary(tensor.infer(request, metadata), timeout, metadata)

    async def infer_stream(
        self,
        requests: Iterable[InferRequest] | AsyncIterable[InferRequest],
        *,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> AsyncGenerator[InferResult, None]:
        """Runs many requests over one stream and yields their results in order.

        As `Client.infer_stream`; `requests` may be asynchronous as well.
        """
        source = _asynchronous(requests)
        first = await anext(source, None)
        if first is None:
            return
        exchange = tensor.Exchange()
        opening = exchange.message(first)
        envelope = self._connection.envelope(first.model, timeout, metadata)

        async def messages() -> AsyncIterator[Any]:
            try:
                yield opening
                async for request in source:
                    yield exchange.message(request)
            except Exception as error:
                exchange.failure = error

        call = self._sender(methods.STREAM_INFER)(
            messages(), timeout=envelope.timeout, metadata=envelope.metadata
        )
        try:
            async for response in call:
                yield exchange.result(response, envelope.request_id)
        except grpc.RpcError as error:
            raise envelope.failure(error, given_up=self._closed) from error
        except asyncio.CancelledError:
            self._raise_if_closed(envelope)
            raise
        finally:
            call.cancel()
        if exchange.failure is not None:
            raise exchange.failure

    # The server and its models

    async def live(self, *, timeout: float | None = None) -> bool:
        """Whether the server runs at all."""
        return await self._unary(control.live(), timeout)

    async def ready(
        self, model: str = "", *, version: str = "", timeout: float | None = None
    ) -> bool:
        """Whether the server, or one model, can take requests."""
        return await self._unary(control.ready(model, version), timeout)

    async def health(self, model: str = "", *, timeout: float | None = None) -> Health:
        """The health of the server, or of one model, as load balancers ask for it."""
        return await self._unary(control.health(model), timeout)

    async def server_metadata(self, *, timeout: float | None = None) -> ServerMetadata:
        """The server's name, version and protocol extensions."""
        return await self._unary(control.server_metadata(), timeout)

    async def metadata(
        self, model: str, *, version: str = "", timeout: float | None = None
    ) -> ModelMetadata:
        """What a model takes and gives."""
        return await self._unary(control.metadata(model, version), timeout)

    async def config(
        self, model: str, *, version: str = "", timeout: float | None = None
    ) -> dict[str, Any]:
        """A model's configuration as Triton has it; what is at its default is left out."""
        return await self._unary(control.config(model, version), timeout)

    async def statistics(
        self, model: str = "", *, version: str = "", timeout: float | None = None
    ) -> tuple[ModelStatistics, ...]:
        """Totals since the server began, of one model or of all."""
        return await self._unary(control.statistics(model, version), timeout)

    async def models(
        self, *, ready: bool = False, timeout: float | None = None
    ) -> tuple[ModelState, ...]:
        """The models of the repository and their states; with `ready`, only those that are."""
        return await self._unary(control.models(ready), timeout)

    async def load(self, model: str, *, timeout: float | None = None) -> None:
        """Makes a model of the repository ready; give it the time its weights take."""
        await self._unary(control.load(model), timeout)

    async def unload(self, model: str, *, timeout: float | None = None) -> None:
        """Stops serving a model; requests under way are finished."""
        await self._unary(control.unload(model), timeout)


async def _asynchronous(
    requests: Iterable[InferRequest] | AsyncIterable[InferRequest],
) -> AsyncGenerator[InferRequest, None]:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            yield request
    else:
        for request in requests:
            yield request
