"""The exception tree as OpenAI's clients know errors: an HTTP status and one JSON object.

    {"error": {"message": …, "type": …, "param": …, "code": …}}

`code` is our reason in lower case, but for the few that OpenAI has a word for itself;
`param` is the first field that is wrong, of which `message` names all.
"""

from __future__ import annotations

import math
from typing import Any

from serving.errors import InvalidArgument, NotFound, Retryable, ServingError, Status, Unimplemented

# google.rpc.Code has the same correspondence; 499 is what proxies write for a client gone.
HTTP: dict[Status, int] = {
    Status.CANCELLED: 499,
    Status.UNKNOWN: 500,
    Status.INVALID_ARGUMENT: 400,
    Status.DEADLINE_EXCEEDED: 504,
    Status.NOT_FOUND: 404,
    Status.ALREADY_EXISTS: 409,
    Status.PERMISSION_DENIED: 403,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.FAILED_PRECONDITION: 400,
    Status.ABORTED: 409,
    Status.OUT_OF_RANGE: 400,
    Status.UNIMPLEMENTED: 501,
    Status.INTERNAL: 500,
    Status.UNAVAILABLE: 503,
    Status.DATA_LOSS: 500,
    Status.UNAUTHENTICATED: 401,
}
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    499: "cancelled",
    504: "timeout",
}
_CODES = {"UNAUTHENTICATED": "invalid_api_key", "CONTEXT": "context_length_exceeded"}


def error_object(
    message: str, status: int, reason: str, param: str | None = None
) -> dict[str, dict[str, str | None]]:
    """status: HTTP's, by which the error's type goes"""
    kind = _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    code = _CODES.get(reason, reason.lower())
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def told(error: ServingError) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
    """Status, body and the headers that go with an error."""
    status = HTTP[error.status]
    fields = error.fields if isinstance(error, InvalidArgument) else ()
    param = fields[0][0] if fields else None
    if isinstance(error, NotFound):
        param = "model"  # or its adapter, which is in the same word
    headers = []
    if isinstance(error, Unimplemented):
        param = error.metadata.get("field")
        # Else the official clients would try again, as after any status from 500 on.
        headers.append(("x-should-retry", "false"))
    if isinstance(error, Retryable):
        # The official clients understand the finer of the two.
        headers.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
        headers.append(("retry-after-ms", str(max(1, round(error.retry_after * 1e3)))))
    return status, error_object(error.message, status, error.reason, param), headers
