"""Puts every service of the catalog on a gRPC server.

Ray Serve takes functions of the shape of grpc's generated `add_X_to_server` by their
import path; `add_services` is that function for all services at once.
"""

from __future__ import annotations

from typing import Any

import grpc

from serving.replica.direct import DirectCalls
from serving.services.catalog import CATALOG, Rpc

_KINDS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}

# Answers and requests are as large as their tensors; the edge and the replica's own
# limits say what is too large.
SERVER_OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),
)


def _handler(method: Any, rpc: Rpc) -> Any:
    return _KINDS[rpc.client_streaming, rpc.server_streaming](
        method,
        request_deserializer=rpc.request.FromString,
        response_serializer=rpc.response.SerializeToString,
    )


def add_services(servicer: Any, server: Any) -> None:
    """Registers all services on a grpc or grpc.aio server (or Ray Serve's own).

    Serve gives no servicer to a replica's server: it finds the methods itself, or, where
    it can, calls come straight to the replica.
    """
    direct = DirectCalls.of(server)
    for service, rpcs in CATALOG.items():
        methods = [direct.method(rpc) if direct else getattr(servicer, rpc.name) for rpc in rpcs]
        handlers = {rpc.name: _handler(m, rpc) for rpc, m in zip(rpcs, methods, strict=True)}
        generic = grpc.method_handlers_generic_handler(service, handlers)
        if direct:
            server.add_passthrough_service(service)
        server.add_generic_rpc_handlers((generic,))
        server.add_registered_method_handlers(service, handlers)
