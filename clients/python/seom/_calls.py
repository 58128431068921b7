"""How both clients send a call and wait for it: one blocks, the other awaits.

Owns the clock around a call, and what closing a client means for calls under way.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, TypeVar

import grpc

from seom._session import Session
from seom.call import Call, Envelope, Metadata
from seom.errors import Cancelled
from seom.methods import Method

Result = TypeVar("Result")


class Calls(Session):
    """Calls that block until they are answered."""

    _flavour = grpc

    def _unary(
        self, call: Call[Result], timeout: float | None, metadata: Metadata | None = None
    ) -> Result:
        envelope = self._connection.envelope(call.model, timeout, metadata, call.request_id)
        send = self._sender(call.method)
        started = time.perf_counter_ns()
        try:
            response, rpc = send.with_call(
                call.request, timeout=envelope.timeout, metadata=envelope.metadata
            )
        except grpc.RpcError as error:
            raise envelope.failure(error) from error
        elapsed = time.perf_counter_ns() - started
        return call.parse(response, envelope.answer(rpc.trailing_metadata(), elapsed))


class AsyncCalls(Session):
    """Calls that are awaited, all in one event loop."""

    _flavour = grpc.aio
    _loop: asyncio.AbstractEventLoop | None = None

    async def _unary(
        self, call: Call[Result], timeout: float | None, metadata: Metadata | None = None
    ) -> Result:
        envelope = self._connection.envelope(call.model, timeout, metadata, call.request_id)
        send = self._sender(call.method)
        started = time.perf_counter_ns()
        try:
            rpc = send(call.request, timeout=envelope.timeout, metadata=envelope.metadata)
            response = await rpc
        except grpc.RpcError as error:
            raise envelope.failure(error) from error
        except asyncio.CancelledError:
            self._raise_if_closed(envelope)
            raise
        elapsed = time.perf_counter_ns() - started
        return call.parse(response, envelope.answer(await rpc.trailing_metadata(), elapsed))

    def _raise_if_closed(self, envelope: Envelope) -> None:
        """close() ends calls under way as if their tasks were cancelled; they are not."""
        task = asyncio.current_task()
        if self._closed and not (task and task.cancelling()):
            raise Cancelled("the client was closed", request_id=envelope.request_id) from None

    def _sender(self, method: Method[Any, Any]) -> Any:
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            raise RuntimeError("this client belongs to another event loop; make one in each")
        self._loop = loop
        return super()._sender(method)
