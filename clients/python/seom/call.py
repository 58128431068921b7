"""One call, apart from how it is carried: what goes out, and what became of it.

Both clients send these; only they know whether to wait or to await. Refuses a call
without a deadline and metadata that would not travel.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from seom import _details, errors, timing
from seom.methods import Method

Result = TypeVar("Result")
Metadata = Mapping[str, str | bytes]

_KEY = re.compile(r"[a-z0-9_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = ("authorization", "application")
# What gRPC's core says when its own clock ran out, and not the server's.
_OUT_OF_TIME = ("deadline exceeded", "stream removed (deadline exceeded)")
# What grpc.aio puts over the status of a stream that ends while it is written to.
_OVERWRITTEN = "Internal error from Core"
# How it begins what it says when it never reached a server.
_UNREACHED = (
    "failed to connect",
    "connections to all backends failing",
    "errors resolving",
    "dns resolution failed",
    "address lookup failed",
)


@dataclass(frozen=True)
class Answer:
    """What came back beside the response."""

    request_id: str
    trailers: Mapping[str, str | bytes]
    round_trip_ns: int

    def timing_of(self, response: Any) -> timing.Timing:
        """A typed response's own timing, or else the trailers'."""
        if response.HasField("timing"):
            return timing.of_message(response.timing, self.round_trip_ns)
        return self.timing()

    def timing(self) -> timing.Timing:
        """The timing in the trailers, where the response itself carries none."""
        trailer = self.trailers.get(timing.TRAILER, b"")
        raw = trailer if isinstance(trailer, bytes) else b""
        return timing.of_trailer(raw, self.round_trip_ns)


@dataclass(frozen=True)
class Call(Generic[Result]):
    """A request on its way to a method, and how to read the response.

    model: where the edge sends it; "" leaves that to the method's path
    """

    method: Method[Any, Any]
    request: Any
    parse: Callable[[Any, Answer], Result]
    model: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Envelope:
    """What travels beside one request: its id, deadline and metadata."""

    address: str
    request_id: str
    timeout: float
    metadata: tuple[tuple[str, str | bytes], ...]

    def answer(self, trailers: Iterable[Any] | None, round_trip_ns: int) -> Answer:
        return Answer(self.request_id, dict(trailers or ()), round_trip_ns)

    def failure(self, error: Any, *, given_up: bool = True) -> errors.SeomError:
        """The SDK's error for a grpc.RpcError.

        given_up: whether this side may have cancelled the call. If not, CANCELLED is
        what a stream ends with when its replica dies, which is UNAVAILABLE.
        """
        status, message = error.code().name, error.details() or ""
        trailers = dict(error.trailing_metadata() or ())
        details = trailers.get(_details.TRAILER, b"")
        request_id = trailers.get("x-request-id", self.request_id)
        if status == "DEADLINE_EXCEEDED" and message.lower() in _OUT_OF_TIME:
            message = f"no answer within {self.timeout:g} s"
        if status == "INTERNAL" and message == _OVERWRITTEN:
            status, message = "UNKNOWN", "the server ended the stream; why, gRPC has lost"
        if status == "CANCELLED" and not given_up:
            status, message = "UNAVAILABLE", "the server ended the stream before its end"
        if status == "UNAVAILABLE" and message.lower().startswith(_UNREACHED):
            return errors.ConnectionFailed(
                f"nothing answers at {self.address} ({message.rpartition(': ')[2].rstrip(']')})",
                request_id=self.request_id,
            )
        return errors.of_status(
            status,
            message or status,
            request_id=request_id if isinstance(request_id, str) else self.request_id,
            details=_details.parse(details) if isinstance(details, bytes) else (),
        )


def envelope(
    address: str,
    token: str | None,
    timeout: float,
    model: str,
    request_id: str,
    extra: Metadata | None,
) -> Envelope:
    """Addresses a request.

    Raises TypeError or ValueError for a timeout that is no positive number of seconds
    and for metadata that cannot travel.
    """
    own = {key.lower(): value for key, value in (extra or {}).items()}
    headers: dict[str, str | bytes] = {"x-request-id": request_id or identify(extra)}
    for key, value in (headers | own).items():
        _check_metadata(key, value)
    # A name that cannot be a header can still be a field: the server will say what of it.
    if model and _VALUE.fullmatch(model):
        headers["application"] = model
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Envelope(
        address, str(headers["x-request-id"]), seconds(timeout), tuple((own | headers).items())
    )


def identify(metadata: Metadata | None) -> str:
    """The caller's own request id if there is one among the metadata, else a fresh one."""
    own = {key.lower(): value for key, value in (metadata or {}).items()}
    return str(own.get("x-request-id") or uuid.uuid4().hex)


def seconds(timeout: float) -> float:
    """A timeout, checked: every call has a deadline.

    Raises TypeError or ValueError.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout: give seconds as a number, not {type(timeout).__name__}")
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout: {timeout} is no positive, finite number of seconds")
    return float(timeout)


def _check_metadata(key: str, value: str | bytes) -> None:
    if key in _OURS or not _KEY.fullmatch(key) or key.startswith("grpc-"):
        raise ValueError(f"metadata: {key!r} is not for callers to set")
    if key.endswith("-bin") != isinstance(value, bytes):
        raise TypeError(f"metadata[{key!r}]: bytes go under keys ending in -bin, str elsewhere")
    if isinstance(value, str) and not _VALUE.fullmatch(value):
        raise ValueError(f"metadata[{key!r}]: only printable ASCII travels")
