"""The one exception tree of the server; every class carries its gRPC status.

    ServingError
    ├── InvalidArgument      the request is wrong whatever the state; names every bad field
    ├── Unauthenticated      no valid token, or a call that did not come through the edge
    ├── PermissionDenied     the token does not reach this method or model
    ├── NotFound             no such model, version, label …
    ├── AlreadyExists
    ├── FailedPrecondition   the state must change first
    ├── Aborted              somebody else has changed it since
    ├── QuotaExceeded        the caller has as much as it may have; says of what
    ├── Overloaded           the queue is full; says when to come back
    ├── DeadlineExceeded     the caller's time ran out
    ├── Cancelled            the caller went away
    ├── Unimplemented        this server will not do that
    ├── Unavailable          the same call may succeed in a moment
    └── Internal             our fault; says nothing of its cause

Messages are written for the caller: no path, address, trace or text of a foreign
exception may enter one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import ClassVar


class Status(IntEnum):
    """gRPC status codes by their numbers, so that no model needs to import grpc."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(Exception):
    """A failure with a gRPC status, a reason in UPPER_SNAKE_CASE, and its details.

    `reason` and `metadata` become google.rpc.ErrorInfo; clients may branch on them,
    so a reason is API and stays.
    """

    status: ClassVar[Status] = Status.INTERNAL
    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = dict(metadata or {})

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive Exception's own pickling.
        return (_rebuild, (type(self), self.message, dict(self.__dict__)))


def _rebuild(kind: type[ServingError], message: str, state: dict[str, object]) -> ServingError:
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    error.args = (message,)
    return error


class InvalidArgument(ServingError):
    """One or more fields of the request are wrong.

    `fields` maps each bad field's path (`inputs[0].shape`) to what is wrong with it.
    """

    status = Status.INVALID_ARGUMENT
    default_reason = "INVALID_ARGUMENT"

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        self.fields: tuple[tuple[str, str], ...] = tuple(pairs)

    @classmethod
    def field(
        cls,
        path: str,
        problem: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> InvalidArgument:
        """The common case: one bad field."""
        message = f"{path}: {problem}"
        return cls(message, fields={path: problem}, reason=reason, metadata=metadata)


class Unauthenticated(ServingError):
    status = Status.UNAUTHENTICATED
    default_reason = "UNAUTHENTICATED"


class PermissionDenied(ServingError):
    status = Status.PERMISSION_DENIED
    default_reason = "PERMISSION_DENIED"


class NotFound(ServingError):
    """A named thing does not exist: `kind` is what (model, version), `name` which."""

    status = Status.NOT_FOUND
    default_reason = "NOT_FOUND"

    def __init__(
        self,
        message: str,
        *,
        kind: str = "model",
        name: str = "",
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.kind = kind
        self.name = name


class AlreadyExists(NotFound):
    status = Status.ALREADY_EXISTS
    default_reason = "ALREADY_EXISTS"


class FailedPrecondition(ServingError):
    status = Status.FAILED_PRECONDITION
    default_reason = "FAILED_PRECONDITION"


class Aborted(ServingError):
    status = Status.ABORTED
    default_reason = "ABORTED"


class QuotaExceeded(ServingError):
    """`subject`, of which there is as much as may be, becomes google.rpc.QuotaFailure."""

    status = Status.RESOURCE_EXHAUSTED
    default_reason = "QUOTA_EXCEEDED"

    def __init__(
        self,
        message: str,
        *,
        subject: str = "",
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.subject = subject


class Retryable(ServingError):
    """`retry_after` (seconds) becomes google.rpc.RetryInfo."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float = 0.1,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, reason=reason, metadata=metadata)
        self.retry_after = retry_after


class Overloaded(Retryable):
    status = Status.RESOURCE_EXHAUSTED
    default_reason = "QUEUE_FULL"


class Unavailable(Retryable):
    status = Status.UNAVAILABLE
    default_reason = "UNAVAILABLE"


class DeadlineExceeded(ServingError):
    status = Status.DEADLINE_EXCEEDED
    default_reason = "DEADLINE_EXCEEDED"


class Cancelled(ServingError):
    status = Status.CANCELLED
    default_reason = "CANCELLED"


class Unimplemented(ServingError):
    status = Status.UNIMPLEMENTED
    default_reason = "UNIMPLEMENTED"


class Internal(ServingError):
    pass
