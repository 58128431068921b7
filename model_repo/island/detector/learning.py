"""The detector's training: batches, losses, schedule, and a look at the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from model_repo.island.detector.batches import batch
from model_repo.island.detector.geometry import Cells
from model_repo.island.detector.losses import losses
from model_repo.island.detector.network import STRIDES, Network, Shape
from model_repo.island.detector.precision import Found, rank
from model_repo.island.detector.truth import CLASSES, INPUT, Truth
from model_repo.island.training.pictures import Pictures
from serving.models.boxes import suppress
from serving.models.detection.preprocess import Preprocessor

_SEED = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast it learns."""

    steps: int = 4000
    batch: int = 8
    rate: float = 2e-3
    warm_up: int = 200
    falling: float = 0.25  # of all steps, the last ones, in which the rate goes to nothing
    decay: float = 0.02
    kept: float = 0.998  # of the averaged weights, at every step
    check_every: int = 500

    def rate_at(self, number: int) -> float:
        """Rises, stays and falls (Zhai et al. 2022), so that a training may be made longer."""
        left = (self.steps - number) / (self.steps * self.falling)
        return self.rate * min(1.0, (number + 1) / self.warm_up, left)


class Learning:
    """A `Task` of `training.loop`."""

    name = "island-detector"

    def __init__(
        self,
        pictures: Pictures,
        validation: Pictures,
        plan: Plan | None = None,
        shape: Shape | None = None,
    ) -> None:
        self._plan = plan or Plan()
        self.steps, self.check_every = self._plan.steps, self._plan.check_every
        self._pictures, self._validation = pictures, validation
        self._truths = [Truth.of(told) for told in pictures.truths]
        self._cells = Cells.of(INPUT.size, STRIDES)
        torch.manual_seed(_SEED)
        self._network = network = Network(len(CLASSES), shape)
        # Averages forget the noise of the last batches (Polyak and Juditsky 1992).
        averaged = get_ema_multi_avg_fn(self._plan.kept)
        self._average = AveragedModel(network, multi_avg_fn=averaged, use_buffers=True)
        flat = [weights for weights in network.parameters() if weights.ndim < 2]
        deep = [weights for weights in network.parameters() if weights.ndim >= 2]
        groups: list[dict[str, Any]] = [{"params": deep}, {"params": flat, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(
            groups, lr=self._plan.rate, weight_decay=self._plan.decay
        )

    @property
    def network(self) -> Network:
        """What is shipped: the averaged weights, ready to be used."""
        network = self._average.module
        assert isinstance(network, Network)
        return network.eval()

    def state(self) -> Mapping[str, Any]:
        return {
            "network": self._network,
            "average": self._average,
            "optimizer": self._optimizer,
        }

    def step(self, number: int) -> Mapping[str, float]:
        images, wanted = batch(
            self._pictures, self._truths, self._indices(number), (_SEED, 1, number)
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate_at(number)
        self._network.train()
        sides, logits = self._network(images.float())
        found = losses(self._cells, sides, logits, wanted)
        self._optimizer.zero_grad()
        found.total.backward()
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), 10.0)
        self._optimizer.step()
        self._average.update_parameters(self._network)
        return {"naming": found.naming.item(), "framing": found.framing.item()}

    def check(self) -> Mapping[str, float]:
        """mAP@0.5 of the averaged weights."""
        truths = [Truth.of(told) for told in self._validation.truths]
        found = find(self.network, self._cells, self._validation)
        each = [ranking.average_precision() for ranking in rank(found, truths)]
        return {"mAP": float(np.nanmean(each))}

    def _indices(self, number: int) -> Sequence[int]:
        """Every picture comes once before any comes again; what is left of a round is left."""
        size = self._plan.batch
        turn, place = divmod(number, max(1, len(self._pictures) // size))
        order = np.random.default_rng((_SEED, 0, turn)).permutation(len(self._pictures))
        return [int(index) for index in order[place * size : (place + 1) * size]]


@torch.no_grad()
def find(network: Network, cells: Cells, pictures: Pictures, at_once: int = 25) -> list[Found]:
    """What a network sees in pictures as they are, in pixels of theirs."""
    prepare = Preprocessor(INPUT)
    found = []
    for start in range(0, len(pictures), at_once):
        images = [pictures.images[i] for i in range(start, min(start + at_once, len(pictures)))]
        sizes = [(image.shape[1], image.shape[0]) for image in images]
        inputs = [prepare(image, size) for image, size in zip(images, sizes, strict=True)]
        sides, logits = network(torch.from_numpy(np.concatenate(inputs)))
        scores, classes = logits.sigmoid().max(-1)
        boxes = cells.boxes(sides)
        found += [
            _kept(boxes[row], scores[row], classes[row], prepare.to_original(size))
            for row, size in enumerate(sizes)
        ]
    return found


def _kept(boxes: Tensor, scores: Tensor, classes: Tensor, scale: tuple[float, float]) -> Found:
    likely = scores >= 0.01
    found = boxes[likely].numpy(), scores[likely].numpy(), classes[likely].numpy()
    kept = suppress(*found, max_overlap=0.5, limit=100)
    boxes_, scores_, classes_ = (part[kept] for part in found)
    return Found(boxes_ * np.array(scale * 2, np.float32), scores_, classes_)
