"""The vision tower, transformers' CLIPVisionModel, and what it learns before it learns words.

While it is trained alone, linear layers read from its last hidden states all that is true of the
picture; they are thrown away behind it, but what a linear layer can read, the projector can, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModel

from model_repo.island.llava.targets import (
    ABSENT,
    MOST,
    NOTHING,
    PATCH_ANSWERS,
    SCENE_ANSWERS,
    Targets,
)
from model_repo.island.llava.views import GRID, PATCH, SIDE

_LONGEST: Final = 4.0 * GRID  # wave of a position, in patches
_RARE: Final = -3.5  # the logit of being the middle of anything, of most patches
_WEIGHTS: Final = {"kind": 2.0, "middle": 2.0, "many": 1.0, "counts": 4.0}  # others a half


@dataclass(frozen=True, slots=True)
class Size:
    """A head of 32 is the least that vLLM takes on a CPU."""

    hidden: int = 192
    layers: int = 5
    heads: int = 6
    inner: int = 384


def build(size: Size | None = None, seed: int = 0) -> CLIPVisionModel:
    """A tower of random weights, float32, whose positions are waves at first."""
    size = size or Size()
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=size.hidden,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=size.hidden,
        hidden_act="quick_gelu",
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )
    tower = CLIPVisionModel(config)
    for module in tower.modules():
        if isinstance(module, nn.Embedding):  # there is but one
            module.weight.data = waves(size.hidden)
    return tower


def waves(width: int) -> Tensor:
    """Sines and cosines of a patch's column and row, float32 [1 + patches, width]; nothing for
    the token of the whole."""
    count = width // 4
    lengths = torch.logspace(0, 1, count, base=_LONGEST / 2) * 2
    angles = torch.arange(GRID)[:, None] * (2 * torch.pi / lengths)
    line = torch.cat([angles.sin(), angles.cos()], 1)
    grid = torch.cat(
        [line.expand(GRID, GRID, -1), line[:, None].expand(GRID, GRID, -1)], -1
    ).flatten(0, 1)
    table = torch.zeros(1 + GRID * GRID, width)
    table[1:, : grid.shape[1]] = grid / 2
    return table


def features(tower: CLIPVisionModel, pictures: Tensor) -> Tensor:
    """What the projector gets: float32 [n, 1 + patches, hidden], the whole first.

    The last layer's states, before the norm behind them, as LLaVA's layer −1 has them.
    """
    hidden: Tensor = tower(pictures).last_hidden_state
    return hidden


class Readers(nn.Module):
    """One linear layer for every patch, one for the whole."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.patch = nn.Linear(width, sum(PATCH_ANSWERS.values()) + 1)
        self.whole = nn.Linear(width, sum(SCENE_ANSWERS.values()) + NOTHING * (MOST + 1))
        nn.init.constant_(self.patch.bias[-1:], _RARE)

    def forward(self, seen: Tensor) -> dict[str, Tensor]:
        """Logits: [n, patches, answers] of patches, [n, answers] of the scene, counts as
        [n, kinds, MOST + 1], and `middle` as [n, patches]."""
        patch = self.patch(seen[:, 1:]).split([*PATCH_ANSWERS.values(), 1], -1)
        scene, counts = self.whole(seen[:, 0]).split(
            [sum(SCENE_ANSWERS.values()), NOTHING * (MOST + 1)], -1
        )
        return {
            **dict(zip(PATCH_ANSWERS, patch, strict=False)),
            "middle": patch[-1].squeeze(-1),
            **dict(zip(SCENE_ANSWERS, scene.split(list(SCENE_ANSWERS.values()), -1), strict=True)),
            "counts": counts.unflatten(-1, (NOTHING, MOST + 1)),
        }


def losses(read: Mapping[str, Tensor], targets: Targets) -> dict[str, Tensor]:
    """Cross-entropy of each answer, averaged over where there is one; nothing where there is
    none at all. Middles are shared out over all there are, for most patches are none's."""
    found = {}
    for name, logits in read.items():
        wanted: Any = getattr(targets, name)
        if name == "middle":
            summed = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
            found[name] = summed / wanted.sum().clamp(min=1)
            continue
        summed = functional.cross_entropy(
            logits.flatten(0, -2), wanted.flatten(), ignore_index=ABSENT, reduction="sum"
        )
        found[name] = summed / (wanted != ABSENT).sum().clamp(min=1)
    return found


def total(found: Mapping[str, Tensor]) -> Tensor:
    return torch.stack([loss * _WEIGHTS.get(name, 0.5) for name, loss in found.items()]).sum()
