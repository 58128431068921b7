"""The one wrapper every RPC runs inside, whoever answers it.

`Servicer` has one method per RPC of the catalog, as Ray Serve and grpc.aio want it.
Each opens the call (secret, deadline, tenant), lets the subclass do the work, and
turns whatever goes wrong into a status with details.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.v1.detection_pb2 import DetectRequest, DetectResponse, DetectVideoRequest
from serving.errors import ServingError, Unimplemented
from serving.replica.call import Call, Context, fail, internal, open_call
from serving.replica.forward import ForwardedContext, Metadata, Reply
from serving.replica.streaming import Answers, pump
from serving.replica.video import watch
from serving.services.catalog import RPCS, Rpc
from serving.services.timing import timing_message
from serving.services.video import parse_video
from serving.telemetry.traces import rpc_span
from serving.timing import Timeline

logger = logging.getLogger(__name__)

TIMING_KEY = "seom-timing-bin"


class Servicer:
    """Base of everything that answers RPCs: the replica of a model, and control.

    secret: what the edge must show; None accepts anyone (tests, a bare server).
    deadline_cap: seconds a unary call, or one message of a stream, may take at most.
    identity: the opaque name under which timing reports this replica.
    stream_window: messages of one stream that are computed at the same time.
    """

    def __init__(
        self, *, secret: str | None, deadline_cap: float, identity: str, stream_window: int
    ) -> None:
        self.secret = secret
        self.deadline_cap = deadline_cap
        self.identity = identity
        self.stream_window = stream_window

    # For subclasses ---------------------------------------------------------------

    async def answer(
        self, rpc: Rpc, request: Any, call: Call, timeline: Timeline
    ) -> Message | Reply:
        """Answers one unary call; raises ServingError."""
        raise Unimplemented(f"{rpc.name} is not answered here")

    async def answer_message(self, request: pb.ModelInferRequest, call: Call) -> Answers:
        """Answers one message of a ModelStreamInfer; raises ServingError."""
        raise Unimplemented("streams are not answered here")

    def answer_stream(
        self, rpc: Rpc, requests: Any, call: Call, timeline: Timeline
    ) -> AsyncIterator[Message]:
        """Answers one streaming call; `requests` is one message or an iterator of them."""
        if rpc.name == "DetectVideo":
            return self._watch(requests, call)
        if rpc.name != "ModelStreamInfer":
            raise Unimplemented(f"{rpc.name} is not answered here")

        async def answer(request: pb.ModelInferRequest) -> Answers:
            return await self._message(request, call)

        return pump(requests, answer, window=self.stream_window, fatal=call.wants_fatal_errors)

    # The wrapper ------------------------------------------------------------------

    async def unary(self, rpc: Rpc, request: Any, context: Context) -> Message:
        timeline, call = Timeline(), None
        try:
            call = open_call(context.invocation_metadata(), self.secret, self.deadline_cap)
            with rpc_span(rpc, call, timeline):
                async with asyncio.timeout(call.remaining):
                    response = await self.answer(rpc, request, call, timeline)
            if isinstance(response, Reply):
                return response.relay(rpc, context)
            timing = timing_message(timeline, self.identity).SerializeToString()
            context.set_trailing_metadata([(TIMING_KEY, timing), ("x-request-id", call.request_id)])
            return response
        except Exception as error:
            fail(context, understood(error, rpc, call), call.request_id if call else "")
            return rpc.response()

    async def stream(self, rpc: Rpc, requests: Any, context: Context) -> AsyncIterator[Message]:
        timeline, call = Timeline(), None
        try:
            # A stream lives as long as its client wants; its messages have deadlines.
            call = open_call(context.invocation_metadata(), self.secret, float("inf"))
            with rpc_span(rpc, call, timeline):
                answers = self.answer_stream(rpc, requests, call, timeline)
                async with aclosing(answers) as responses:  # type: ignore[type-var]
                    async for response in responses:
                        yield response
            context.set_trailing_metadata([("x-request-id", call.request_id)])
        except Exception as error:
            fail(context, understood(error, rpc, call), call.request_id if call else "")

    async def _message(self, request: pb.ModelInferRequest, call: Call) -> Answers:
        """Answers one message of a stream within its deadline; raises ServingError alone."""
        call = call.within(self.deadline_cap)
        try:
            async with asyncio.timeout(call.remaining):
                return await self.answer_message(request, call)
        except Exception as error:
            raise understood(error, RPCS["ModelStreamInfer"], call) from None

    async def _watch(
        self, messages: AsyncIterator[DetectVideoRequest], call: Call
    ) -> AsyncIterator[Message]:
        """Answers a DetectVideo, whose frames are as many calls of Detect."""
        call.require_infer()
        first = await anext(messages := aiter(messages), None)
        if first is None:
            return
        plan = parse_video(first)
        for name in filter(None, plan.models):
            call.require(name)
        # A frame that may not be dropped waits for its place in a queue as well.
        call = replace(call, patient=not plan.drops)

        async def look(request: DetectRequest, timeline: Timeline) -> DetectResponse:
            return await self._look(request, call.within(self.deadline_cap), timeline)

        answers = watch(messages, first, plan, look, window=self.stream_window)
        async with aclosing(answers) as responses:  # type: ignore[type-var]
            async for response in responses:
                yield response

    async def _look(self, request: DetectRequest, call: Call, timeline: Timeline) -> DetectResponse:
        """Has a frame looked at within its deadline; raises ServingError alone."""
        rpc = RPCS["Detect"]
        try:
            async with asyncio.timeout(call.remaining):
                answer = await self.answer(rpc, request, call, timeline)
        except Exception as error:
            raise understood(error, rpc, call) from None
        if not isinstance(answer, Reply):
            assert isinstance(answer, DetectResponse)
            return answer
        if answer.code:
            assert answer.error is not None, "a failed call brings its error. This is a bug."
            raise answer.error
        return DetectResponse.FromString(answer.payload)

    # Calls that come through a Ray handle, not through gRPC -------------------------

    async def forward(self, rpc: str, payload: bytes, metadata: Metadata) -> Reply:
        """Answers a call that reached another application first."""
        kind = RPCS[rpc]
        context = ForwardedContext([*metadata, ("x-seom-edge", self.secret or "")])
        response = await self.unary(kind, kind.request.FromString(payload), context)
        context.reply.payload = response.SerializeToString()
        return context.reply

    async def forward_stream(
        self, rpc: str, payload: bytes, metadata: Metadata
    ) -> AsyncIterator[bytes | ServingError]:
        """The same for a call with one request and many responses; an error ends them."""
        kind, call = RPCS[rpc], None
        try:
            known = [*metadata, ("x-seom-edge", self.secret or "")]
            call = open_call(known, self.secret, float("inf"))
            answers = self.answer_stream(kind, kind.request.FromString(payload), call, Timeline())
            async with aclosing(answers) as responses:  # type: ignore[type-var]
                async for response in responses:
                    yield response.SerializeToString()
        except Exception as error:
            yield understood(error, kind, call)

    async def forward_message(
        self, payload: bytes, metadata: Metadata
    ) -> list[bytes] | ServingError:
        """Answers one message of a stream that another application holds; errors travel
        as values, for the holder to raise."""
        request = pb.ModelInferRequest.FromString(payload)
        known = [*metadata, ("x-seom-edge", self.secret or "")]
        try:
            call = open_call(known, self.secret, self.deadline_cap)
            return [m.SerializeToString() for m in await self._message(request, call)]
        except ServingError as error:
            return error


def understood(error: Exception, rpc: Rpc, call: Call | None) -> ServingError:
    """What the caller learns of an exception; ours are logged and shown as an id."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, TimeoutError) and call is not None and call.remaining <= 0:
        return call.expired()
    request_id = call.request_id if call else ""
    logger.error("%s failed (request %s)", rpc.name, request_id, exc_info=error)
    return internal(request_id)


def _unary(rpc: Rpc) -> Callable[..., Any]:
    # Ray Serve hands the context over by this name, grpc.aio by position.
    async def method(self: Servicer, request: Any, grpc_context: Any) -> Message:
        return await self.unary(rpc, request, grpc_context)

    return method


def _streaming(rpc: Rpc) -> Callable[..., Any]:
    async def method(self: Servicer, request: Any, grpc_context: Any) -> AsyncIterator[Message]:
        async with aclosing(self.stream(rpc, request, grpc_context)) as responses:  # type: ignore[type-var]
            async for response in responses:
                yield response

    return method


for _rpc in RPCS.values():
    _method = (_streaming if _rpc.server_streaming else _unary)(_rpc)
    _method.__name__ = _rpc.name
    _method.__qualname__ = f"Servicer.{_rpc.name}"
    setattr(Servicer, _rpc.name, _method)
