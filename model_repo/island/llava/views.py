"""How the tower sees a photograph: whole and squeezed into a square, in training each time a
little moved, stretched or mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model_repo.island.world.canvas import Box
from model_repo.island.world.scene import Photograph

# Nothing is cropped: what lies at the edge is counted, too. The smallest things of a 320 × 240
# photograph are 13 pixels wide here, and no two of them have their middles in one patch.
SIDE: Final = 192
PATCH: Final = 16
GRID: Final = SIDE // PATCH
# Of pixels between 0 and 1, as the entry's processor has them.
MEAN: Final = 0.5
SPREAD: Final = 0.25
_MOVED: Final = 0.08  # of the picture, on each side


@dataclass(frozen=True, slots=True)
class View:
    """The part of a picture that is seen, in its pixels; it may reach beyond the edges, which are
    repeated there."""

    left: float
    top: float
    right: float
    bottom: float
    mirrored: bool = False

    @classmethod
    def whole(cls, photo: Photograph) -> View:
        height, width, _ = photo.image.shape
        return cls(0, 0, width, height)

    @classmethod
    def draw(cls, photo: Photograph, random: np.random.Generator) -> View:
        """Each side moves by itself, but none into what there is to be seen."""
        height, width, _ = photo.image.shape
        boxes = [thing.box for thing in photo.things] + [who.box for who in photo.people]
        first = [min((box[i] for box in boxes), default=np.inf) for i in (0, 1)]
        last = [max((box[i] for box in boxes), default=-np.inf) for i in (2, 3)]
        low, high = (
            random.uniform(-_MOVED, _MOVED, 2) * (width, height),
            (1 + random.uniform(-_MOVED, _MOVED, 2)) * (width, height),
        )
        return cls(
            float(min(low[0], max(0.0, first[0]))),
            float(min(low[1], max(0.0, first[1]))),
            float(max(high[0], min(width, last[0]))),
            float(max(high[1], min(height, last[1]))),
            bool(random.random() < 0.5),
        )

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """What is seen, uint8 [SIDE, SIDE, 3]. image: uint8 [height, width, 3]"""
        height, width, _ = image.shape
        margins = round(height * _MOVED) + 1, round(width * _MOVED) + 1
        wide = np.pad(image, ((margins[0],) * 2, (margins[1],) * 2, (0, 0)), mode="edge")
        box = (
            self.left + margins[1],
            self.top + margins[0],
            self.right + margins[1],
            self.bottom + margins[0],
        )
        seen = Image.fromarray(wide).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
        if self.mirrored:
            seen = seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return np.asarray(seen)

    def patches(self, box: Box) -> Box:
        """A box of the picture, in patches of what is seen."""
        wide, tall = GRID / (self.right - self.left), GRID / (self.bottom - self.top)
        x_min, x_max = (box[0] - self.left) * wide, (box[2] - self.left) * wide
        if self.mirrored:
            x_min, x_max = GRID - x_max, GRID - x_min
        return x_min, (box[1] - self.top) * tall, x_max, (box[3] - self.top) * tall


def normalised(pictures: Sequence[np.ndarray]) -> Tensor:
    """float32 [n, 3, SIDE, SIDE] of what `View.pixels` gives."""
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return (stacked.float() / 255 - MEAN) / SPREAD
