"""Directions and other arrays in files, .npy or .pt; refuses what would execute or fill memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition

Vector = NDArray[np.float32]

# Beside its numbers a .pt file has a pickle of a few hundred bytes, and padding.
_MAX_REST = 2**16
# numpy says nothing of its types.
_map: Callable[..., NDArray[Any]] = np.lib.format.open_memmap


def read_array(path: Path, max_numbers: int) -> NDArray[Any]:
    """The one array of a file, of any shape and of real numbers, as the file has it.

    .npy    mapped into memory, and read as it is used
    .pt     a single tensor, saved by PyTorch 1.6 or later; needs torch

    Raises FailedPrecondition, which names the file, for anything else: pickled objects,
    damaged or empty files, numbers that are not real, and more than `max_numbers` of them.
    """
    if not path.is_file():
        raise _wrong(path, "is missing or no file")
    if path.suffix == ".npy":
        array = _read_npy(path)
    elif path.suffix == ".pt":
        array = _read_pt(path, max_numbers)
    else:
        raise _wrong(path, "must be .npy or .pt")
    if array.dtype.kind not in "fiu":
        raise _wrong(path, "must hold real numbers")
    if not 0 < array.size <= max_numbers:
        raise _wrong(path, f"has {array.size:,} numbers; from 1 to {max_numbers:,} are taken")
    return array


def read_direction(path: Path, *, max_numbers: int = 2**20) -> Vector:
    """A direction as InterFaceGAN (.npy) and PTI (.pt) publish them, (rows, dim), FP32.

    Its length over all rows together is 1, whatever the file's. One row moves every layer
    alike; in W+ there is a row for each.

    Raises FailedPrecondition, which names the file, for one that `read_array` refuses, of
    other shapes, or with numbers that are not finite or all 0.
    """
    with np.errstate(over="ignore"):
        rows = np.asarray(read_array(path, max_numbers)).astype(np.float64)
    while rows.ndim > 2 and len(rows) == 1:
        rows = rows[0]
    if not 1 <= rows.ndim <= 2:
        raise _wrong(path, "must be of shape (dim,), (1, dim), or (layers, dim)")
    if not np.isfinite(rows).all():
        raise _wrong(path, "has numbers that are not finite")
    largest = np.abs(rows).max()
    if largest == 0:
        raise _wrong(path, "is zero, which is no direction")
    rows = rows / largest  # or the squares of tiny and of huge numbers are 0 and infinite
    return np.atleast_2d(rows / np.linalg.norm(rows)).astype(np.float32)


def _wrong(path: Path, problem: str) -> FailedPrecondition:
    return FailedPrecondition(f"{path.name} {problem}", reason="DIRECTION")


def _read_npy(path: Path) -> NDArray[Any]:
    """A map takes no memory for whatever shape the header claims, and no object can be in it."""
    try:
        return _map(path, mode="r")
    except Exception:
        # A header is Python's own syntax: what is wrong with one comes as almost any exception.
        raise _wrong(path, "is no whole .npy file of plain numbers") from None


def _read_pt(path: Path, max_numbers: int) -> NDArray[Any]:
    import torch

    refused = _wrong(path, "is no .pt file of one tensor; save just that, with a current PyTorch")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
        # PyTorch never compresses, and makes room for what a part says it unpacks to.
        stored = all(part.compress_type == zipfile.ZIP_STORED for part in parts)
        size = sum(part.file_size for part in parts)
    except Exception:
        raise refused from None
    if not stored:
        raise refused
    if size > 8 * max_numbers + _MAX_REST:
        raise _wrong(path, f"is too large; up to {max_numbers:,} numbers are taken")
    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        # Whatever the unpickler says of a file it would not execute is not for callers.
        raise refused from None
    if not isinstance(tensor, torch.Tensor) or tensor.is_quantized or tensor.is_meta:
        raise refused
    if tensor.layout is not torch.strided:
        raise refused
    # A tensor of any shape can stand on a single number that repeats.
    if tensor.numel() > max_numbers or tensor.is_complex() or tensor.dtype is torch.bool:
        raise _wrong(path, f"must hold real numbers, {max_numbers:,} at most")
    return tensor.detach().to(torch.float64).numpy()
