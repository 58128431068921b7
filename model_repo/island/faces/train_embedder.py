"""The embedder's training: two looks at each of some people, every one in a light of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from model_repo.island.faces.embedder import Embedder, margin_loss
from model_repo.island.faces.heads import varied
from model_repo.island.faces.verification import auc, pairs, threshold_at
from model_repo.island.training.pictures import Pictures
from model_repo.island.training.rates import warm_cosine

_RATE = 2.5e-3
_SEED = 61


class EmbedderTask:
    """For the training loop. `pictures` and `checked` are what `heads` gives of so many
    `people`, the second with two moments of each person of its own."""

    name = "island-face-embedder"
    check_every = 100

    def __init__(
        self,
        pictures: Pictures,
        checked: Pictures,
        people: int,
        *,
        steps: int = 900,
        batch: int = 48,
        margin: float = 0.3,
        scale: float = 16.0,
    ) -> None:
        torch.manual_seed(_SEED)
        self.steps, self.batch, self.people = steps, batch, people
        self.margin, self.scale = margin, scale
        self.network = Embedder().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=0.02)
        self._pictures, self._checked = pictures, checked

    def state(self) -> Mapping[str, Any]:
        return {"network": self.network, "optimiser": self._optimiser}

    def step(self, number: int) -> Mapping[str, float]:
        random = np.random.default_rng([_SEED, number])
        faces = self._looks(random)
        for group in self._optimiser.param_groups:
            group["lr"] = _RATE * warm_cosine(number, self.steps, warm=50)
        self.network.train()
        vectors = self.network(faces.to(memory_format=torch.channels_last))
        # The full margin at once would leave a network that knows nothing yet without a slope.
        margin = self.margin * min(1.0, number / (0.3 * self.steps))
        one, other = vectors.split(self.batch)
        loss = margin_loss(one, other, margin, self.scale)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimiser.step()
        return {"loss": loss.item()}

    def _looks(self, random: np.random.Generator) -> Tensor:
        """One moment of each of some people, then another moment of each."""
        who = random.choice(self.people, self.batch, replace=False)
        moments = len(self._pictures) // self.people
        first = random.integers(moments, size=self.batch)
        second = (first + random.integers(1, moments, size=self.batch)) % moments
        chosen = np.concatenate([who + self.people * first, who + self.people * second])
        return varied(
            [self._pictures.images[index] for index in chosen],
            np.array([self._pictures.truths[index]["landmarks"] for index in chosen]),
            random,
        )

    def check(self) -> Mapping[str, float]:
        """On people never seen, as photographs show them."""
        half = len(self._checked) // 2
        one, other = (self._vectors(range(start, start + half)) for start in (0, half))
        same, strangers = pairs(one, other)
        found = same >= threshold_at(strangers, 1e-3)
        return {"auc": auc(same, strangers), "found at 1e-3": float(found.mean())}

    @torch.no_grad()
    def _vectors(self, indices: range) -> np.ndarray:
        random = np.random.default_rng([_SEED, indices.start])
        faces = varied(
            [self._checked.images[index] for index in indices],
            np.array([self._checked.truths[index]["landmarks"] for index in indices]),
            random,
        )
        self.network.eval()
        return np.asarray(normalize(self.network(faces)))
