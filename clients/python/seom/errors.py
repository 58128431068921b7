"""Everything a call can fail with; one tree, sorted by gRPC status.

    SeomError                  any failed call; statuses without a class of their own
    ├── InvalidArgument        the request is wrong; `fields` names every bad field
    ├── Unauthenticated        no valid token
    ├── PermissionDenied       the token does not reach this method or model
    ├── NotFound               no such `kind` (model, version …) of this `name`
    │   └── AlreadyExists      the opposite: it is there already
    ├── FailedPrecondition     something must change before this can work
    ├── Aborted                somebody else was first; read again, then decide anew
    ├── Overloaded             the queue or quota is full; come back in `retry_after`
    ├── DeadlineExceeded       the timeout passed first
    ├── Cancelled              the call was given up, by `close()` for one
    ├── Unavailable            the same call may succeed in `retry_after`
    │   └── ConnectionFailed   nothing answered at the address at all
    ├── Unimplemented          this server does not do that
    ├── Internal               the server's fault
    └── UnusableAnswer         the call went well, but a language model said something else

What the SDK can see is wrong before it calls (a file that is not there, an array of
the wrong dtype) raises Python's own OSError, TypeError or ValueError instead: nothing
has left the process then. Every error here pickles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple


class Field(NamedTuple):
    """One bad field of a request: its path (`inputs[0].shape`) and what is wrong."""

    path: str
    problem: str


class SeomError(Exception):
    """A call that failed.

    message: the server's words, also `str(error)`
    status: the gRPC code's name, `INVALID_ARGUMENT`
    request_id: what to quote when asking the operators; they find the call by it
    details: google.rpc details in order, each a dict with an "@type"
    """

    status: str = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        request_id: str = "",
        details: Iterable[Mapping[str, Any]] = (),
        status: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id
        self.details: tuple[dict[str, Any], ...] = tuple(dict(detail) for detail in details)
        if status is not None:
            self.status = status

    @property
    def reason(self) -> str:
        """The stable UPPER_SNAKE_CASE name of the cause, to branch on; "" if not given."""
        return str(self._detail("ErrorInfo").get("reason", ""))

    @property
    def metadata(self) -> dict[str, str]:
        """What belongs to `reason`: limits, actual values."""
        return dict(self._detail("ErrorInfo").get("metadata", {}))

    def _detail(self, name: str) -> dict[str, Any]:
        wanted = f"google.rpc.{name}"
        return next((detail for detail in self.details if detail.get("@type") == wanted), {})

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments do not survive Exception's own pickling.
        return type(self), (self.message,), self.__dict__


class InvalidArgument(SeomError):
    """The request is wrong whatever the state of the server; do not repeat it."""

    status = "INVALID_ARGUMENT"

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every bad field; empty when the server names none.

        `dict(error.fields)` gives problems by path.
        """
        violations = self._detail("BadRequest").get("field_violations", ())
        return tuple(Field(each["field"], each["description"]) for each in violations)


class Unauthenticated(SeomError):
    """The server wants a valid token: `Client(token=…)` or SEOM_TOKEN."""

    status = "UNAUTHENTICATED"


class PermissionDenied(SeomError):
    """The token is good, but not for this method or model."""

    status = "PERMISSION_DENIED"


class NotFound(SeomError):
    """A named thing does not exist."""

    status = "NOT_FOUND"

    @property
    def kind(self) -> str:
        """What does not exist: `model`, `version` …; "" if not given."""
        return str(self._detail("ResourceInfo").get("resource_type", ""))

    @property
    def name(self) -> str:
        """Which one; "" if not given."""
        return str(self._detail("ResourceInfo").get("resource_name", ""))


class AlreadyExists(NotFound):
    """A named thing exists already."""

    status = "ALREADY_EXISTS"


class FailedPrecondition(SeomError):
    """The state of the server must change before this call can succeed."""

    status = "FAILED_PRECONDITION"


class Aborted(SeomError):
    """What the call was to change has changed since it was read, by its etag for one.

    Nothing was done. Read it again, and decide anew: the same call would fail again.
    """

    status = "ABORTED"


class _Retryable(SeomError):
    # What to wait when the server does not say; long enough not to hammer it.
    default_retry_after: ClassVar[float] = 1.0

    @property
    def retry_after(self) -> float:
        """Seconds to wait before the next try: the server's word, or 1."""
        delay = self._detail("RetryInfo").get("retry_delay")
        return self.default_retry_after if delay is None else float(delay)


class Overloaded(_Retryable):
    """The server has more than it can take, or the tenant more than its quota."""

    status = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(SeomError):
    """The call's timeout passed before its answer came; it may have been carried out."""

    status = "DEADLINE_EXCEEDED"


class Cancelled(SeomError):
    """The call was given up before its answer came."""

    status = "CANCELLED"


class Unavailable(_Retryable):
    """The server cannot answer now; the same call may succeed in a moment."""

    status = "UNAVAILABLE"


class ConnectionFailed(Unavailable):
    """No server was reached: wrong address, no server there, or no network to it."""


class Unimplemented(SeomError):
    """The server does not offer this."""

    status = "UNIMPLEMENTED"


class Internal(SeomError):
    """The server failed through no fault of the request; quote `request_id`."""

    status = "INTERNAL"


class UnusableAnswer(SeomError):
    """A language model answered something other than it was asked for.

    Its text does not fit the schema, its arguments for a tool are no JSON, or it still
    calls tools after `max_rounds`. The call itself went well.

    text: what the model said
    """

    status = "OK"

    def __init__(self, message: str, *, text: str = "", **of_any: Any) -> None:
        super().__init__(message, **of_any)
        self.text = text


_BY_STATUS: dict[str, type[SeomError]] = {
    kind.status: kind
    for kind in (
        InvalidArgument,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        Aborted,
        Overloaded,
        DeadlineExceeded,
        Cancelled,
        Unavailable,
        Unimplemented,
        Internal,
    )
}


def of_status(
    status: str, message: str, *, request_id: str = "", details: Iterable[Mapping[str, Any]] = ()
) -> SeomError:
    """The error of a gRPC status name; SeomError itself where it has no class."""
    kind = _BY_STATUS.get(status, SeomError)
    return kind(message, request_id=request_id, details=details, status=status)
