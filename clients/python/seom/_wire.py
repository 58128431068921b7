"""The protobuf wire format, for the few messages the SDK has no generated code for.

Owns reading fields and writing strings; knows no message. Groups are refused.
"""

from __future__ import annotations

from collections.abc import Iterator

_FIXED = {1: 8, 5: 4}


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yields (field number, value) in wire order: varints as int, all else as bytes.

    Raises ValueError where the bytes are no protobuf message.
    """
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"wire type {kind} is not readable")
        if at + size > len(data):
            raise ValueError("a field goes past the end of its message")
        yield key >> 3, data[at : at + size]
        at += size


def string(number: int, text: str) -> bytes:
    """One string field on the wire; nothing at all when it is empty, as proto3 has it."""
    raw = text.encode()
    return _number(number << 3 | 2) + _number(len(raw)) + raw if raw else b""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ValueError("a number is cut short or too long")


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
