"""Arrays and the raw contents that carry them: the datatypes of the Open Inference Protocol.

Owns both directions and every check on lengths. Values are never converted to
another datatype: an array goes out as what it is, or is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

# BYTES elements are bytes objects in an object array; NumPy has no bfloat16, so BF16
# travels and is given as its 16 raw bits.
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
    "BYTES": np.dtype(object),
}
_DATATYPES = {
    (dtype.kind, dtype.itemsize): name for name, dtype in DTYPES.items() if name != "BF16"
}
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class BF16:
    """A bfloat16 tensor as its raw bits: marks a uint16 array, which is UINT16 otherwise.

    >>> import numpy as np
    >>> x = np.array([1.0, -2.5], dtype=np.float32)
    >>> bits = (x.view(np.uint32) >> 16).astype(np.uint16)     # there
    >>> (bits.astype(np.uint32) << 16).view(np.float32)        # and back
    array([ 1. , -2.5], dtype=float32)
    >>> tensor = BF16(bits)
    """

    bits: NDArray[np.uint16]


Tensor: TypeAlias = Array | BF16 | Sequence[bytes] | Sequence[str]


@dataclass(frozen=True)
class Raw:
    """A tensor as the wire has it."""

    datatype: str
    shape: tuple[int, ...]
    contents: bytes


def encode(name: str, tensor: Tensor) -> Raw:
    """A tensor as raw contents: row-major, little-endian.

    Accepts arrays (and what converts to one without loss of its dtype, such as a CPU
    torch tensor), BF16, and sequences of bytes or str, which become BYTES of shape (n,).

    Raises TypeError, naming the input.
    """
    if isinstance(tensor, BF16):
        if tensor.bits.dtype != np.uint16:
            raise TypeError(f"inputs[{name!r}]: BF16 takes uint16 bits, not {tensor.bits.dtype}")
        return Raw("BF16", tensor.bits.shape, tensor.bits.astype("<u2", copy=False).tobytes())
    if isinstance(tensor, list | tuple):
        return Raw("BYTES", (len(tensor),), _join(name, tensor))
    if isinstance(tensor, bytes | str) or not hasattr(tensor, "__array__"):
        raise TypeError(
            f"inputs[{name!r}]: give a NumPy array or a list of bytes or str, "
            f"not {type(tensor).__name__}"
        )
    array = np.asarray(tensor)
    if array.dtype.kind in "OSU":
        return Raw("BYTES", array.shape, _join(name, array.ravel().tolist()))
    datatype = _DATATYPES.get((array.dtype.kind, array.dtype.itemsize))
    if datatype is None:
        if array.dtype.name == "bfloat16":  # ml_dtypes' extension of NumPy
            return encode(name, BF16(array.view(np.uint16)))
        raise TypeError(
            f"inputs[{name!r}]: dtype {array.dtype} has no datatype in the Open Inference "
            f"Protocol; it has {', '.join(DTYPES)}"
        )
    return Raw(datatype, array.shape, array.astype(DTYPES[datatype], copy=False).tobytes())


def decode(name: str, raw: Raw) -> Array:
    """The array in raw contents; a read-only view of them, but for BYTES.

    Raises ValueError when datatype, shape and length do not agree.
    """
    dtype = DTYPES.get(raw.datatype)
    if dtype is None:
        raise ValueError(f"output {name!r} has the unknown datatype {raw.datatype!r}")
    count = prod(raw.shape)
    if min(raw.shape, default=0) < 0:
        raise ValueError(f"output {name!r} has the impossible shape {list(raw.shape)}")
    if raw.datatype == "BYTES":
        split = _split(name, raw.contents, count)
        elements = np.empty(count, dtype=object)  # only now: the shape is the server's claim
        elements[:] = split
        return elements.reshape(raw.shape)
    if len(raw.contents) != count * dtype.itemsize:
        raise ValueError(
            f"output {name!r} has {len(raw.contents)} bytes, but shape {list(raw.shape)} "
            f"of {raw.datatype} takes {count * dtype.itemsize}"
        )
    return np.frombuffer(raw.contents, dtype=dtype).reshape(raw.shape)


def _join(name: str, elements: Sequence[Any]) -> bytes:
    """Each element behind its length as 4 bytes."""
    parts: list[bytes] = []
    for index, element in enumerate(elements):
        raw = element.encode() if isinstance(element, str) else element
        if not isinstance(raw, bytes):
            raise TypeError(
                f"inputs[{name!r}][{index}]: a list holds bytes or str, not "
                f"{type(element).__name__}; numbers go in a NumPy array of the model's dtype"
            )
        parts += (_LENGTH.pack(len(raw)), raw)
    return b"".join(parts)


def _split(name: str, contents: bytes, count: int) -> list[bytes]:
    elements: list[bytes] = []
    at = 0
    while at < len(contents) and len(elements) < count:
        start = at + _LENGTH.size
        end = start + int.from_bytes(contents[at:start], "little")
        if end > len(contents):
            break
        elements.append(contents[start:end])
        at = end
    if at != len(contents) or len(elements) != count:
        raise ValueError(f"output {name!r}: its BYTES are cut short or not {count} elements")
    return elements
