"""Scored latents in files, which directions are fitted on; refuses what does not fit together."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.vectors import read_array

Latents = NDArray[Any]
Scores = NDArray[np.float64]

# 16 GiB in FP32; they are read from disk, a part at a time.
_MAX_NUMBERS = 2**32
_CHUNK = 2**16
# As model.yaml has it; it becomes the name of a file, too.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """latents: (n, dim), floats of any width; scores: (n,) of each attribute, by name."""

    latents: Latents
    scores: Mapping[str, Scores]
    space: Literal["z", "w"]

    @classmethod
    def read(
        cls, latents: Path, scores: Path, space: Literal["z", "w"], only: Sequence[str] = ()
    ) -> Samples:
        """latents: .npy (n, dim). scores: .npz of arrays (n,) or (n, 1), or .csv with a header.

        only: attributes to take; all if none is named

        Raises FailedPrecondition, which names the file and the fix, for files that are
        damaged or do not fit each other, and for numbers that are not finite.
        """
        found = _read_latents(latents, space)
        columns = _read_csv(scores, only) if scores.suffix == ".csv" else _read_npz(scores, only)
        for name, column in columns.items():
            if not _NAME.fullmatch(name):
                raise _wrong(
                    scores,
                    f"{name[:64]!r} cannot name an attribute: rename it (small letters, "
                    "digits, - and _, a letter first), or choose others by --attribute",
                )
            if len(column) != len(found):
                raise _wrong(
                    scores,
                    f"has {len(column):,} scores of {name} for the {len(found):,} latents of "
                    f"{latents.name}; row for row, one must belong to the other",
                )
            if bad := np.flatnonzero(~np.isfinite(column)).tolist():
                raise _wrong(
                    scores,
                    f"has no finite score of {name} in row {bad[0]} and {len(bad)} in all "
                    "(from 0); leave such rows out of both files",
                )
        return cls(found, columns, space)

    def along(self, directions: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Projections of all latents on directions (k, dim), as (n, k)."""
        parts = [part.astype(np.float64) @ directions.T for part in _chunks(self.latents)]
        return np.concatenate(parts)


def _read_latents(path: Path, space: Literal["z", "w"]) -> Latents:
    if path.suffix != ".npy":
        raise _wrong(path, "must be an .npy file of shape (n, dim)")
    latents = read_array(path, _MAX_NUMBERS)
    if latents.ndim != 2 or latents.dtype.kind != "f":
        raise _wrong(
            path,
            f"has {latents.dtype.name} of shape {latents.shape}, and must have floats of shape "
            "(n, dim); of W+ whose layers are alike, save `w[:, 0]`",
        )
    squares = 0.0
    for index, part in enumerate(_chunks(latents)):
        if bad := np.flatnonzero(~np.isfinite(part).all(axis=1)).tolist():
            raise _wrong(path, f"has numbers that are not finite in row {index * _CHUNK + bad[0]}")
        squares += float(np.square(part, dtype=np.float64).sum())
    if space == "z" and not 0.5 < squares / latents.size < 2:
        raise _wrong(
            path,
            f"has a mean square of {squares / latents.size:.3g}, and in Z it is 1; are these "
            "latents of W? Then say --space w",
        )
    return latents


def _read_csv(path: Path, only: Sequence[str]) -> dict[str, Scores]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows, [])]
            chosen = _chosen(path, header, only)
            places = [header.index(name) for name in chosen]
            numbers = [_numbers(path, rows.line_num, row, header, places) for row in rows if row]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise _wrong(path, "is missing, or no CSV file in UTF-8") from None
    table = np.array(numbers, np.float64).reshape(-1, len(chosen))
    return {name: table[:, place].copy() for place, name in enumerate(chosen)}


def _numbers(
    path: Path, line: int, row: list[str], header: list[str], places: list[int]
) -> list[float]:
    if len(row) != len(header):
        raise _wrong(path, f"line {line} has {len(row)} columns, and the header {len(header)}")
    try:
        return [float(row[place]) for place in places]
    except ValueError:
        for place in places:
            if not _is_number(row[place]):
                raise _wrong(
                    path,
                    f"line {line}: {row[place][:64]!r} is no score of {header[place]}; leave "
                    "such rows out of both files, or choose other columns by --attribute",
                ) from None
        raise


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_npz(path: Path, only: Sequence[str]) -> dict[str, Scores]:
    if path.suffix != ".npz":
        raise _wrong(path, "must be .npz or .csv, with a column for each attribute")
    columns: dict[str, Scores] = {}
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in _chosen(path, archive.files, only):
                columns[name] = archive[name]
    except FailedPrecondition:
        raise
    except Exception:
        # Of a damaged archive, numpy and zipfile raise almost anything.
        raise _wrong(path, "is missing, or no whole .npz file of plain numbers") from None
    for name, column in columns.items():
        of_each = column.ndim == 1 or (column.ndim == 2 and column.shape[1] == 1)
        if column.dtype.kind not in "fiub" or not of_each:
            raise _wrong(
                path, f"has {column.dtype.name} {column.shape} for {name}, not numbers (n,)"
            )
        columns[name] = column.reshape(-1).astype(np.float64)
    return columns


def _chosen(path: Path, there: Sequence[str], only: Sequence[str]) -> list[str]:
    if not there or len(set(there)) < len(there):
        raise _wrong(path, "must begin with a header of different names")
    if unknown := [name for name in only if name not in there]:
        raise _wrong(path, f"has no {unknown[0][:64]!r}, but {', '.join(there)[:512]}")
    return list(dict.fromkeys(only or there))


def _chunks(latents: Latents) -> list[Latents]:
    return [latents[start : start + _CHUNK] for start in range(0, len(latents), _CHUNK)]


def _wrong(path: Path, problem: str) -> FailedPrecondition:
    return FailedPrecondition(f"{path.name} {problem}", reason="SAMPLES")
