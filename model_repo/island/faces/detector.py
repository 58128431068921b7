"""The face detector's network, whose outputs are read as YuNet's are.

Nothing here knows of labels, losses or files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from model_repo.island.faces.blocks import Residual, conv

STRIDES = (8, 16, 32)
_PRIOR = -4.6  # logit of 1 %: nearly all cells are no face at first


@dataclass(frozen=True, slots=True)
class Raw:
    """What the network says of every cell, levels one after the other, rows by row.

    logits: float32 [n, cells]
    boxes: float32 [n, cells, 4]: dx, dy, log width, log height
    points: float32 [n, cells, 10]: five times dx, dy
    All in strides of the cell's level, from the cell's upper left corner.
    """

    logits: Tensor
    boxes: Tensor
    points: Tensor


class Detector(nn.Module):
    """Pictures, float32 [n, 3, height, width] RGB of 0 … 255, sides multiples of 32.

    A residual backbone, a feature pyramid (Lin et al. 2017) and one head for all its levels.
    """

    def __init__(
        self, widths: tuple[int, int, int, int, int] = (16, 24, 40, 56, 72), pyramid: int = 40
    ) -> None:
        super().__init__()
        first, second, third, fourth, fifth = widths
        self.near = nn.Sequential(
            conv(3, first, 2), conv(first, second, 2), conv(second, third, 2), Residual(third)
        )
        self.middle = nn.Sequential(conv(third, fourth, 2), Residual(fourth))
        self.far = nn.Sequential(conv(fourth, fifth, 2), Residual(fifth))
        self.laterals = nn.ModuleList(
            conv(width, pyramid, size=1) for width in (third, fourth, fifth)
        )
        self.head = Head(pyramid, 1 + 4 + 10)
        # Levels see faces of different sizes against their strides; each has its own offset.
        self.offsets = nn.Parameter(torch.zeros(len(STRIDES), 1 + 4 + 10))
        with torch.no_grad():
            self.offsets[:, 0] = _PRIOR
            self.offsets[:, 3:5] = 1.2

    def levels(self, pictures: Tensor) -> list[Tensor]:
        """Of each stride float32 [n, cells, 15]: logit, box and points."""
        near = self.near(pictures / 127.5 - 1)
        middle = self.middle(near)
        far = self.far(middle)
        maps = [lateral(m) for lateral, m in zip(self.laterals, (near, middle, far), strict=True)]
        maps[1] = maps[1] + interpolate(maps[2], scale_factor=2.0, mode="nearest")
        maps[0] = maps[0] + interpolate(maps[1], scale_factor=2.0, mode="nearest")
        return [
            self.head(each, level).flatten(2).transpose(1, 2) + offset
            for level, (each, offset) in enumerate(zip(maps, self.offsets.unbind(), strict=True))
        ]

    def forward(self, pictures: Tensor) -> Raw:
        together = torch.cat(self.levels(pictures), 1)
        return Raw(together[..., 0], together[..., 1:5], together[..., 5:])


class YuNetOutputs(nn.Module):
    """The detector with the twelve outputs of `serving.models.face.detectors.yunet`, in the
    order of NAMES. With one class alone, being a face is both class and objectness: the face's
    score, the mean of both, is what either says."""

    NAMES = tuple(
        f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES
    )

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        levels = self.detector.levels(pictures)
        scores = [level[..., :1].sigmoid() for level in levels]
        boxes = [level[..., 1:5] for level in levels]
        # A graph's outputs are told apart by name, so one tensor cannot be two of them.
        return *scores, *(score * 1.0 for score in scores), *boxes, *(x[..., 5:] for x in levels)


class Head(nn.Module):
    """One head for the maps of all levels, each evened out by its own level's statistics: those
    of one level are not another's, and a mean of them is nobody's."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.even = nn.ModuleList(nn.BatchNorm2d(width, affine=False) for _ in STRIDES)
        self.scale = nn.Parameter(torch.ones(width, 1, 1))
        self.shift = nn.Parameter(torch.zeros(width, 1, 1))
        self.say = nn.Conv2d(width, outputs, 1)

    def forward(self, seen: Tensor, level: int) -> Tensor:
        even = self.even[level](self.look(seen)) * self.scale + self.shift
        said: Tensor = self.say(torch.relu(even))
        return said
