"""ModelStreamInfer for a decoupled model: each request has as many responses as it takes.

Responses leave as they come, so those of several requests mix; each carries its request's
id. The request stream is always drained, as in `streaming`, by the same bounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import Overloaded, ServingError
from serving.replica.streaming import MAX_WAITING, MAX_WAITING_BYTES, in_stream_error

Responses = AsyncIterator[pb.ModelStreamInferResponse]
Grow = Callable[[pb.ModelInferRequest], Responses]

# What waits for a client to read; then the model's own answers pile up no further.
_UNREAD = 64


async def interleave(
    requests: AsyncIterator[pb.ModelInferRequest], grow: Grow, *, window: int, fatal: bool = False
) -> Responses:
    """Answers every message of a stream, up to `window` of them at the same time.

    grow: the responses to one message; raises ServingError alone
    fatal: end the stream with the first error, as Triton's `triton_grpc_error: true` asks
    """
    stream = _Stream(grow, window, fatal)
    reader = asyncio.create_task(stream.read(requests))
    try:
        while (response := await stream.unread.get()) is not None:
            if isinstance(response, ServingError):
                raise response
            yield response
    finally:
        reader.cancel()
        stream.cancel()


class _Stream:
    def __init__(self, grow: Grow, window: int, fatal: bool) -> None:
        self.unread: asyncio.Queue[pb.ModelStreamInferResponse | ServingError | None]
        self.unread = asyncio.Queue(_UNREAD)
        self._grow = grow
        self._fatal = fatal
        self._window = asyncio.Semaphore(window)
        self._tasks: dict[asyncio.Task[None], int] = {}  # and the bytes of their requests
        self._bytes = 0

    async def read(self, requests: AsyncIterator[pb.ModelInferRequest]) -> None:
        overrun = False
        async for request in requests:
            # A client that heeds no refusal is read on, and nothing of it is kept.
            overrun = overrun or len(self._tasks) >= 2 * MAX_WAITING
            if not overrun:
                self._accept(request)
        if self._tasks:
            await asyncio.wait(self._tasks)
        if overrun:
            await self.unread.put(
                Overloaded("the stream's client sent on and did not read its answers")
            )
        await self.unread.put(None)

    def _accept(self, request: pb.ModelInferRequest) -> None:
        size = request.ByteSize()
        full = len(self._tasks) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES
        if full:
            request = pb.ModelInferRequest(id=request.id, model_name=request.model_name)
            size = 0
        task = asyncio.create_task(self._refuse(request) if full else self._run(request))
        self._tasks[task] = size
        self._bytes += size
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._bytes -= self._tasks.pop(task, 0)

    async def _run(self, request: pb.ModelInferRequest) -> None:
        async with self._window:
            try:
                async with aclosing(self._grow(request)) as responses:  # type: ignore[type-var]
                    async for response in responses:
                        await self.unread.put(response)
            except ServingError as error:
                await self._fail(error, request)

    async def _refuse(self, request: pb.ModelInferRequest) -> None:
        full = Overloaded(f"more than {MAX_WAITING} requests wait on this stream")
        await self._fail(full, request)

    async def _fail(self, error: ServingError, request: pb.ModelInferRequest) -> None:
        await self.unread.put(error if self._fatal else in_stream_error(error, request))

    def cancel(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
