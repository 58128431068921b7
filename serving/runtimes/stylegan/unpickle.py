"""Reads the released pickles without executing them: every global is one of ours, or refused.

A released pickle holds a dict of networks (`G`, `D`, `G_ema`). Each module in it is a call
of `torch_utils.persistence._reconstruct_persistent_obj` on a record of its class's name, the
*source text* of its module, and its state; the released code executes that text. Here the
call makes a `Module` that keeps name and state and drops the text. Tensors refer to
storages, which are bytes that `torch.save` once wrote, with pickles inside them again: those
go through the same unpickler and become numpy arrays. Neither torch nor any named module is
imported.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

# Numbers in one tensor; no layer of these networks comes near.
MAX_NUMBERS = 2**28
_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {
    "HalfStorage": "<f2",
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
}
_DTYPES = ("float16", "float32", "float64", "int64", "int32", "uint8", "bool")

Storage = NDArray[Any]


class Refused(Exception):
    """The file is no such pickle, or wants what is not given; the words are for its owner."""


class Inert:
    """Stands for an object whose value does not matter, whatever is done to it."""

    def __init__(self, *given: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class Record(dict[Any, Any]):
    """Stands for `dnnlib.EasyDict`, a dict."""

    def __setstate__(self, state: Any) -> None:
        pass


class Module:
    """Stands for a persistent object: the name of its class, and its attributes."""

    def __init__(self, meta: Any) -> None:
        state = meta.get("state") if isinstance(meta, dict) else None
        if not isinstance(state, dict):
            raise Refused("a network in the pickle has no state")
        self.class_name = str(meta.get("class_name"))
        self.state: dict[Any, Any] = state

    def __setstate__(self, state: Any) -> None:
        raise Refused("a network in the pickle has a state of another kind")


class StorageKind:
    """Stands for a class such as torch.FloatStorage."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)


def read(file: BinaryIO) -> Any:
    """The object in a pickle, made of the stand-ins above, numpy arrays and plain values.

    Raises Refused for what is not listed here, for what is truncated, and for nonsense.
    """
    try:
        return _Unpickler(file).load()
    except Refused:
        raise
    except EOFError:
        raise Refused("the pickle is truncated") from None
    except MemoryError:
        raise Refused("the pickle wants more memory than it may have") from None
    except Exception as error:  # whatever opcodes in a wrong order set off
        truncated = "truncated" in str(error)
        words = "is truncated" if truncated else "is damaged, or is no pickle at all"
        raise Refused(f"the pickle {words}") from None


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        known = _GLOBALS.get((module, name))
        if known is None:
            if module.startswith("dnnlib.tflib"):
                raise Refused("the pickle is of the TensorFlow release; only PyTorch's are read")
            raise Refused(f"the pickle asks for {module[:80]}.{name[:80]}, which is not allowed")
        return known


class _StorageUnpickler(_Unpickler):
    """For the pickle inside a storage's bytes, which says where its numbers will lie."""

    def persistent_load(self, pid: Any, /) -> tuple[str, np.dtype[Any], int]:
        match pid:
            case ("storage", StorageKind() as kind, str() as key, _, int() as count, None):
                return key, kind.dtype, count
        raise Refused("a storage in the pickle is described in an unknown way")


def _storage(data: Any) -> Storage:
    """What `torch.save` wrote of one storage in its older layout: five pickles, then numbers."""
    if not isinstance(data, bytes):
        raise Refused("a storage in the pickle is not bytes")
    file = io.BytesIO(data)
    magic, protocol = _Unpickler(file).load(), _Unpickler(file).load()
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise Refused("a storage in the pickle is of an unknown layout")
    _Unpickler(file).load()  # the writing machine's byte order, little on all there are
    key, dtype, count = _StorageUnpickler(file).load()
    if _Unpickler(file).load() != [key]:
        raise Refused("a storage in the pickle names other storages")
    start = file.tell() + 8
    stated = int.from_bytes(data[start - 8 : start], "little")
    if count != stated or count < 0 or start + count * dtype.itemsize > len(data):
        raise Refused("a storage in the pickle is truncated")
    return np.frombuffer(data, dtype, count, start)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> NDArray[Any]:
    """A view of a storage, which it may not reach beyond, nor repeat."""
    sound = (
        isinstance(storage, np.ndarray)
        and isinstance(offset, int)
        and isinstance(size, tuple)
        and isinstance(stride, tuple)
        and len(size) == len(stride) <= 8
        and all(isinstance(each, int) and each >= 0 for each in (offset, *size, *stride))
    )
    if not sound:
        raise Refused("a tensor in the pickle is described in an unknown way")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count > min(storage.size, MAX_NUMBERS) or (count and last >= storage.size):
        raise Refused("a tensor in the pickle reaches beyond its storage")
    if not count:
        return np.empty(size, storage.dtype)
    bytes_apart = [step * storage.itemsize for step in stride]
    view = np.lib.stride_tricks.as_strided(storage[offset:], size, bytes_apart, writeable=False)
    return np.array(view, order="C")


def _parameter(data: Any, *_: Any) -> Any:
    return data


_GLOBALS: dict[tuple[str, str], Any] = {
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Module,
    ("dnnlib.util", "EasyDict"): Record,
    ("dnnlib", "EasyDict"): Record,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch", "Size"): Inert,
    ("torch", "device"): Inert,
    ("numpy", "ndarray"): Inert,
    ("numpy", "dtype"): Inert,
    **{("torch", name): StorageKind(dtype) for name, dtype in _STORAGES.items()},
    **{("torch", name): name for name in _DTYPES},
    # Numbers that layers remember of their sizes; none is needed.
    **{
        (f"numpy.{core}.multiarray", name): Inert
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
}
