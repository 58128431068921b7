"""Batches of photographs, each changed a little whenever it comes: mirrored, moved, stretched
and lit otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model_repo.island.detector.targets import Wanted
from model_repo.island.detector.truth import INPUT, Truth
from model_repo.island.training.pictures import Pictures

_MARGIN: Final = 0.15  # of the picture, around it, of the letterbox's grey
_KEPT: Final = 0.4  # a box of which less is left is no longer to be found


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a picture that is shown, in its pixels, and whether it is mirrored."""

    left: float
    top: float
    width: float
    height: float
    mirrored: bool

    @classmethod
    def draw(cls, random: np.random.Generator, width: int, height: int) -> Window:
        """0.7 to 1.2 times the picture, a tenth narrower or wider, nearly anywhere on it."""
        zoom, stretch = random.uniform(0.7, 1.2), random.uniform(0.95, 1.05)
        wide, tall = width * zoom * stretch, height * zoom / stretch
        left = _place(random, width, wide)
        return cls(left, _place(random, height, tall), wide, tall, bool(random.random() < 0.5))

    def shown(self, truth: Truth, size: tuple[int, int]) -> Truth:
        """What is there to be found once the window is `size` (width, height) large."""
        scale = np.array([size[0] / self.width, size[1] / self.height] * 2, np.float32)
        boxes = (truth.boxes - np.array([self.left, self.top] * 2, np.float32)) * scale
        if self.mirrored:
            boxes[:, [0, 2]] = size[0] - boxes[:, [2, 0]]
        inside = np.clip(boxes, 0, np.array(size * 2, np.float32))
        kept = _areas(inside) >= _KEPT * _areas(boxes)
        return Truth(inside[kept], truth.classes[kept])


def batch(
    pictures: Pictures, truths: Sequence[Truth], indices: Sequence[int], seed: Sequence[int]
) -> tuple[Tensor, Wanted]:
    """The pictures of these indices, uint8 [n, 3, height, width], changed as the seed has it."""
    random = np.random.default_rng(seed)
    seen = [changed(pictures.images[i], truths[i], random) for i in indices]
    images = torch.from_numpy(np.stack([image for image, _ in seen])).permute(0, 3, 1, 2)
    return images, filled([truth for _, truth in seen])


def changed(
    image: np.ndarray, truth: Truth, random: np.random.Generator
) -> tuple[np.ndarray, Truth]:
    """A picture of the network's size with its truth."""
    height, width, _ = image.shape
    window = Window.draw(random, width, height)
    margins = round(width * _MARGIN), round(height * _MARGIN)
    canvas = Image.new("RGB", (width + 2 * margins[0], height + 2 * margins[1]), _GREY)
    canvas.paste(Image.fromarray(image), margins)
    left, top = window.left + margins[0], window.top + margins[1]
    part = canvas.resize(
        INPUT.size,
        Image.Resampling.BILINEAR,
        box=(left, top, left + window.width, top + window.height),
    )
    if window.mirrored:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    part = part.point(_light(random))
    return np.asarray(part), window.shown(truth, INPUT.size)


def filled(truths: Sequence[Truth]) -> Wanted:
    """Truths of many pictures as one batch."""
    most = max(len(truth.classes) for truth in truths)
    boxes = torch.zeros(len(truths), most, 4)
    classes = torch.zeros(len(truths), most, dtype=torch.int64)
    there = torch.zeros(len(truths), most, dtype=torch.bool)
    for row, truth in enumerate(truths):
        count = len(truth.classes)
        boxes[row, :count] = torch.from_numpy(truth.boxes)
        classes[row, :count] = torch.from_numpy(truth.classes)
        there[row, :count] = True
    return Wanted(boxes, classes, there)


_GREY: Final = (round(INPUT.pad),) * 3


def _place(random: np.random.Generator, whole: int, part: float) -> float:
    """Where a part begins: on the whole, or around it, beyond no more than the margin."""
    low, high = sorted((0.0, whole - part))
    free = _MARGIN * whole * 0.3
    start = random.uniform(low - free, high + free)
    return float(np.clip(start, -_MARGIN * whole, (1 + _MARGIN) * whole - part))


def _light(random: np.random.Generator) -> list[int]:
    """A lookup table for each channel: brightness, and a cast of colour."""
    gains = random.uniform(0.75, 1.2) * random.uniform(0.93, 1.07, 3)
    return [min(255, round(value * gain)) for gain in gains for value in range(256)]


def _areas(boxes: np.ndarray) -> np.ndarray:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
