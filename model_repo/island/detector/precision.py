"""Average precision: how well a list of scored boxes tells what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_repo.island.detector.truth import CLASSES, Truth


@dataclass(frozen=True, slots=True)
class Found:
    """What was found on one picture, in any order.

    boxes: float32 [n, 4], x_min y_min x_max y_max; scores: float32 [n]; classes: int64 [n]
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found of one class on all pictures, best first.

    scores: float [n]; right: bool [n], false for what is not there, or found already
    there: how many there are to be found
    """

    scores: np.ndarray
    right: np.ndarray
    there: int

    def average_precision(self) -> float:
        """The area under precision over recall, 0 … 1.

        The precision at a recall is the best at that recall or a higher one, and every point
        counts (PASCAL VOC since 2010; COCO samples the same curve at 101 places). What has the
        same score comes together. NaN where there is nothing to be found.
        """
        if not self.there:
            return float("nan")
        ends = np.flatnonzero(np.append(np.diff(self.scores) != 0, True)[: len(self.scores)])
        found = np.cumsum(self.right)[ends]
        precision = found / (ends + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        steps = np.diff(found, prepend=0) / self.there
        return float((best * steps).sum())


def rank(found: Sequence[Found], truths: Sequence[Truth], least: float = 0.5) -> list[Ranking]:
    """One ranking for each class, in their order, of what was found on the pictures of `truths`.

    Best first, each takes the free box of its class that it overlaps most, by `least`
    (intersection over union) or more, as COCO has it; none is found twice.
    """
    return [_of_class(found, truths, number, least) for number in range(len(CLASSES))]


def _of_class(
    found: Sequence[Found], truths: Sequence[Truth], number: int, least: float
) -> Ranking:
    scores: list[float] = []
    right: list[bool] = []
    there = 0
    for seen, truth in zip(found, truths, strict=True):
        free = truth.boxes[truth.classes == number]
        there += len(free)
        mine = np.flatnonzero(seen.classes == number)
        for index in mine[np.argsort(-seen.scores[mine], kind="stable")]:
            shared = overlaps(seen.boxes[index], free)
            best = int(np.argmax(shared)) if len(free) else -1
            hit = best >= 0 and bool(shared[best] >= least)
            if hit:
                free = np.delete(free, best, axis=0)
            scores.append(float(seen.scores[index]))
            right.append(hit)
    order = np.argsort(-np.array(scores), kind="stable")
    return Ranking(np.array(scores)[order], np.array(right, bool)[order], there)


def overlaps(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box [4] with others [n, 4]."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))
