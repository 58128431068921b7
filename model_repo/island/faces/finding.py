"""How well faces are found on photographs: recall, precision, and where landmarks lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model_repo.island.faces.served import Served, matched
from model_repo.island.world import SPLITS, Expression, FaceTruth, Identity, face, photograph
from model_repo.island.world.dice import Dice


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, uint8 [height, width, 3], and its faces in its pixels."""

    image: np.ndarray
    faces: tuple[FaceTruth, ...]

    def scaled(self, factor: float) -> Scene:
        height, width, _ = self.image.shape
        size = (round(width * factor), round(height * factor))
        image = Image.fromarray(self.image).resize(size, Image.Resampling.BILINEAR)
        return Scene(np.asarray(image), tuple(_scaled(truth, factor) for truth in self.faces))


@dataclass(frozen=True, slots=True)
class Finds:
    """Everything found, with any score, on all scenes.

    scores: [n]; right: bool [n]; off: [n], how far landmarks are off on average, in distances
    of the eyes, NaN for what is wrong; there: how many faces there are
    """

    scores: np.ndarray
    right: np.ndarray
    off: np.ndarray
    there: int

    def at(self, score: float) -> tuple[float, float]:
        """Recall and precision of what has at least this score."""
        right = self.right[self.scores >= score]
        return right.sum() / self.there, right.mean() if len(right) else 1.0

    def landmarks_off(self, score: float) -> float:
        """How far landmarks are off on average, in distances of the eyes."""
        return float(np.nanmean(self.off[self.right & (self.scores >= score)]))

    def best_score(self) -> float:
        """The score, in hundredths, at which recall and precision together are best: the
        middle of all that are."""
        steps = np.arange(5, 96) / 100
        values = [2 * r * p / max(r + p, 1e-9) for r, p in map(self.at, steps)]
        return float(np.median(steps[np.array(values) >= max(values) - 1e-9]))


def photographs(split: str, count: int) -> Iterator[Scene]:
    start = SPLITS[split].seeds.start
    for seed in range(start, start + count):
        photo = photograph(seed)
        yield Scene(photo.image, tuple(person.face for person in photo.people))


def portraits(split: str, count: int, size: int = 320) -> Iterator[Scene]:
    """Heads that fill a picture, as people are enrolled by."""
    people, start = SPLITS[split].people, SPLITS[split].seeds.start
    for number in range(count):
        how = Expression.draw(Dice(64, start + number))
        drawn = face(Identity.of(people.start + number), how, size, seed=start + number)
        yield Scene(drawn.image, (drawn.truth,))


def find(served: Served, scenes: Iterable[Scene]) -> Finds:
    """What the served model finds, of any score."""
    scores: list[np.ndarray] = [np.empty(0)]
    right: list[np.ndarray] = [np.empty(0, bool)]
    off: list[np.ndarray] = [np.empty(0)]
    there = 0
    for scene in scenes:
        found = served.look(scene.image, min_score=0.02)
        places = matched(found.boxes, [truth.box for truth in scene.faces])
        assert found.landmarks is not None
        scores.append(found.scores)
        right.append(places >= 0)
        off.append(
            np.array(
                [
                    np.nan if place < 0 else _off(points, scene.faces[place])
                    for points, place in zip(found.landmarks, places, strict=True)
                ]
            )
        )
        there += len(scene.faces)
    return Finds(np.concatenate(scores), np.concatenate(right), np.concatenate(off), there)


def _off(points: np.ndarray, truth: FaceTruth) -> float:
    # The truth counts pixels from their corners, what is served from their centres.
    wanted = np.array(truth.landmarks) - 0.5
    eyes = np.linalg.norm(wanted[1] - wanted[0])
    return float(np.linalg.norm(points - wanted, axis=1).mean() / eyes)


def _scaled(truth: FaceTruth, factor: float) -> FaceTruth:
    left, top, right, bottom = (side * factor for side in truth.box)
    a, b, c, d, e = ((x * factor, y * factor) for x, y in truth.landmarks)
    return FaceTruth((left, top, right, bottom), (a, b, c, d, e))
