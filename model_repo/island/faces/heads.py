"""Heads to learn people from: portraits kept on disk, and how a training sees each anew.

The crop is what `serving.models.face.align` makes of the landmarks, for that is what the
embedder will get; the light, the low resolution and the noise are those of photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from model_repo.island.faces.embedder import SIZE
from model_repo.island.training.pictures import Pictures
from model_repo.island.world import SPLITS, Expression, Identity, face
from model_repo.island.world.dice import Dice
from serving.models.face.align import TEMPLATE, TEMPLATE_SIDE, similarities

_PORTRAIT = 128  # pixels; what is kept of one is its middle
_LEFT, _TOP, KEPT = 16, 22, 96
_AIM = TEMPLATE * (SIZE / TEMPLATE_SIDE)


def heads(split: str, moments: int) -> Pictures:
    """`moments` portraits of each person of a split, uint8 [96, 96, 3]; another expression and
    another light each time.

    All people come in order, then all again. Of each is told {"landmarks": five (x, y)}, pixels'
    centres being whole numbers.
    """
    drawn = {"train": _draw_train, "validation": _draw_validation}[split]
    return Pictures(f"heads-{split}", drawn, 0, moments * len(SPLITS[split].people))


def _draw_train(number: int) -> tuple[np.ndarray, dict[str, Any]]:
    return _draw("train", number)


def _draw_validation(number: int) -> tuple[np.ndarray, dict[str, Any]]:
    return _draw("validation", number)


def _draw(split: str, number: int) -> tuple[np.ndarray, dict[str, Any]]:
    seeds, people = SPLITS[split].seeds, SPLITS[split].people
    seed = seeds.start + number
    moment = Expression.draw(Dice(60, seed))
    who = Identity.of(people[number % len(people)])
    drawn = face(who, moment, _PORTRAIT, seed=seed)
    kept = drawn.image[_TOP : _TOP + KEPT, _LEFT : _LEFT + KEPT]
    landmarks = [(x - _LEFT - 0.5, y - _TOP - 0.5) for x, y in drawn.truth.landmarks]
    return kept, {"landmarks": landmarks}


def crops(images: np.ndarray | Sequence[np.ndarray], landmarks: np.ndarray) -> Tensor:
    """Aligned faces, float32 [n, 3, 64, 64] of 0 … 255, from squares uint8 [n, side, side, 3]
    with landmarks [n, 5, 2]: those of `serving.models.face.align.align`, many at once."""
    pictures = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2).float()
    return grid_sample(
        pictures, _places(landmarks, pictures.shape[2]), "bilinear", "zeros", align_corners=False
    )


def varied(
    images: Sequence[np.ndarray], landmarks: np.ndarray, random: np.random.Generator
) -> Tensor:
    """Crops as a detector on a photograph would give them: landmarks a little off, mirrored,
    small, in coloured light, with noise; one in eight as it is."""
    count = len(images)
    pictures = torch.from_numpy(np.stack(list(images))).permute(0, 3, 1, 2).float()
    side = pictures.shape[2]
    eyes = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)[:, None, None]
    off = landmarks + random.normal(0, 0.04, landmarks.shape) * eyes
    off += random.normal(0, 0.03, (count, 1, 2)) * eyes
    places = _places(off, side)
    mirrored = random.random(count) < 0.5
    places[mirrored] = places[mirrored].flip(2)
    parts = np.array_split(np.arange(count), min(8, count))
    result = torch.empty(count, 3, SIZE, SIZE)
    for index, part in enumerate(parts):
        small = pictures[part]
        if index:
            small = _photographed(small, random)
        result[part] = grid_sample(
            small, places[part], "bilinear", "zeros", align_corners=False
        ).clamp(0, 255)
    return result


def _photographed(pictures: Tensor, random: np.random.Generator) -> Tensor:
    """Several heads in one resolution, each in its own light: from a face's whole size in a
    photograph down to the smallest there is."""
    count, _, side, _ = pictures.shape
    smaller = round(side * 0.27 ** random.random())
    pictures = interpolate(
        pictures, (smaller, smaller), mode="bilinear", align_corners=False, antialias=True
    )
    light = random.uniform(0.55, 1.12, (count, 1)) * np.exp(random.normal(0, 0.1, (count, 3)))
    pictures = pictures * torch.from_numpy(light[:, :, None, None]).float()
    slope = (
        torch.linspace(-1, 1, smaller)
        * torch.from_numpy(random.normal(0, 5, count)).float()[:, None, None, None]
    )
    strength = torch.from_numpy(random.uniform(0, 6, (count, 1, 1, 1))).float()
    noise = torch.from_numpy(random.standard_normal(pictures.shape, np.float32))
    return (pictures + slope + strength * noise).clamp(0, 255)


def _places(landmarks: np.ndarray, side: int) -> Tensor:
    """Where each pixel of a crop lies on its square, [n, 64, 64, 2] as grid_sample counts."""
    turns, shifts = similarities(landmarks, _AIM)
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    places = ((x + 1j * y)[None] - shifts[:, None, None]) / turns[:, None, None]
    pixels = np.stack([places.real, places.imag], axis=-1)
    return torch.from_numpy((2 * pixels + 1) / side - 1).float()
