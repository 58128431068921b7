"""One call: who makes it, how long they will wait, and how it ends.

Everything a caller may claim about itself comes from headers the edge has set; a
call without the edge's secret is refused before anything else is looked at.
"""

from __future__ import annotations

import hmac
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import grpc

from serving.errors import (
    DeadlineExceeded,
    Internal,
    PermissionDenied,
    ServingError,
    Unauthenticated,
)
from serving.replica.forward import STATUS_CODES, ForwardedContext
from serving.services.status import DETAILS_KEY, shorten, status_details

_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Context(Protocol):
    """What Ray Serve's gRPC context and grpc.aio's have in common."""

    def invocation_metadata(self) -> Any: ...
    def set_code(self, code: grpc.StatusCode) -> None: ...
    def set_details(self, details: str) -> None: ...
    def set_trailing_metadata(self, trailing_metadata: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """The caller as the edge introduced it.

    deadline: time.monotonic() seconds after which nobody waits any more
    models: the models the caller's token allows; `*` is all
    patient: whether it would rather wait for a place in a full queue than be refused
    """

    request_id: str
    tenant: str
    scopes: frozenset[str]
    models: frozenset[str]
    deadline: float
    traceparent: str | None
    metadata: dict[str, str | bytes]
    patient: bool = False

    @property
    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    def within(self, seconds: float) -> Call:
        """This call with a deadline at most `seconds` from now."""
        return replace(self, deadline=min(self.deadline, time.monotonic() + seconds))

    def expired(self) -> DeadlineExceeded:
        return DeadlineExceeded("the deadline passed before the answer")

    def allows(self, model: str) -> bool:
        """`model` may carry a version; a grant for the name covers its versions."""
        return bool({"*", model, model.split("@")[0]} & self.models)

    @property
    def wants_fatal_errors(self) -> bool:
        """Whether the first error is to end a ModelStreamInfer (Triton's own header)."""
        return self.metadata.get("triton_grpc_error") == "true"

    def require_infer(self) -> None:
        """Raises PermissionDenied for a token that may not infer, whatever the model."""
        if "infer" not in self.scopes:
            raise PermissionDenied("this token lacks the scope `infer`", reason="SCOPE_MISSING")

    def require(self, model: str) -> None:
        """Raises PermissionDenied, whether or not such a model exists."""
        if not self.allows(model):
            raise PermissionDenied(
                f"this token does not reach model {model!r}", reason="MODEL_NOT_ALLOWED"
            )

    def forwarded(self) -> list[tuple[str, str | bytes]]:
        """The metadata with which another application takes this call over."""
        kept = [(k, v) for k, v in self.metadata.items() if k not in _HOP_HEADERS]
        left = max(1, int(self.remaining * 1e3))
        patience = [(PATIENT, "1")] if self.patient else []
        timeout = ("x-grpc-timeout", f"{min(left, 99_999_999)}m")
        return [*kept, timeout, *patience, (FORWARDED, "1")]

    @property
    def was_forwarded(self) -> bool:
        return FORWARDED in self.metadata


FORWARDED = "x-seom-forwarded"
PATIENT = "x-seom-patient"
_HOP_HEADERS = frozenset({"x-grpc-timeout", "application", FORWARDED, PATIENT})


def open_call(metadata: Iterable[tuple[str, str | bytes]], secret: str | None, cap: float) -> Call:
    """Reads the edge's headers.

    secret: what the edge must prove to know; None accepts anyone (a bare server).
    cap: seconds a call may take when its caller sets no deadline, and at most.

    Raises Unauthenticated without the secret, DeadlineExceeded when time is up.
    """
    headers = dict(metadata)
    if secret is not None:
        shown = headers.pop("x-seom-edge", "")
        shown = shown if isinstance(shown, str) else ""
        if not hmac.compare_digest(shown.encode(), secret.encode()):
            raise Unauthenticated("call the edge, not a replica", reason="NOT_THROUGH_EDGE")
    now = time.monotonic()
    timeout = min(_timeout(headers.get("x-grpc-timeout")), cap)
    if timeout <= 0:
        raise DeadlineExceeded("the deadline had passed on arrival")
    request_id = headers.get("x-request-id")
    if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
        request_id = uuid.uuid4().hex
    traceparent = headers.get("traceparent")
    # The edge always says what a token allows; without its word nothing is.
    scopes, models = ("infer,admin", "*") if secret is None else ("", "")
    return Call(
        request_id=request_id,
        tenant=_text(headers, "x-seom-tenant", "default"),
        scopes=_words(headers, "x-seom-scopes", scopes),
        models=_words(headers, "x-seom-models", models),
        deadline=now + timeout,
        traceparent=traceparent if isinstance(traceparent, str) else None,
        metadata=headers,
        patient=PATIENT in headers,
    )


def fail(
    context: Context, error: ServingError, request_id: str, extra: Sequence[tuple[str, Any]] = ()
) -> None:
    """Puts an error on the wire: code, message and google.rpc details.

    Ray drops trailing metadata set before a raise, so the caller returns afterwards.
    """
    context.set_code(STATUS_CODES[int(error.status)])
    context.set_details(shorten(error.message))
    context.set_trailing_metadata(
        [(DETAILS_KEY, status_details(error)), ("x-request-id", request_id), *extra]
    )
    if isinstance(context, ForwardedContext):
        context.reply.error = error


def internal(request_id: str) -> Internal:
    """What a caller learns of our bug: an id to quote, nothing else."""
    return Internal(
        f"internal error; quote request {request_id}", metadata={"request_id": request_id}
    )


def _timeout(value: str | bytes | None) -> float:
    """Seconds of a grpc-timeout header; infinite when absent or unreadable."""
    match = _TIMEOUT.fullmatch(value) if isinstance(value, str) else None
    return int(match[1]) * _SECONDS[match[2]] if match else float("inf")


def _text(headers: dict[str, str | bytes], name: str, default: str) -> str:
    value = headers.get(name, default)
    return value if isinstance(value, str) else default


def _words(headers: dict[str, str | bytes], name: str, default: str) -> frozenset[str]:
    return frozenset(word.strip() for word in _text(headers, name, default).split(","))
