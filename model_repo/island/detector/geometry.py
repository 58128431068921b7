"""Cells and boxes as tensors: x_min y_min x_max y_max in pixels of the network's input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Cells:
    """Every cell a network predicts at, in its order.

    middles: float32 [cells, 2] in pixels; strides: float32 [cells, 1]
    """

    middles: Tensor
    strides: Tensor

    @classmethod
    def of(cls, size: tuple[int, int], strides: Sequence[int]) -> Cells:
        """For inputs of (width, height), both multiples of every stride."""
        levels = []
        for stride in strides:
            rows, columns = (torch.arange(side // stride) for side in reversed(size))
            y, x = torch.meshgrid(rows, columns, indexing="ij")
            levels.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        repeated = torch.repeat_interleave(
            torch.tensor(strides, dtype=torch.float32), torch.tensor([len(m) for m in levels])
        )
        return cls(torch.cat(levels), repeated[:, None])

    def boxes(self, sides: Tensor) -> Tensor:
        """The boxes [..., cells, 4] of the ways to the four sides, in strides."""
        ways = sides * self.strides
        return torch.cat([self.middles - ways[..., :2], self.middles + ways[..., 2:]], -1)


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes [..., 4] that may be broadcast."""
    return _shares(one, other)[0]


def generalized_overlap(one: Tensor, other: Tensor) -> Tensor:
    """GIoU (Rezatofighi et al. 2019): the overlap less the share of the box around both that
    neither fills; −1 … 1, and never without a slope."""
    shared, union = _shares(one, other)
    around = _area(torch.minimum(one, other)[..., :2], torch.maximum(one, other)[..., 2:])
    return shared - (around - union) / around.clamp(min=1e-6)


def _shares(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The intersection over union, and the union."""
    both = _area(
        torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    )
    union = _area(one[..., :2], one[..., 2:]) + _area(other[..., :2], other[..., 2:]) - both
    return both / union.clamp(min=1e-6), union


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(-1)
