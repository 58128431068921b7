"""One training loop for every model: seeded, shown as it goes, and resumed where it stopped."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SAVE_EVERY_S = 60.0
_LOG_EVERY = 50  # steps, whose figures are averaged into one line


class Task(Protocol):
    """What one model's package gives to the loop.

    steps: of the whole training
    check_every: steps between two looks at the validation split
    """

    name: str
    steps: int
    check_every: int

    def state(self) -> Mapping[str, Any]:
        """Everything with `state_dict` and `load_state_dict` that a resumed training needs."""

    def step(self, number: int) -> Mapping[str, float]:
        """Learns from batch `number`, which depends on the number and the seed alone."""

    def check(self) -> Mapping[str, float]:
        """Figures on the validation split."""


def train(task: Task, folder: Path, minutes: float | None = None) -> bool:
    """Trains until `task.steps`; True when it got there.

    A checkpoint and the log lie in `folder`; a training that was stopped goes on from its last
    checkpoint, at most a minute back. Batches are numbered, so it sees what it would have seen.

    minutes: stop after so long, to go on another time
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, log = folder / "checkpoint.pt", Log(folder / "training.csv")
    first = _resume(task, checkpoint)
    log.forget(first)
    ends = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    saved = time.monotonic()
    with _bar() as bar:
        shown = bar.add_task(task.name, total=task.steps, completed=first, told="")
        for number in range(first, task.steps):
            log.add(task.step(number))
            done = number + 1
            checked = task.check() if done % task.check_every == 0 or done == task.steps else {}
            if checked or done % _LOG_EVERY == 0:
                bar.update(shown, told=log.write(done, checked))
            bar.update(shown, completed=done)
            stop = time.monotonic() > ends
            if stop or done == task.steps or time.monotonic() - saved > _SAVE_EVERY_S:
                _save(task, checkpoint, done)
                saved = time.monotonic()
            if stop:
                return done == task.steps
    return True


def minutes_left(ends: float | None) -> float | None:
    """Of a training of several parts, until `time.monotonic()` says `ends`; None for no end."""
    return None if ends is None else max(0.0, (ends - time.monotonic()) / 60)


class Log:
    """A table of what the training saw: step, seconds of work, and one column for each figure."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: dict[str, list[float]] = {}
        self._rows: list[dict[str, Any]] = []
        if file.exists():
            with file.open(newline="") as lines:
                self._rows = list(csv.DictReader(lines))
        self._seconds = 0.0
        self._since = time.monotonic()

    def forget(self, after: int) -> None:
        """Leaves out the lines behind the step from which training goes on."""
        self._rows = [row for row in self._rows if int(row["step"]) <= after]
        self._seconds = float(self._rows[-1]["seconds"]) if self._rows else 0.0
        self._since = time.monotonic()

    def add(self, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._seen.setdefault(name, []).append(float(value))

    def write(self, step: int, checked: Mapping[str, float]) -> str:
        """Adds a line with the averages since the last one; returns it as text."""
        figures = {name: sum(values) / len(values) for name, values in self._seen.items()}
        figures |= {f"validation {name}": value for name, value in checked.items()}
        self._seen.clear()
        seconds = self._seconds + time.monotonic() - self._since
        told = {name: f"{value:.4g}" for name, value in figures.items()}
        self._rows.append({"step": step, "seconds": f"{seconds:.0f}", **told})
        columns = dict.fromkeys(name for row in self._rows for name in row)
        with self._file.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, list(columns), restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)
        return "  ".join(f"{name} {value}" for name, value in told.items())


def _resume(task: Task, checkpoint: Path) -> int:
    if not checkpoint.exists():
        return 0
    kept = torch.load(checkpoint, weights_only=True)
    for name, part in task.state().items():
        part.load_state_dict(kept["state"][name])
    return int(kept["step"])


def _save(task: Task, checkpoint: Path, step: int) -> None:
    state = {name: part.state_dict() for name, part in task.state().items()}
    partial = checkpoint.with_suffix(".partial")
    torch.save({"step": step, "state": state}, partial)
    partial.replace(checkpoint)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[told]}"),
    )
