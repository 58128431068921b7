"""Raw tensor contents: little-endian, row-major bytes, as Triton defines them.

BYTES elements are a 4-byte little-endian length and that many bytes each.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np

from serving.errors import InvalidArgument
from serving.models.base import DTYPES, Array


def decode(data: bytes, datatype: str, shape: Sequence[int], path: str) -> Array:
    """The array in `data`; numeric ones are read-only views without a copy.

    Raises InvalidArgument with `path` when the bytes do not fill the shape exactly.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        return _decode_bytes(data, count, path).reshape(tuple(shape))
    dtype = DTYPES[datatype]
    if len(data) != count * dtype.itemsize:
        raise InvalidArgument.field(
            path,
            f"has {len(data)} bytes; {datatype} {list(shape)} takes {count * dtype.itemsize}",
        )
    if datatype == "BOOL":
        # Any byte but 0 and 1 is undefined behaviour in a bool array.
        array = np.frombuffer(data, np.uint8)
        if array.size and array.max() > 1:
            raise InvalidArgument.field(path, "BOOL elements must be 0 or 1")
        return array.view(np.bool_).reshape(tuple(shape))
    return np.frombuffer(data, dtype).reshape(tuple(shape))


def encode(array: Array, datatype: str) -> bytes:
    if datatype == "BYTES":
        parts: list[bytes] = []
        for element in array.ravel():
            text = element.encode() if isinstance(element, str) else bytes(element)
            parts += (struct.pack("<I", len(text)), text)
        return b"".join(parts)
    return array.astype(DTYPES[datatype], copy=False).tobytes()


def _decode_bytes(data: bytes, count: int, path: str) -> Array:
    # Each element takes at least its prefix: refuse before allocating for a lie.
    if count * 4 > len(data):
        raise InvalidArgument.field(path, f"ends before {count} elements of BYTES")
    array = np.empty(count, dtype=object)
    offset = 0
    for index in range(count):
        end = offset + 4
        if end > len(data):
            raise InvalidArgument.field(path, f"element {index}: its length is cut off")
        (length,) = struct.unpack_from("<I", data, offset)
        if length > len(data) - end:
            raise InvalidArgument.field(
                path, f"element {index}: length {length} points past the end"
            )
        array[index] = data[end : end + length]
        offset = end + length
    if offset != len(data):
        raise InvalidArgument.field(path, f"has {len(data) - offset} bytes after its last element")
    return array
