"""The way into a direct-ingress replica without Ray Serve's wrapper around each call.

Serve would copy a context, run a generator and start a task for every call, which costs
more than all of ours together. Its gRPC server lets a service through as it is; what is
kept is the count of calls that are being answered, by which Serve drains and scales.
It rests on private names of Serve, so a Serve without them keeps its own way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from serving.services.catalog import Rpc


class DirectCalls:
    """Hands calls to the user's object inside a replica of Ray Serve.

    owner: Serve's replica, whose user object exists once it has been constructed; its
    servers start only afterwards.
    """

    def __init__(self, owner: Any) -> None:
        # Serve is at hand only inside a cluster.
        from ray.serve._private.common import RequestMetadata, RequestProtocol

        self._wrapper = owner._user_callable_wrapper
        self._metrics = owner._metrics_manager
        self._kind = RequestMetadata(
            request_id="",
            internal_request_id="",
            _request_protocol=RequestProtocol.GRPC,
            is_direct_ingress=True,
        )

    @classmethod
    def of(cls, server: Any) -> DirectCalls | None:
        """None for a server that is no replica's: a bare one, or a proxy of Serve."""
        factory = getattr(server, "service_handler_factory", None)
        owner = getattr(factory, "__self__", None)
        wrapper = getattr(owner, "_user_callable_wrapper", None)
        # The user's object may live on another thread's loop; it is no place for our calls.
        if wrapper is None or getattr(wrapper, "_run_user_code_in_separate_thread", True):
            return None
        counts = hasattr(getattr(owner, "_metrics_manager", None), "inc_num_ongoing_requests")
        opens = hasattr(server, "add_passthrough_service") and hasattr(wrapper, "_callable")
        return cls(owner) if counts and opens else None

    @contextmanager
    def _ongoing(self) -> Iterator[None]:
        self._metrics.inc_num_ongoing_requests(self._kind)
        try:
            yield
        finally:
            self._metrics.dec_num_ongoing_requests(self._kind)

    def method(self, rpc: Rpc) -> Callable[..., Any]:
        """The behaviour of one RPC, as grpc.aio wants it."""

        async def unary(request: Any, context: Any) -> Any:
            with self._ongoing():
                return await getattr(self._wrapper._callable, rpc.name)(request, context)

        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            with self._ongoing():
                async for response in getattr(self._wrapper._callable, rpc.name)(request, context):
                    yield response

        return streaming if rpc.server_streaming else unary
