"""Which cells are to find which box: task-aligned assignment (TOOD, Feng et al. 2021).

A box goes to those of its cells that already do best at both tasks, naming it and framing it,
and the cells are to score as high as they do well. So score and overlap come to agree, by which
the better of two boxes survives suppression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from model_repo.island.detector.geometry import Cells, overlap

_ALPHA, _BETA = 0.5, 6.0  # the weight of the score and of the overlap, as exponents
_MOST: Final = 10  # cells of a box
_REACH: Final = 4.0  # pixels from a box's middle in which a cell may always be its own


@dataclass(frozen=True, slots=True)
class Wanted:
    """The truth of a batch, filled up to one length.

    boxes: float32 [n, most, 4] in pixels; classes: int64 [n, most]; there: bool [n, most]
    """

    boxes: Tensor
    classes: Tensor
    there: Tensor


@dataclass(frozen=True, slots=True)
class Targets:
    """What each cell is to find.

    boxes: float32 [n, cells, 4]; classes: int64 [n, cells]
    weights: float32 [n, cells], the score to reach, 0 where there is nothing to be found
    """

    boxes: Tensor
    classes: Tensor
    weights: Tensor


@torch.no_grad()
def assign(cells: Cells, boxes: Tensor, scores: Tensor, wanted: Wanted) -> Targets:
    """Gives the truth to cells that predict `boxes` [n, cells, 4] and `scores` [n, cells, k]."""
    batch, most = wanted.classes.shape
    if not most:
        nothing = torch.zeros_like(boxes[..., 0])
        return Targets(torch.zeros_like(boxes), nothing.long(), nothing)
    picks = wanted.classes[:, :, None].expand(-1, -1, len(cells.middles))
    named = scores.transpose(1, 2).gather(1, picks)  # [n, most, cells], as the rest
    framed = overlap(wanted.boxes[:, :, None], boxes[:, None])
    possible = _near(cells, wanted.boxes) & wanted.there[:, :, None]
    merit = named**_ALPHA * framed**_BETA * possible

    best = merit.topk(min(_MOST, merit.shape[-1]), -1)
    chosen = torch.zeros_like(possible).scatter_(-1, best.indices, best.values > 0)
    # A cell that several boxes want is the one's that it frames best.
    rank = torch.where(chosen, framed, -1.0)
    owner = rank.argmax(1)  # [n, cells]
    chosen &= torch.arange(most)[None, :, None] == owner[:, None]

    merit, framed = merit * chosen, framed * chosen
    scale = framed.amax(-1, keepdim=True) / merit.amax(-1, keepdim=True).clamp(min=1e-12)
    rows = torch.arange(batch)[:, None]
    return Targets(wanted.boxes[rows, owner], wanted.classes[rows, owner], (merit * scale).amax(1))


def _near(cells: Cells, boxes: Tensor) -> Tensor:
    """Whether a cell's middle lies in a box, [n, most, cells]; thin boxes count as 8 pixels."""
    middles = (boxes[..., :2] + boxes[..., 2:]) / 2
    halves = ((boxes[..., 2:] - boxes[..., :2]) / 2).clamp(min=_REACH)
    return ((cells.middles - middles[:, :, None]).abs() <= halves[:, :, None]).all(-1)
