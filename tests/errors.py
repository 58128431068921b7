"""Reads google.rpc details off an RPC error, with the stock library."""

from __future__ import annotations

from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status


@dataclass
class Details:
    reason: str = ""
    domain: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    resource: tuple[str, str] | None = None
    retry_after: float | None = None


def details_of(error: grpc.RpcError) -> Details:
    """The details of an error; fails when there are none."""
    trailers = dict(error.trailing_metadata() or ())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    details = Details()
    for packed in status.details:
        kind = packed.TypeName().rsplit(".", 1)[-1]
        message = getattr(error_details_pb2, kind)()
        packed.Unpack(message)
        if kind == "ErrorInfo":
            details.reason, details.domain = message.reason, message.domain
        elif kind == "BadRequest":
            details.fields = {v.field: v.description for v in message.field_violations}
        elif kind == "ResourceInfo":
            details.resource = (message.resource_type, message.resource_name)
        elif kind == "RetryInfo":
            details.retry_after = message.retry_delay.ToTimedelta().total_seconds()
    return details
