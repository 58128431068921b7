"""A folder of directions: what fitting leaves there, and what there is to know of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.fitting.fit import Fitted, Settings
from serving.runtimes.stylegan.vectors import Vector, read_direction

JSON, TEXT = "report.json", "report.txt"
_DIGITS = 4
# From which on a remark is due: a side of the plane guessed at is right half of the time, and
# what a step does to others is told in standard deviations.
_POOR, _ENTANGLED = 0.75, 0.3


def check_free(out: Path, names: Sequence[str]) -> None:
    """Raises FailedPrecondition if `write` would replace anything."""
    for file in (*(f"{name}.npy" for name in names), JSON, TEXT):
        if (out / file).exists():
            raise FailedPrecondition(
                f"{out.resolve().name} has {file} already; name another folder by --out, "
                "or say --force",
                reason="EXISTS",
            )


def write(fitted: Fitted, space: str, settings: Settings, out: Path, readable: str) -> None:
    """<name>.npy, (1, dim) FP32, for each attribute, and the report for programs and readers.

    Raises FailedPrecondition where the folder cannot be written.
    """
    report = json.dumps(as_json(fitted, space, settings), indent=1, allow_nan=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for each in fitted.fits:
            # Never half a file in place of one that is being served.
            made = out / f".{each.name}.npy"
            np.save(made, each.direction[None])
            os.replace(made, out / f"{each.name}.npy")
        (out / JSON).write_text(report + "\n", encoding="utf-8")
        (out / TEXT).write_text(readable, encoding="utf-8")
    except OSError:
        raise FailedPrecondition(
            f"{out.resolve().name} cannot be written to", reason="EXISTS"
        ) from None


def as_json(fitted: Fitted, space: str, settings: Settings) -> dict[str, Any]:
    """`fit.Fit` and `fit.Fitted` say what the numbers mean."""
    names = [each.name for each in fitted.fits]
    attributes = {}
    for each in fitted.fits:
        attributes[each.name] = {
            "file": f"{each.name}.npy",
            "trained": each.trained,
            "accuracy": round(each.accuracy, _DIGITS),
            "accuracy_all": round(each.accuracy_all, _DIGITS),
            "rank_correlation": round(each.rank_correlation, _DIGITS),
            "std": round(each.std, _DIGITS),
        }
    matrices = {"cosines": fitted.cosines, "entanglement": fitted.entanglement}
    return {
        "space": space,
        "samples": fitted.samples,
        "held_out": fitted.held_out,
        "settings": asdict(settings),
        "attributes": attributes,
        **{
            kind: {
                name: dict(zip(names, np.round(row, _DIGITS).tolist(), strict=True))
                for name, row in zip(names, matrix, strict=True)
            }
            for kind, matrix in matrices.items()
        },
    }


def remarks(fitted: Fitted) -> Iterator[str]:
    """What to be wary of, and what to do about it."""
    names = [each.name for each in fitted.fits]
    for row, each in enumerate(fitted.fits):
        if each.accuracy < _POOR:
            yield (
                f"{each.name}: only {each.accuracy:.0%} of held-out latents lie on the right "
                "side; more latents, better scores or the other space may help"
            )
            continue
        others = {
            other: fitted.entanglement[row, column]
            for column, other in enumerate(names)
            if column != row and abs(fitted.entanglement[row, column]) > _ENTANGLED
        }
        if others:
            moved = ", ".join(f"{other} ({much:+.2f})" for other, much in others.items())
            yield f"{each.name} also moves {moved}; `keep: [{', '.join(others)}]` prevents it"


def read_folder(folder: Path) -> dict[str, tuple[str, Vector]]:
    """The directions of a folder by name, with their space where a report says it, or "".

    Raises FailedPrecondition for a folder without any, and for files that are none.
    """
    files = sorted(each for each in folder.glob("*.*") if each.suffix in (".npy", ".pt"))
    if not files:
        raise FailedPrecondition(
            f"{folder.resolve().name} has no .npy or .pt files", reason="DIRECTION"
        )
    spaces = _spaces(folder / JSON)
    return {file.stem: (spaces.get(file.name, ""), read_direction(file)) for file in files}


def _spaces(report: Path) -> Mapping[str, str]:
    """File → space; nothing of a report that is missing or not ours."""
    try:
        said = json.loads(report.read_text(encoding="utf-8"))
        return {each["file"]: str(said["space"]) for each in said["attributes"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def closest(directions: Mapping[str, tuple[str, Vector]]) -> list[tuple[float, str, str]]:
    """Cosines of all pairs of one space and shape, those most alike or opposed first."""
    pairs = []
    names = list(directions)
    for index, one in enumerate(names):
        space, rows = directions[one]
        for other in names[:index]:
            its, others = directions[other]
            if its == space and others.shape == rows.shape:
                pairs.append((float((rows * others).sum()), other, one))
    return sorted(pairs, key=lambda pair: -abs(pair[0]))
