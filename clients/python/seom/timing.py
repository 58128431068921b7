"""Where a call spent its time: the server's stages, and the network as what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as _fields
from typing import Any, overload

from google.protobuf.message import DecodeError

from seom.pb.v1 import chat_pb2, common_pb2

TRAILER = "seom-timing-bin"
PREFIX = "timing."


class _Milliseconds:
    """A stage's nanoseconds as milliseconds; None where the stage did not happen."""

    def __init__(self, nanoseconds: str) -> None:
        self._nanoseconds = nanoseconds

    @overload
    def __get__(self, timing: None, owner: type) -> _Milliseconds: ...
    @overload
    def __get__(self, timing: object, owner: type) -> float | None: ...
    def __get__(self, timing: object | None, owner: type) -> _Milliseconds | float | None:
        if timing is None:
            return self
        spent = getattr(timing, self._nanoseconds)
        return None if spent is None else spent / 1e6


@dataclass(frozen=True, slots=True)
class Timing:
    """One call's time by stage; every `x_ns` can be read as `x_ms` too.

    A stage that did not happen, or that the server does not report, is None. The
    stages are the replica's own and lie within `total_ns`; `round_trip_ns` is this
    client's clock around the call, so `network_ms` holds the wire, the proxies, any
    retries and the (de)serialising on both sides.

    batch_size: how many items were computed together
    batch_id: which batch of its replica that was
    replica: an opaque name; "" if not reported
    """

    queue_ns: int | None = None
    batch_wait_ns: int | None = None
    decode_ns: int | None = None
    preprocess_ns: int | None = None
    host_to_device_ns: int | None = None
    device_ns: int | None = None
    device_to_host_ns: int | None = None
    postprocess_ns: int | None = None
    encode_ns: int | None = None
    total_ns: int | None = None
    batch_size: int | None = None
    batch_id: int | None = None
    replica: str = ""
    round_trip_ns: int | None = None

    queue_ms = _Milliseconds("queue_ns")
    batch_wait_ms = _Milliseconds("batch_wait_ns")
    decode_ms = _Milliseconds("decode_ns")
    preprocess_ms = _Milliseconds("preprocess_ns")
    host_to_device_ms = _Milliseconds("host_to_device_ns")
    device_ms = _Milliseconds("device_ns")
    device_to_host_ms = _Milliseconds("device_to_host_ns")
    postprocess_ms = _Milliseconds("postprocess_ns")
    encode_ms = _Milliseconds("encode_ns")
    total_ms = _Milliseconds("total_ns")
    round_trip_ms = _Milliseconds("round_trip_ns")
    network_ms = _Milliseconds("network_ns")

    @property
    def network_ns(self) -> int | None:
        """Round trip minus the replica's total: everything that was not the replica."""
        if self.round_trip_ns is None or self.total_ns is None:
            return None
        return self.round_trip_ns - self.total_ns


@dataclass(frozen=True, slots=True)
class GenerationTiming(Timing):
    """The time of text that was generated.

    queue_ns: from the arrival of the call until the engine took it up
    ttft_ns: from the arrival of the call until its first token
    per_token_ns: mean time between the tokens after it
    """

    ttft_ns: int | None = None
    per_token_ns: int | None = None

    ttft_ms = _Milliseconds("ttft_ns")
    per_token_ms = _Milliseconds("per_token_ns")


# What the server reports: every field but the clock of this side.
_REPORTED = frozenset(field.name for field in _fields(Timing)) - {"round_trip_ns"}


def of_message(message: common_pb2.Timing, round_trip_ns: int | None) -> Timing:
    """The timing of a typed response (its field 15)."""
    reported = {field.name: value for field, value in message.ListFields()}
    return _of(reported, round_trip_ns)


def of_generation(spent: Timing, generation: chat_pb2.GenerationTiming) -> GenerationTiming:
    """A call's timing with what its generation adds."""
    stages = {field.name: getattr(spent, field.name) for field in _fields(Timing)}
    reported = {field.name: value for field, value in generation.ListFields()}
    stages["queue_ns"] = reported.get("queue_ns", stages["queue_ns"])
    return GenerationTiming(
        **stages,
        ttft_ns=reported.get("first_token_ns"),
        per_token_ns=reported.get("per_token_ns"),
    )


def of_parameters(parameters: Mapping[str, Any], round_trip_ns: int | None) -> Timing:
    """The timing among the parameters of an Open Inference answer (`timing.device_ns` …)."""
    reported = {
        name.removeprefix(PREFIX): value
        for name, value in parameters.items()
        if name.startswith(PREFIX)
    }
    return _of(reported, round_trip_ns)


def of_trailer(trailer: bytes, round_trip_ns: int | None) -> Timing:
    """The timing in trailing metadata; empty where the bytes are none."""
    try:
        return of_message(common_pb2.Timing.FromString(trailer), round_trip_ns)
    except DecodeError:
        return Timing(round_trip_ns=round_trip_ns)


def _of(reported: Mapping[str, Any], round_trip_ns: int | None) -> Timing:
    known = {name: value for name, value in reported.items() if name in _REPORTED}
    return Timing(**known, round_trip_ns=round_trip_ns)
