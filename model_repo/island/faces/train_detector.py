"""The face detector's training: photographs, and portraits in every third view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model_repo.island.faces.detector import Detector
from model_repo.island.faces.targets import Faces, Grid, losses
from model_repo.island.faces.views import SIDE, faces_of, view
from model_repo.island.training.pictures import Pictures
from model_repo.island.training.rates import warm_cosine

_PORTRAITS = 3  # every so manieth view is of a portrait
_RATE = 2e-3
_SEED = 63


class DetectorTask:
    """For the training loop. `photographs` and `portraits` are to be learned from, `checked`
    are photographs to be judged on."""

    name = "island-face"
    check_every = 500

    def __init__(
        self,
        photographs: Pictures,
        portraits: Pictures,
        checked: Pictures,
        *,
        steps: int = 4500,
        batch: int = 12,
    ) -> None:
        torch.manual_seed(_SEED)
        self.steps, self.batch = steps, batch
        self.network = Detector().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=0.02)
        self._grid = Grid.of(SIDE, SIDE)
        self._photographs, self._portraits, self._checked = photographs, portraits, checked

    def state(self) -> Mapping[str, Any]:
        return {"network": self.network, "optimiser": self._optimiser}

    def step(self, number: int) -> Mapping[str, float]:
        pictures, faces = self._batch(np.random.default_rng([_SEED, number]), self._photographs)
        for group in self._optimiser.param_groups:
            group["lr"] = _RATE * warm_cosine(number, self.steps)
        self.network.train()
        raw = self.network(pictures.to(memory_format=torch.channels_last))
        lost = losses(raw, self._grid.targets(faces), self._grid)
        self._optimiser.zero_grad()
        lost.total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self._optimiser.step()
        return {
            "score": lost.score.item(),
            "box": lost.box.item(),
            "points": lost.points.item(),
        }

    @torch.no_grad()
    def check(self) -> Mapping[str, float]:
        """The losses on views of people and places never seen."""
        self.network.eval()
        random = np.random.default_rng(_SEED)
        seen = []
        for _ in range(8):
            pictures, faces = self._batch(random, self._checked)
            lost = losses(self.network(pictures), self._grid.targets(faces), self._grid)
            seen.append([lost.score.item(), lost.box.item(), lost.points.item()])
        return dict(zip(("score", "box", "points"), np.mean(seen, axis=0), strict=True))

    def _batch(
        self, random: np.random.Generator, photographs: Pictures
    ) -> tuple[Tensor, list[Faces]]:
        views = []
        for place in range(self.batch):
            if place % _PORTRAITS == 0:
                index = int(random.integers(len(self._portraits)))
                told: Sequence[dict[str, Any]] = [self._portraits.truths[index]]
                image, shrink, enlarge = self._portraits.images[index], 0.25, 1.5
            else:
                index = int(random.integers(len(photographs)))
                told = [person["face"] for person in photographs.truths[index]["people"]]
                image, shrink, enlarge = photographs.images[index], 0.5, 2.0
            views.append(view(image, faces_of(told), random, shrink, enlarge))
        pictures = torch.from_numpy(np.stack([image for image, _ in views]))
        return pictures.permute(0, 3, 1, 2).float(), [faces for _, faces in views]
