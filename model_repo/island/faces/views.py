"""What the detector learns from: photographs and portraits, each time another part of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from model_repo.island.faces.targets import Faces
from model_repo.island.training.pictures import Pictures
from model_repo.island.world import SPLITS, Expression, Identity, face
from model_repo.island.world.dice import Dice

SIDE = 256  # pixels of a view
_SMALLEST = 8.0  # pixels of a side: less is nothing one could learn from
_SHOWN = 0.6  # of a face that is to be found
_OPPOSITE = [1, 0, 2, 4, 3]  # landmarks of a mirrored face


def portraits(split: str, count: int) -> Pictures:
    """Heads that fill a picture of their own, uint8 [256, 256, 3], with their `Faces`' numbers
    as {"box", "landmarks"}."""
    draw = {"train": _draw_train, "validation": _draw_validation}[split]
    return Pictures(f"portraits-256-{split}", draw, 0, count)


def _draw_train(number: int) -> tuple[np.ndarray, dict[str, Any]]:
    return _draw("train", number)


def _draw_validation(number: int) -> tuple[np.ndarray, dict[str, Any]]:
    return _draw("validation", number)


def _draw(split: str, number: int) -> tuple[np.ndarray, dict[str, Any]]:
    people, seed = SPLITS[split].people, SPLITS[split].seeds.start + number
    dice = Dice(62, seed)
    who = Identity.of(dice.pick(people))
    drawn = face(who, Expression.draw(dice), SIDE, seed=seed)
    return drawn.image, {"box": drawn.truth.box, "landmarks": drawn.truth.landmarks}


def faces_of(told: Sequence[dict[str, Any]]) -> Faces:
    """The faces told of a picture, as {"box", "landmarks"} each."""
    return Faces(
        np.array([face["box"] for face in told], np.float64).reshape(-1, 4),
        np.array([face["landmarks"] for face in told], np.float64).reshape(-1, 5, 2),
    )


def view(
    image: np.ndarray, faces: Faces, random: np.random.Generator, shrink: float, enlarge: float
) -> tuple[np.ndarray, Faces]:
    """A part of a picture, uint8 [256, 256, 3], between `shrink` and `enlarge` times as large,
    perhaps mirrored, in another light, black where the picture ends; and its faces.

    Landmarks are told as a network's input has them: pixels' centres are whole numbers.
    """
    height, width, _ = image.shape
    scales = shrink * (enlarge / shrink) ** random.random() * np.exp(random.normal(0, 0.05, 2))
    size = (round(width * scales[0]), round(height * scales[1]))
    scaled = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    # Anywhere in the view, or the view anywhere in it.
    corner = [int(random.integers(min(0, SIDE - side), max(0, SIDE - side) + 1)) for side in size]
    shown = Image.new("RGB", (SIDE, SIDE))
    shown.paste(scaled, (corner[0], corner[1]))
    stretch = np.divide(size, (width, height))
    boxes = faces.boxes.reshape(-1, 2, 2) * stretch + corner
    points = faces.points * stretch + corner
    if random.random() < 0.5:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        boxes[..., 0] = SIDE - boxes[:, ::-1, 0]
        points[..., 0] = SIDE - points[..., 0]
        points = points[:, _OPPOSITE]
    clipped = boxes.clip(0, SIDE)
    sizes, seen = boxes[:, 1] - boxes[:, 0], clipped[:, 1] - clipped[:, 0]
    kept = (seen.prod(1) >= _SHOWN * sizes.prod(1)) & (sizes.min(1) >= _SMALLEST)
    return _lit(np.asarray(shown), random), Faces(clipped[kept].reshape(-1, 4), points[kept] - 0.5)


def _lit(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    gains = random.uniform(0.6, 1.25) * np.exp(random.normal(0, 0.06, 3))
    noise = random.standard_normal(pixels.shape, np.float32) * random.uniform(0, 5)
    lit = pixels * gains.astype(np.float32) + noise
    return lit.clip(0, 255).astype(np.uint8)
