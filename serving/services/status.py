"""Errors as google.rpc.Status, the details every gRPC client library can read."""

from __future__ import annotations

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status as StatusMessage

from serving.errors import (
    AlreadyExists,
    InvalidArgument,
    NotFound,
    QuotaExceeded,
    Retryable,
    ServingError,
    Status,
)

DOMAIN = "seom.dev"
DETAILS_KEY = "grpc-status-details-bin"

# Bytes. Trailers share one 8 KiB header block with the message, in which every byte
# beyond ASCII takes three; ours stay below that with room for others.
_MAX_MESSAGE = 512
_MAX_NAME = 256
_MAX_DETAILS = 4096


def status_details(error: ServingError, code: Status | None = None) -> bytes:
    """A serialized google.rpc.Status: ErrorInfo always, then what the error knows.

    InvalidArgument adds BadRequest with every bad field, NotFound and AlreadyExists
    add ResourceInfo, QuotaExceeded adds QuotaFailure, Overloaded and Unavailable add
    RetryInfo. `code` stands in for
    the error's own status where it has none (the edge's refusals).
    """
    code = error.status if code is None else code
    status = StatusMessage(code=int(code), message=shorten(error.message))
    metadata = {key: shorten(value, _MAX_NAME) for key, value in error.metadata.items()}
    info = details.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    _pack(status, info)
    if isinstance(error, InvalidArgument) and error.fields:
        _pack(status, _bad_request(error))
    elif isinstance(error, NotFound | AlreadyExists):
        _pack(status, _resource(error))
    elif isinstance(error, QuotaExceeded):
        failure = details.QuotaFailure()
        failure.violations.add(
            subject=shorten(error.subject, _MAX_NAME), description=shorten(error.message)
        )
        _pack(status, failure)
    elif isinstance(error, Retryable):
        delay = Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        _pack(status, details.RetryInfo(retry_delay=delay))
    serialized: bytes = status.SerializeToString()
    return serialized


def shorten(text: str, most: int = _MAX_MESSAGE) -> str:
    """At most so many bytes of a text, which may hold what a caller has sent."""
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= most else encoded[: most - 3].decode("utf-8", "ignore") + "…"


def _resource(error: NotFound) -> details.ResourceInfo:
    return details.ResourceInfo(
        resource_type=error.kind, resource_name=shorten(error.name, _MAX_NAME)
    )


def _bad_request(error: InvalidArgument) -> details.BadRequest:
    """As many violations as fit the trailers; a request can be wrong in 10,000 places."""
    message = details.BadRequest()
    room = _MAX_DETAILS - _MAX_MESSAGE
    for path, problem in error.fields:
        room -= len(path.encode()) + len(problem.encode()) + 8
        if room < 0:
            break
        message.field_violations.add(field=path, description=problem)
    return message


def _pack(status: StatusMessage, message: Message) -> None:
    packed = AnyMessage()
    packed.Pack(message)
    status.details.append(packed)
