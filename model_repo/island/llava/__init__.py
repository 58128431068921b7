"""island-llava: looks at photographs of the island and tells what it sees."""

from __future__ import annotations

from pathlib import Path

from model_repo.island.llava import card, entry, trainer
from model_repo.island.llava.evaluation import evaluate

__all__ = ["evaluate", "train"]


def train(work: Path, entry_root: Path, minutes: float | None = None) -> bool:
    """Trains tower, projector and language model, then writes the entry, its figures and its
    card; True when all of that is done. SystemExit where the chat model is not trained yet.

    work: where checkpoints are kept, and whence a training that was stopped goes on
    """
    folder = entry_root / entry.NAME
    if not trainer.train(work, folder, minutes):
        return False
    card.write(folder, evaluate(entry_root))
    return True
