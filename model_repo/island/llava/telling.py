"""The training of projector and language model: photographs and the conversations about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlavaForConditionalGeneration

from model_repo.island.chat.muon import Muon
from model_repo.island.llava import network
from model_repo.island.llava.album import Album
from model_repo.island.llava.lessons import lessons
from model_repo.island.llava.seeing import WARM
from model_repo.island.llava.views import View, normalised
from model_repo.island.training import parts
from model_repo.island.training.rates import warm_cosine

_SEED: Final = 32
_ADAM: Final = 0.1  # of Muon's rate is AdamW's
_BASE: Final = 0.5  # of the projector's rate is the language model's, which knows its words
_WATCHED: Final = ("presence", "count", "people", "caption")


class Telling:
    """A task of the training loop; the tower is left as it is."""

    name = "llava: telling"

    def __init__(
        self,
        model: LlavaForConditionalGeneration,
        tokenizer: Tokenizer,
        album: Album,
        validation: Album,
        *,
        steps: int,
        batch: int = 4,
        rate: float = 0.02,
        check_every: int = 200,
        checked: int = 48,
    ) -> None:
        self.steps, self.check_every = steps, check_every
        self.model = model
        self._tokenizer = tokenizer
        self._album, self._validation = album, validation
        self._batch, self._checked = batch, min(checked, len(validation))
        model.model.vision_tower.requires_grad_(False)
        projector = list(model.model.multi_modal_projector.parameters())
        words = network.words(model)
        language = [p for p in model.model.language_model.parameters() if p is not words]
        self._learned = [*projector, *language, words]
        halves = ((projector, rate), (language, _BASE * rate))
        muon = [([p for p in half if p.ndim == 2], pace) for half, pace in halves]
        adam = [([p for p in half if p.ndim != 2], _ADAM * pace) for half, pace in halves]
        adam.append(([words], _ADAM * _BASE * rate))
        self._optimizers: dict[str, torch.optim.Optimizer] = {
            "muon": Muon(_groups(muon), lr=rate),
            "adam": torch.optim.AdamW(_groups(adam), betas=(0.9, 0.95), weight_decay=0.0),
        }
        self._rates = [pace for _, pace in (*muon, *adam)]

    def state(self) -> Mapping[str, Any]:
        return {"model": self.model, **self._optimizers}

    def step(self, number: int) -> Mapping[str, float]:
        share = warm_cosine(number, self.steps, self.steps // WARM)
        groups = [g for o in self._optimizers.values() for g in o.param_groups]
        for group, rate in zip(groups, self._rates, strict=True):
            group["lr"] = rate * share
        photos = self._album.batch(number, self._batch, _SEED)
        random = np.random.default_rng((_SEED, 1, number))
        views = [View.draw(photo, random) for photo in photos]
        pictures = normalised([v.pixels(p.image) for v, p in zip(views, photos, strict=True)])
        sheets = [
            network.encode(self._tokenizer, lessons(photo, number, "train")) for photo in photos
        ]
        self.model.train()
        loss = parts.learn(
            self._learned,
            list(zip(network.see(self.model, pictures), sheets, strict=True)),
            lambda shown: network.loss_of(network.said(self.model, *shown), shown[1])[0],
            sum(int(sheet.learned.sum()) for sheet in sheets),
        )
        for optimizer in self._optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {"loss": loss}

    @torch.no_grad()
    def check(self) -> Mapping[str, float]:
        """The loss, and of some kinds of conversation how many are answered word for word."""
        self.model.eval()
        total, count = 0.0, 0
        right: dict[str, list[bool]] = {task: [] for task in _WATCHED}
        for index in range(self._checked):
            photo = self._validation[index]
            samples = lessons(photo, index, "validation")
            sheet = network.encode(self._tokenizer, samples)
            pictures = normalised([View.whole(photo).pixels(photo.image)])
            logits = network.said(self.model, network.see(self.model, pictures)[0], sheet)
            loss, learned = network.loss_of(logits, sheet)
            total, count = total + float(loss), count + learned
            for owner, same in network.answered(logits, sheet).items():
                right.setdefault(samples[owner - 1].task, []).append(same)
        shares = {task: float(np.mean(right[task] or [False])) for task in _WATCHED}
        return {"loss": total / count, **shares}


def _groups(paced: list[tuple[list[Any], float]]) -> list[Any]:
    return [{"params": some, "lr": rate} for some, rate in paced]
