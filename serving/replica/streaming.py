"""ModelStreamInfer: many requests on one stream, answered in their order.

The request stream is always drained: a stream that is not read fills the windows of
its connection, and others share that connection. What a client sends beyond the
stream's bounds is refused inside the stream; a client that goes on regardless loses
the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import Overloaded, ServingError
from serving.services.tensor import set_parameters

MAX_WAITING = 1024
MAX_WAITING_BYTES = 256 * 2**20

Answers = list[pb.ModelStreamInferResponse]
Answer = Callable[[pb.ModelInferRequest], Awaitable[Answers]]


async def pump(
    requests: AsyncIterator[pb.ModelInferRequest],
    answer: Answer,
    *,
    window: int,
    fatal: bool = False,
) -> AsyncIterator[pb.ModelStreamInferResponse]:
    """Answers every message of a stream, up to `window` of them at the same time.

    fatal: end the stream with the first error (Triton's `triton_grpc_error: true`);
    otherwise an error is an answer and the stream goes on.
    """
    stream = _Stream(answer, window)
    reader = asyncio.create_task(stream.read(requests))
    try:
        while (task := await stream.answers.get()) is not None:
            try:
                responses = await task
            except ServingError as error:
                if fatal:
                    raise
                responses = [in_stream_error(error, stream.request_of(task))]
            for response in responses:
                yield response
            stream.done(task)
        await reader  # raises what ended the stream's requests early
    finally:
        reader.cancel()
        stream.cancel()


def in_stream_error(
    error: ServingError, request: pb.ModelInferRequest
) -> pb.ModelStreamInferResponse:
    """An error that concerns one request of a stream; the stream stays open."""
    response = pb.ModelStreamInferResponse(error_message=error.message)
    answered = response.infer_response
    answered.id, answered.model_name = request.id, request.model_name
    answered.model_version = request.model_version
    set_parameters(
        answered.parameters,
        {
            "triton_final_response": True,
            "error.status": int(error.status),
            "error.reason": error.reason,
        },
    )
    return response


class _Stream:
    """The messages between their arrival and the moment their answer has left.

    A place in the window is given back only then: a client that does not read keeps
    no more than a window of answers here.
    """

    def __init__(self, answer: Answer, window: int) -> None:
        self.answers: asyncio.Queue[asyncio.Task[Answers] | None] = asyncio.Queue()
        self._answer = answer
        self._window = asyncio.Semaphore(window)
        self._placed: set[asyncio.Task[Answers]] = set()
        self._waiting: dict[asyncio.Task[Answers], tuple[pb.ModelInferRequest, int]] = {}
        self._bytes = 0

    async def read(self, requests: AsyncIterator[pb.ModelInferRequest]) -> None:
        overrun = False
        try:
            async for request in requests:
                # A client that heeds no refusal is read on, and nothing of it is kept.
                overrun = overrun or len(self._waiting) >= 2 * MAX_WAITING
                if not overrun:
                    self._accept(request)
        finally:
            self.answers.put_nowait(None)
        if overrun:
            raise Overloaded("the stream's client sent on and did not read its answers")

    def _accept(self, request: pb.ModelInferRequest) -> None:
        size = request.ByteSize()
        full = len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES
        if full:
            request = pb.ModelInferRequest(id=request.id, model_name=request.model_name)
            size = 0
        task = asyncio.create_task(self._refuse() if full else self._run(request))
        self._waiting[task] = (request, size)
        self._bytes += size
        self.answers.put_nowait(task)

    async def _run(self, request: pb.ModelInferRequest) -> Answers:
        # Places are given in the order of arrival, so the next to leave always has one.
        await self._window.acquire()
        task = asyncio.current_task()
        assert task is not None
        self._placed.add(task)
        return await self._answer(request)

    async def _refuse(self) -> Answers:
        raise Overloaded(f"more than {MAX_WAITING} requests wait on this stream")

    def request_of(self, task: asyncio.Task[Answers]) -> pb.ModelInferRequest:
        return self._waiting[task][0]

    def done(self, task: asyncio.Task[Answers]) -> None:
        self._bytes -= self._waiting.pop(task)[1]
        if task in self._placed:
            self._placed.remove(task)
            self._window.release()

    def cancel(self) -> None:
        for task in self._waiting:
            task.cancel()
