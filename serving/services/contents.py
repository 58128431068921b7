"""Typed tensor contents: the repeated fields of InferTensorContents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.errors import InvalidArgument
from serving.models.base import DTYPES, Array

_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def filled(contents: Any) -> bool:
    return bool(contents.ListFields())


def decode(contents: Any, datatype: str, shape: Sequence[int], path: str) -> Array:
    """The array in the field that belongs to `datatype`.

    Raises InvalidArgument when another field is filled, the count is not the
    shape's, or a value does not fit the datatype (300 in UINT8).
    """
    field = _FIELDS.get(datatype)
    if field is None:
        raise InvalidArgument.field(path, f"{datatype} travels in raw_input_contents only")
    for descriptor, _ in contents.ListFields():
        if descriptor.name != field:
            raise InvalidArgument.field(
                f"{path}.{descriptor.name}", f"is set; {datatype} goes into {field}"
            )
    values = getattr(contents, field)
    count = math.prod(shape)
    if len(values) != count:
        raise InvalidArgument.field(
            f"{path}.{field}", f"has {len(values)} elements; {list(shape)} takes {count}"
        )
    if datatype == "BYTES":
        array = np.empty(count, dtype=object)
        array[:] = list(values)
        return array.reshape(tuple(shape))
    wide = np.array(values, dtype=_wide(field))
    dtype = DTYPES[datatype]
    if dtype.kind in "iu" and wide.size:
        limits = np.iinfo(dtype)
        if int(wide.min()) < limits.min or int(wide.max()) > limits.max:
            raise InvalidArgument.field(
                f"{path}.{field}", f"holds a value outside {datatype} ({limits.min}…{limits.max})"
            )
    return wide.astype(dtype, copy=False).reshape(tuple(shape))


def _wide(field: str) -> np.dtype[Any]:
    """The dtype protobuf itself holds the field in."""
    return np.dtype(
        {
            "bool_contents": np.bool_,
            "int_contents": np.int32,
            "int64_contents": np.int64,
            "uint_contents": np.uint32,
            "uint64_contents": np.uint64,
            "fp32_contents": np.float32,
            "fp64_contents": np.float64,
        }[field]
    )
