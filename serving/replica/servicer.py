"""The one wrapper every RPC runs inside, whoever answers it.

`Servicer` has one method per RPC of the catalog, as Ray Serve and grpc.aio want it.
Each opens the call (secret, deadline, tenant), lets `answer` or `answer_stream` do
the work, and turns whatever goes wrong into a status with details.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from google.protobuf.message import Message

from serving.errors import Cancelled, DeadlineExceeded, ServingError, Status, Unimplemented
from serving.replica.call import Call, Context, fail, internal, open_call
from serving.replica.forward import Reply
from serving.services.catalog import RPCS, Rpc
from serving.services.timing import timing_message
from serving.telemetry.traces import span
from serving.timing import Timeline

logger = logging.getLogger("seom")

TIMING_KEY = "seom-timing-bin"


class Servicer:
    """Base of everything that answers RPCs: the replica of a model, and control.

    secret: what the edge must show; None accepts anyone (tests, a bare server).
    deadline_cap: seconds a unary call may take at most.
    identity: the opaque name under which timing reports this replica.
    """

    def __init__(self, *, secret: str | None, deadline_cap: float, identity: str) -> None:
        self.secret = secret
        self.deadline_cap = deadline_cap
        self.identity = identity

    async def answer(
        self, rpc: Rpc, request: Any, call: Call, timeline: Timeline
    ) -> Message | Reply:
        """Answers one unary call; raises ServingError."""
        raise Unimplemented(f"{rpc.name} is not answered here")

    def answer_stream(self, rpc: Rpc, requests: Any, call: Call) -> AsyncIterator[Message]:
        """Answers one streaming call; `requests` is one message or an iterator of them."""
        raise Unimplemented(f"{rpc.name} is not answered here")

    def failed(self, error: ServingError, timeline: Timeline) -> None:
        """Called once for every unary call that ends with an error."""

    async def unary(self, rpc: Rpc, request: Any, context: Context) -> Message:
        timeline = Timeline()
        request_id = ""
        try:
            call = open_call(context.invocation_metadata(), self.secret, self.deadline_cap)
            request_id = call.request_id
            with span(rpc, call, timeline):
                async with asyncio.timeout(call.remaining):
                    response = await self.answer(rpc, request, call, timeline)
            if isinstance(response, Reply):
                return response.relay(rpc, context)
            context.set_trailing_metadata(
                [
                    (TIMING_KEY, timing_message(timeline, self.identity).SerializeToString()),
                    ("x-request-id", request_id),
                ]
            )
            return response
        except asyncio.CancelledError:
            self.failed(Cancelled("the caller went away"), timeline)
            raise
        except TimeoutError:
            error: ServingError = DeadlineExceeded("the deadline passed before the answer")
        except ServingError as known:
            error = known
        except Exception:
            logger.exception("%s failed (request %s)", rpc.name, request_id)
            error = internal(request_id)
        self.failed(error, timeline)
        fail(context, error, request_id)
        return rpc.response()

    async def stream(self, rpc: Rpc, requests: Any, context: Context) -> AsyncIterator[Message]:
        request_id = ""
        try:
            # A stream lives as long as its client wants; its messages have deadlines.
            call = open_call(context.invocation_metadata(), self.secret, float("inf"))
            request_id = call.request_id
            async with aclosing(self.answer_stream(rpc, requests, call)) as responses:  # type: ignore[type-var]
                async for response in responses:
                    yield response
            context.set_trailing_metadata([("x-request-id", request_id)])
            return
        except ServingError as known:
            error = known
        except Exception:
            logger.exception("%s failed (request %s)", rpc.name, request_id)
            error = internal(request_id)
        if error.status is not Status.CANCELLED:
            fail(context, error, request_id)


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
