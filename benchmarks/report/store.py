"""The files of a run: <name>.json is the summary, kept; <name>.jsonl every request."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.report.manifest import Manifest
from benchmarks.stats.claims import Verdict
from benchmarks.stats.summary import Cell

SCHEMA = 2
FOLDER = Path(__file__).parent.parent / "results"


@dataclass(frozen=True)
class Report:
    """A run as its JSON file has it.

    titles: workload names to what they are
    statistics: workload names to the statistic by which targets are compared
    ceiling: what the generator itself reaches, see scenarios.calibrate
    """

    scenario: str
    titles: dict[str, str]
    rounds: int
    measure_s: float
    manifest: Manifest
    ceiling: dict[str, float]
    cells: list[Cell]
    verdicts: list[Verdict]
    statistics: dict[str, str] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        return not any(cell.invalid for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        # Through JSON and back, so that a fresh run is read exactly as a stored one.
        plain = {"schema": SCHEMA, "valid": self.valid, **asdict(self)}
        read: dict[str, Any] = json.loads(json.dumps(plain))
        return read


def save(report: Report, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    return path


def load(folder: Path, name: str) -> dict[str, Any]:
    """Raises FileNotFoundError, or ValueError for a file of another schema."""
    report: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    if report.get("schema") != SCHEMA:
        raise ValueError(f"{name}.json has schema {report.get('schema')}, this reads {SCHEMA}")
    return report
