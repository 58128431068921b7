"""What the network is told of its mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from model_repo.island.detector.geometry import Cells, generalized_overlap
from model_repo.island.detector.targets import Wanted, assign

_FRAMING: Final = 4.0  # what a box's place weighs against its name


@dataclass(frozen=True, slots=True)
class Losses:
    """naming: binary cross-entropy of every class at every cell, against the score to reach.
    framing: 1 − GIoU of the cells that have a box. Both are shared out over all there is to
    reach, so that crowded pictures do not count for more than their boxes."""

    naming: Tensor
    framing: Tensor

    @property
    def total(self) -> Tensor:
        return self.naming + _FRAMING * self.framing


def losses(cells: Cells, sides: Tensor, logits: Tensor, wanted: Wanted) -> Losses:
    """For predictions as `Network.forward` gives them."""
    boxes = cells.boxes(sides)
    targets = assign(cells, boxes.detach(), logits.detach().sigmoid(), wanted)
    reached = targets.weights.sum().clamp(min=1.0)
    scores = one_hot(targets.classes, logits.shape[-1]) * targets.weights[..., None]
    naming = binary_cross_entropy_with_logits(logits, scores, reduction="sum") / reached
    mine = targets.weights > 0
    missed = 1 - generalized_overlap(boxes[mine], targets.boxes[mine])
    return Losses(naming, torch.dot(missed, targets.weights[mine]) / reached)
