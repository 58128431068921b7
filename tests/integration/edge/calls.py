"""Calls as clients make them, with plain bytes for messages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

DETECT = "/seom.v1.DetectionService/Detect"
INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"


@dataclass(frozen=True)
class Answer:
    """What came back: a status, and what the replica saw if one answered."""

    status: str
    details: str = ""
    replica: str = ""
    metadata: Mapping[str, str] | None = None
    size: int = 0
    trailers: Mapping[str, Any] | None = None

    def __getitem__(self, key: str) -> str:
        assert self.metadata is not None, f"{self.status}: {self.details}"
        return self.metadata[key]


def message(model: str | bytes | None, payload: bytes = b"rest") -> bytes:
    """A protobuf message with `model` in field 1 and `payload` in field 2."""
    name = model.encode() if isinstance(model, str) else model
    first = b"" if name is None else b"\x0a" + _varint(len(name)) + name
    return first + b"\x12" + _varint(len(payload)) + payload


def call(
    channel: grpc.Channel,
    body: bytes,
    path: str = INFER,
    metadata: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    compression: grpc.Compression | None = None,
) -> Answer:
    method = channel.unary_unary(path)
    try:
        answer = method(
            body,
            timeout=timeout_s,
            metadata=tuple((metadata or {}).items()),
            compression=compression,
        )
    except grpc.RpcError as error:
        return refused(error)
    return answered(answer)


def answered(answer: bytes) -> Answer:
    seen = json.loads(answer)
    return Answer("OK", "", seen["replica"], seen["metadata"], seen["size"])


def refused(error: Any) -> Answer:
    trailers = dict(error.trailing_metadata() or ())
    return Answer(error.code().name, error.details() or "", trailers=trailers)


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    """Seconds until the condition held; fails when it does not in time."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < timeout_s, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - begin


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])
