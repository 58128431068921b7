"""Figures on the test split, the bars they must reach, and the card that tells them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Figure:
    """One held-out figure. `bar` is None where nothing is demanded of it."""

    name: str
    value: float
    bar: float | None = None
    sense: Literal["at least", "at most"] = "at least"

    @property
    def holds(self) -> bool:
        if self.bar is None:
            return True
        return self.value >= self.bar if self.sense == "at least" else self.value <= self.bar

    def __str__(self) -> str:
        bar = "" if self.bar is None else f" ({self.sense} {self.bar:g})"
        return f"{self.name}: {self.value:.4g}{bar}{'' if self.holds else ': MISSED'}"


def write_card(entry: Path, title: str, about: str, figures: Sequence[Figure]) -> None:
    """Writes README.md and figures.json of a model's entry.

    about: paragraphs of Markdown: what it is for, how it is built, what it was trained on, and
        where it fails
    """
    rows = [
        f"| {f.name} | {f.value:.4g} | {'' if f.bar is None else f'{f.sense} {f.bar:g}'} |"
        for f in figures
    ]
    table = "\n".join(["| held out | figure | bar |", "|---|---|---|", *rows])
    (entry / "README.md").write_text(
        f"# {title}\n\n{about.strip()}\n\n## Figures\n\n{table}\n\n"
        "Recomputed from the committed weights by `make eval`; the log of the training is "
        "`training.csv`.\n"
    )
    told = json.dumps([asdict(figure) for figure in figures], indent=1)
    (entry / "figures.json").write_text(told + "\n")
