"""What the shipped file finds on the test split, seen through the code that serves it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model_repo.island.detector.entry import NAME
from model_repo.island.detector.precision import Found, Ranking, rank
from model_repo.island.detector.truth import CLASSES, Truth
from model_repo.island.training.cards import Figure
from model_repo.island.training.photographs import told
from model_repo.island.world import SPLITS, photograph
from serving.images.picture import Picture
from serving.models.base import Model
from serving.models.detection.types import Query
from serving.replica.load import load_model
from serving.repository import config
from serving.timing import Timeline

PHOTOGRAPHS = 1000
_LEAST = 0.01  # what scores less counts as not found


def evaluate(entry_root: Path, photographs: int = PHOTOGRAPHS) -> Sequence[Figure]:
    """Serves JPEGs of the test split's first photographs, and compares with the truth."""
    (settings, *_) = config.read(entry_root / NAME / "model.yaml", "reference")
    model: Any = load_model(settings)
    assert isinstance(model, Model)
    pairs = list(_seen(model, photographs))
    rankings = rank([found for found, _ in pairs], [truth for _, truth in pairs])
    return figures(rankings, settings.options.thresholds.score)


def figures(rankings: Sequence[Ranking], score: float) -> list[Figure]:
    """score: the threshold the model is shipped with"""
    each = [ranking.average_precision() for ranking in rankings]
    worst = int(np.nanargmin(each))
    kept = [ranking.right[ranking.scores >= score] for ranking in rankings]
    right, found = sum(int(r.sum()) for r in kept), sum(len(r) for r in kept)
    return [
        Figure("mAP@0.5", float(np.nanmean(each)), 0.85),
        Figure(f"lowest AP@0.5 of a class ({CLASSES[worst]})", each[worst]),
        Figure("AP@0.5 of people", each[CLASSES.index("person")]),
        Figure(f"precision at a score of {score:g}", right / max(1, found)),
        Figure(f"recall at a score of {score:g}", right / sum(r.there for r in rankings)),
    ]


def _seen(model: Model[Any, Any, Any, Any], photographs: int) -> Iterator[tuple[Found, Truth]]:
    first = SPLITS["test"].seeds.start
    for seed in range(first, first + photographs):
        photo = photograph(seed)
        query = Query(Picture(encoded=photo.jpeg()), min_score=_LEAST, max_results=100)
        timeline = Timeline()
        prepared = model.prepare(query, timeline)
        (output,) = model.run([prepared], timeline)
        result = model.finish(prepared, output, timeline)
        yield Found(result.boxes, result.scores, result.class_ids), Truth.of(told(photo))
