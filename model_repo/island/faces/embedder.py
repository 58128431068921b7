"""The embedder's network, and the loss that makes its angles tell people apart.

Nothing here knows of pictures' sources or of files.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from model_repo.island.faces.blocks import Residual, conv

SIZE = 64  # pixels of an aligned face's side
DIMENSION = 128


class Embedder(nn.Module):
    """Aligned faces, float32 [n, 3, 64, 64] RGB of 0 … 255, to vectors [n, 128].

    A residual network (He et al. 2016) that ends as MobileFaceNet does (Chen et al. 2018): not
    by a mean over places, for an eye is no mouth, but by weights of each place's own. Vectors
    have no length of their own; whoever compares them brings them to length 1.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (16, 32, 64, 128)) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.body = nn.Sequential(
            conv(3, first, 2),
            conv(first, second, 2),
            Residual(second),
            Residual(second),
            conv(second, third, 2),
            Residual(third),
            conv(third, fourth, 2),
        )
        side = SIZE // 16
        self.places = nn.Sequential(
            nn.Conv2d(fourth, fourth, side, groups=fourth, bias=False), nn.BatchNorm2d(fourth)
        )
        self.vector = nn.Linear(fourth, DIMENSION, bias=False)
        self.even = nn.BatchNorm1d(DIMENSION)

    def forward(self, faces: Tensor) -> Tensor:
        places = self.places(self.body(faces / 127.5 - 1)).flatten(1)
        vectors: Tensor = self.even(self.vector(places))
        return vectors


def margin_loss(one: Tensor, other: Tensor, margin: float, scale: float) -> Tensor:
    """What it costs if people are not nearest to themselves: two looks, [n, d] each, whose rows
    are of the same n people.

    ArcFace's loss (Deng et al. 2019), the softmax over angles in which one's own counts as
    `margin` radians wider than it is. ArcFace learns a direction for each person of the training
    to measure angles to; here these are the other looks of the batch (as in Sohn 2016), so that
    every one of them is right from the first step on, however few looks of a person there are.
    """
    cosines = normalize(one) @ normalize(other).T
    own = cosines.diagonal().clamp(-1 + 1e-6, 1 - 1e-6)
    wider = own * math.cos(margin) - (1 - own * own).sqrt() * math.sin(margin)
    # cos(angle + margin) rises again beyond π: there the cosine itself is lowered instead.
    wider = torch.where(own > -math.cos(margin), wider, own - margin * math.sin(margin))
    logits = scale * torch.where(torch.eye(len(one)) > 0, wider[:, None], cosines)
    people = torch.arange(len(one))
    return (cross_entropy(logits, people) + cross_entropy(logits.T, people)) / 2
