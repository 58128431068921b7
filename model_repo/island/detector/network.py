"""The network: a small CSP backbone, a feature pyramid, and one prediction a cell.

Nothing here knows of labels, losses or files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus

STRIDES: Final = (8, 16, 32)
_PRIOR: Final = 0.001  # every score at first: nearly all cells are of no class
_WAY: Final = 2.0  # every side at first, in strides


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels: of the stem, of the backbone's maps at strides 8, 16 and 32, and of the
    pyramid; `depth` is how many bottlenecks each of the backbone's three stages has."""

    stem: int = 16
    stages: tuple[int, int, int] = (32, 64, 96)
    pyramid: int = 32
    depth: tuple[int, int, int] = (1, 2, 1)


class Network(nn.Module):
    """Pictures, float32 [n, 3, height, width] of 0 … 255, to raw predictions.

    `forward` gives (sides, logits): float32 [n, cells, 4], the ways from a cell's middle to the
    left, top, right and bottom of its box in strides, each positive; and [n, cells, classes].
    Cells come level after level (strides 8, 16, 32), row after row.
    """

    def __init__(self, classes: int, shape: Shape | None = None) -> None:
        super().__init__()
        shape = shape or Shape()
        first, second, third = shape.stages
        wide = shape.pyramid
        self.stem = nn.Sequential(_conv(3, shape.stem, 3, 2), _conv(shape.stem, shape.stem, 3, 2))
        self.stage8 = nn.Sequential(_conv(shape.stem, first, 3, 2), Csp(first, shape.depth[0]))
        self.stage16 = nn.Sequential(_conv(first, second, 3, 2), Csp(second, shape.depth[1]))
        self.stage32 = nn.Sequential(
            _conv(second, third, 3, 2), Csp(third, shape.depth[2]), Gate(third)
        )
        self.laterals = nn.ModuleList(_conv(width, wide, 1) for width in shape.stages)
        self.smooth = nn.ModuleList(_conv(wide, wide, 3) for _ in shape.stages)
        self.heads = nn.ModuleList(Head(wide, classes) for _ in shape.stages)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        near = self.stage8(self.stem(pictures / 127.5 - 1))
        middle = self.stage16(near)
        far = self.stage32(middle)
        maps = [lateral(m) for lateral, m in zip(self.laterals, (near, middle, far), strict=True)]
        maps[1] = maps[1] + interpolate(maps[2], scale_factor=2.0, mode="nearest")
        maps[0] = maps[0] + interpolate(maps[1], scale_factor=2.0, mode="nearest")
        sides, logits = zip(
            *(
                head(smooth(level))
                for head, smooth, level in zip(self.heads, self.smooth, maps, strict=True)
            ),
            strict=True,
        )
        return torch.cat(sides, 1), torch.cat(logits, 1)


class Csp(nn.Module):
    """Half of the channels goes through the bottlenecks, and every step of it is kept
    (CSPNet, Wang et al. 2020, in the form of YOLOv8's C2f)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self._half = half = width // 2
        self.enter = _conv(width, width, 1)
        self.steps = nn.ModuleList(
            nn.Sequential(_conv(half, half, 3), _conv(half, half, 3)) for _ in range(depth)
        )
        self.leave = _conv(width + half * depth, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).split(self._half, 1))
        for step in self.steps:
            parts.append(parts[-1] + step(parts[-1]))
        out: Tensor = self.leave(torch.cat(parts, 1))
        return out


class Gate(nn.Module):
    """Weighs each channel by what the whole picture is like (squeeze and excitation, Hu et al.
    2018, without the squeeze)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return out


class Head(nn.Module):
    """Boxes and classes of one level, each by a branch of its own (YOLOX, Ge et al. 2021)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.sides = nn.Sequential(
            _conv(width, width, 3), _last(width, 4, math.log(math.expm1(_WAY)))
        )
        self.logits = nn.Sequential(
            _conv(width, width, 3), _last(width, classes, -math.log(1 / _PRIOR - 1))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return softplus(_rows(self.sides(x))), _rows(self.logits(x))


def _rows(x: Tensor) -> Tensor:
    """[n, channels, height, width] to [n, cells, channels]."""
    return x.flatten(2).transpose(1, 2)


def _last(inside: int, outside: int, first: float) -> nn.Conv2d:
    """A layer that gives `first` before it has learned anything."""
    layer = nn.Conv2d(inside, outside, 1)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, first)
    return layer


def _conv(inside: int, outside: int, size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outside),
        nn.SiLU(inplace=True),
    )
