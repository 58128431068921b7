"""Which cell is to find which face, and what it costs to say otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from model_repo.island.detector.geometry import generalized_overlap, overlap
from model_repo.island.faces.detector import STRIDES, Raw

# Sides of faces, in pixels, that a level looks for; where two overlap, both do, and suppression
# keeps the better.
_RANGES = {8: (0.0, 44.0), 16: (30.0, 110.0), 32: (76.0, 1e6)}
_MIDDLE = 0.25  # of a side: how far from a face's middle a cell still belongs to it
_BOX, _POINTS = 2.0, 4.0  # what boxes and landmarks weigh against scores


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one picture, in its pixels: boxes float32 [n, 4], x_min y_min x_max y_max,
    and points float32 [n, 5, 2], in the order of ArcFace's five."""

    boxes: np.ndarray
    points: np.ndarray


@dataclass(frozen=True, slots=True)
class Targets:
    """rows, cells: int64 [m], the cells of a batch that belong to a face; boxes, float32
    [m, 4], and points, [m, 10], of that face in pixels."""

    rows: Tensor
    cells: Tensor
    boxes: Tensor
    points: Tensor


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells of an input: corners float32 [cells, 2] in pixels, strides [cells, 1]."""

    corners: Tensor
    strides: Tensor

    @classmethod
    def of(cls, width: int, height: int) -> Grid:
        corners, strides = [], []
        for stride in STRIDES:
            y, x = torch.meshgrid(
                torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
            )
            corners.append(torch.stack([x, y], -1).reshape(-1, 2).float() * stride)
            strides.append(torch.full((len(corners[-1]), 1), float(stride)))
        return cls(torch.cat(corners), torch.cat(strides))

    def boxes(self, raw: Tensor, cells: Tensor) -> Tensor:
        """float32 [m, 4] in pixels of what these cells [m] say, [m, 4], as YuNet is read."""
        strides = self.strides[cells]
        centres = self.corners[cells] + raw[:, :2] * strides
        halves = raw[:, 2:].clamp(max=6).exp() * strides / 2
        return torch.cat([centres - halves, centres + halves], 1)

    def points(self, raw: Tensor, cells: Tensor) -> Tensor:
        """float32 [m, 10] in pixels."""
        strides = self.strides[cells]
        return self.corners[cells].repeat(1, 5) + raw * strides

    def targets(self, faces: Sequence[Faces]) -> Targets:
        """The cells near a face's middle, on the levels that look for its size; the nearest
        one at least. A cell between two faces belongs to the nearer one."""
        middles = (self.corners + self.strides / 2).numpy()
        strides = self.strides[:, 0].numpy()
        low, high = (np.vectorize(lambda s, k=k: _RANGES[int(s)][k])(strides) for k in (0, 1))
        rows, cells, boxes, points = [], [], [], []
        for row, each in enumerate(faces):
            if not len(each.boxes):
                continue
            sizes = each.boxes[:, 2:] - each.boxes[:, :2]
            sides = np.sqrt(sizes.prod(1))
            off = middles[:, None] - (each.boxes[:, :2] + sizes / 2)[None]
            looked = (low[:, None] <= sides) & (sides < high[:, None])
            away = np.where(looked, (np.abs(off) / sizes).max(2), np.inf)
            mine = away < _MIDDLE
            mine[away.argmin(0), np.arange(len(sides))] = True
            (chosen,) = np.nonzero(mine.any(1))
            owner = np.where(mine[chosen], away[chosen], np.inf).argmin(1)
            rows.append(np.full(len(chosen), row))
            cells.append(chosen)
            boxes.append(each.boxes[owner])
            points.append(each.points[owner].reshape(-1, 10))
        if not rows:
            none = torch.empty(0, dtype=torch.int64)
            return Targets(none, none, torch.empty(0, 4), torch.empty(0, 10))
        return Targets(
            torch.from_numpy(np.concatenate(rows)),
            torch.from_numpy(np.concatenate(cells)),
            torch.from_numpy(np.concatenate(boxes)).float(),
            torch.from_numpy(np.concatenate(points)).float(),
        )


@dataclass(frozen=True, slots=True)
class Losses:
    score: Tensor
    box: Tensor
    points: Tensor

    @property
    def total(self) -> Tensor:
        return self.score + _BOX * self.box + _POINTS * self.points


def losses(raw: Raw, targets: Targets, grid: Grid) -> Losses:
    """score: a cell is to say how well its box fits, 0 where there is no face (quality focal
    loss, Li et al. 2020); box: 1 − GIoU; points: how far off, in faces' sides (smooth at less
    than a tenth). Each is a mean over the cells that have a face."""
    mine = (targets.rows, targets.cells)
    boxes = grid.boxes(raw.boxes[mine], targets.cells)
    points = grid.points(raw.points[mine], targets.cells)
    count = max(1, len(targets.rows))
    wanted = torch.zeros_like(raw.logits)
    wanted[mine] = overlap(boxes.detach(), targets.boxes)
    away = (raw.logits.detach().sigmoid() - wanted).abs() ** 2
    score = binary_cross_entropy_with_logits(raw.logits, wanted, away, reduction="sum") / count
    sides = (targets.boxes[:, 2:] - targets.boxes[:, :2]).prod(1, keepdim=True).sqrt()
    off = smooth_l1_loss(points / sides, targets.points / sides, reduction="sum", beta=0.1)
    missed = 1 - generalized_overlap(boxes, targets.boxes)
    return Losses(score, missed.sum() / count, off / count)
