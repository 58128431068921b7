"""Rich error details: the google.rpc messages in the trailer `grpc-status-details-bin`.

Owns their field numbers and turns each into a plain dict with an "@type"; refuses
nothing, for a broken trailer must not hide the error it came with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seom import _wire

TRAILER = "grpc-status-details-bin"


@dataclass(frozen=True)
class _Field:
    name: str
    read: Callable[[int | bytes], Any]
    absent: Any = None
    many: bool = False


_Schema = Mapping[int, _Field]


def parse(trailer: bytes) -> tuple[dict[str, Any], ...]:
    """The details of a serialized google.rpc.Status, in order.

    A type not known here keeps its bytes under "value"; a trailer that is no
    google.rpc.Status gives no details.
    """
    try:
        status = _read(trailer, {3: _Field("details", _message(_ANY), many=True)})
        return tuple(_open(detail) for detail in status["details"])
    except ValueError:
        return ()


def _open(detail: Mapping[str, Any]) -> dict[str, Any]:
    name = detail["type_url"].rpartition("/")[2]
    if name not in _KNOWN:
        return {"@type": name, "value": detail["value"]}
    opened = {"@type": name, **_read(detail["value"], _KNOWN[name])}
    if name == "google.rpc.ErrorInfo":
        opened["metadata"] = {pair["key"]: pair["value"] for pair in opened["metadata"]}
    if name == "google.rpc.RetryInfo":
        delay = opened["retry_delay"]
        opened["retry_delay"] = delay["seconds"] + delay["nanos"] / 1e9 if delay else 0.0
    return opened


def _read(data: bytes, schema: _Schema) -> dict[str, Any]:
    """One message as a dict that has every field of its schema."""
    result = {field.name: [] if field.many else field.absent for field in schema.values()}
    for number, value in _wire.fields(data):
        if field := schema.get(number):
            read = field.read(value)
            if field.many:
                result[field.name].append(read)
            else:
                result[field.name] = read
    return result


def _text(value: int | bytes) -> str:
    return _raw(value).decode("utf-8", "replace")


def _raw(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes are due")
    return value


def _integer(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise ValueError("bytes where a number is due")
    return value - 2**64 if value >= 2**63 else value


def _message(schema: _Schema) -> Callable[[int | bytes], dict[str, Any]]:
    return lambda value: _read(_raw(value), schema)


def _texts(*names: str) -> dict[int, _Field]:
    """A message of strings, numbered from 1."""
    return {number: _Field(name, _text, "") for number, name in enumerate(names, start=1)}


def _list(name: str, schema: _Schema) -> dict[int, _Field]:
    """A message whose field 1 repeats another."""
    return {1: _Field(name, _message(schema), many=True)}


_ANY: _Schema = {1: _Field("type_url", _text, ""), 2: _Field("value", _raw, b"")}
_DURATION: _Schema = {1: _Field("seconds", _integer, 0), 2: _Field("nanos", _integer, 0)}
_KNOWN: dict[str, _Schema] = {
    "google.rpc.ErrorInfo": {
        **_texts("reason", "domain"),
        3: _Field("metadata", _message(_texts("key", "value")), many=True),
    },
    "google.rpc.RetryInfo": {1: _Field("retry_delay", _message(_DURATION))},
    "google.rpc.BadRequest": _list("field_violations", _texts("field", "description", "reason")),
    "google.rpc.ResourceInfo": _texts("resource_type", "resource_name", "owner", "description"),
    "google.rpc.PreconditionFailure": _list("violations", _texts("type", "subject", "description")),
    "google.rpc.QuotaFailure": _list("violations", _texts("subject", "description")),
    "google.rpc.RequestInfo": _texts("request_id", "serving_data"),
    "google.rpc.Help": _list("links", _texts("description", "url")),
    "google.rpc.LocalizedMessage": _texts("locale", "message"),
}
