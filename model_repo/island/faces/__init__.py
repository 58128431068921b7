"""island-face and island-face-embedder: find faces and landmarks, and tell people apart."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from model_repo.island.faces import card, entry, finding
from model_repo.island.faces.album import album
from model_repo.island.faces.features import features
from model_repo.island.faces.heads import heads
from model_repo.island.faces.judging import evaluate
from model_repo.island.faces.served import Served
from model_repo.island.faces.train_detector import DetectorTask
from model_repo.island.faces.train_embedder import EmbedderTask
from model_repo.island.faces.views import portraits
from model_repo.island.training import loop
from model_repo.island.training.photographs import photographs
from model_repo.island.world import SPLITS

__all__ = ["evaluate", "features", "train"]

_MOMENTS = 3  # of each person, for the embedder
_PHOTOGRAPHS, _PORTRAITS = 8000, 1000  # for the detector
_STRANGERS = 5e-3  # of whose pairs may count as one person's


def train(work: Path, entry_root: Path, minutes: float | None = None) -> bool:
    """Trains the embedder, then the detector, and writes both entries, their figures and cards;
    True when all of that is done.

    work: where checkpoints are kept, and whence a training that was stopped goes on
    """
    ends = None if minutes is None else time.monotonic() + 60 * minutes
    people = len(SPLITS["train"].people)
    embedder = EmbedderTask(heads("train", _MOMENTS), heads("validation", 2), people)
    if not loop.train(embedder, work / "embedder", minutes):
        return False
    entry.write_embedder(embedder.network, entry_root)
    detector = DetectorTask(
        photographs("train", _PHOTOGRAPHS),
        portraits("train", _PORTRAITS),
        photographs("validation", 500),
    )
    left = None if ends is None else max(0.0, ends - time.monotonic()) / 60
    if not loop.train(detector, work / "detector", left):
        return False
    entry.write_faces(detector.network, entry_root, entry.Thresholds())
    entry.write_faces(detector.network, entry_root, _thresholds(entry_root))
    for name, log in ((entry.EMBEDDER, "embedder"), (entry.FACES, "detector")):
        shutil.copy(work / log / "training.csv", entry_root / name / "training.csv")
    card.write(detector, embedder, entry_root, evaluate(entry_root))
    return True


def _thresholds(entry_root: Path) -> entry.Thresholds:
    """Chosen on the validation split, by what the entry as it lies there does."""
    served = Served(entry_root)
    finds = finding.find(served, finding.photographs("validation", 400))
    return entry.Thresholds(
        finds.best_score(), album(served, "validation", 6, 14).threshold(_STRANGERS)
    )
