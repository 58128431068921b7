"""island-detector: finds the world's things and people on photographs."""

from __future__ import annotations

import shutil
from pathlib import Path

from model_repo.island.detector import card, entry
from model_repo.island.detector.judging import evaluate
from model_repo.island.detector.learning import Learning, Plan
from model_repo.island.training import loop
from model_repo.island.training.photographs import photographs

__all__ = ["evaluate", "train"]

_PHOTOGRAPHS, _CHECKED = 8000, 500


def train(work: Path, entry_root: Path, minutes: float | None = None) -> bool:
    """Trains, then writes the entry, its figures and its card; True when all of that is done.

    work: where checkpoints are kept, and whence a training that was stopped goes on
    """
    pictures, plan = photographs("train", _PHOTOGRAPHS), Plan()
    learning = Learning(pictures, photographs("validation", _CHECKED), plan)
    if not loop.train(learning, work, minutes):
        return False
    folder = entry_root / entry.NAME
    entry.write(learning.network, folder)
    shutil.copy(work / "training.csv", folder / "training.csv")
    card.write(learning.network, plan, len(pictures), folder, evaluate(entry_root))
    return True
