"""island-chat: a small language model of the island, and four adapters of it."""

from __future__ import annotations

from pathlib import Path

from model_repo.island.chat import card, entry, trainer
from model_repo.island.chat.evaluation import evaluate

__all__ = ["evaluate", "train"]


def train(work: Path, entry_root: Path, minutes: float | None = None) -> bool:
    """Trains base and adapters, then writes the entry, its figures and its card; True when all
    of that is done.

    work: where checkpoints are kept, and whence a training that was stopped goes on
    """
    folder = entry_root / entry.NAME
    if not trainer.train(work, folder, minutes):
        return False
    card.write(folder, evaluate(entry_root))
    return True
