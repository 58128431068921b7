"""The tower's training: photographs in, all that is true of them out, no words yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import nn
from transformers import CLIPVisionModel

from model_repo.island.chat.muon import Muon
from model_repo.island.llava import tower
from model_repo.island.llava.album import Album
from model_repo.island.llava.targets import PERSON, Targets
from model_repo.island.llava.views import View, normalised
from model_repo.island.training.rates import warm_cosine

WARM: Final = 15  # of the steps, in one part of so many the rate rises
_SEED: Final = 31
_ADAM: Final = 0.1  # of Muon's rate is AdamW's


class Seeing:
    """A task of the training loop.

    Matrices of the layers learn by Muon, all else by AdamW.

    checked: pictures of the validation split that are looked at
    """

    name = "llava: seeing"

    def __init__(
        self,
        album: Album,
        validation: Album,
        size: tower.Size | None = None,
        *,
        steps: int,
        batch: int = 32,
        rate: float = 0.02,
        check_every: int = 250,
        checked: int = 200,
    ) -> None:
        self.steps, self.check_every = steps, check_every
        self._album, self._validation = album, validation
        self._batch, self._checked = batch, min(checked, len(validation))
        self.tower = tower.build(size)
        self._readers = tower.Readers(self.tower.config.hidden_size)
        layers = [(n, p) for n, p in self.tower.named_parameters() if ".layers." in n]
        matrices = [p for _, p in layers if p.ndim == 2]
        known = {id(p) for p in matrices}
        others = [p for p in self._all() if id(p) not in known]
        self._optimizers: dict[str, tuple[torch.optim.Optimizer, float]] = {
            "muon": (Muon(matrices, lr=rate), rate),
            "adam": (
                torch.optim.AdamW(others, lr=_ADAM * rate, betas=(0.9, 0.95), weight_decay=0.0),
                _ADAM * rate,
            ),
        }

    def state(self) -> Mapping[str, Any]:
        kept = {name: optimizer for name, (optimizer, _) in self._optimizers.items()}
        return {"tower": self.tower, "readers": self._readers, **kept}

    def step(self, number: int) -> Mapping[str, float]:
        photos = self._album.batch(number, self._batch, _SEED)
        random = np.random.default_rng((_SEED, 1, number))
        views = [View.draw(photo, random) for photo in photos]
        pictures = normalised([v.pixels(p.image) for v, p in zip(views, photos, strict=True)])
        self.tower.train()
        read = self._readers(tower.features(self.tower, pictures))
        found = tower.losses(read, Targets.of(photos, views))
        whole = tower.total(found)
        whole.backward()
        share = warm_cosine(number, self.steps, self.steps // WARM)
        for optimizer, rate in self._optimizers.values():
            optimizer.param_groups[0]["lr"] = rate * share
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        told = {"loss": whole, **{name: found[name] for name in ("kind", "middle", "counts")}}
        return {name: float(loss.detach()) for name, loss in told.items()}

    @torch.no_grad()
    def check(self) -> Mapping[str, float]:
        """Presence F1 and the share of right counts, read from the token of the whole, and how
        often the scene is right."""
        self.tower.eval()
        right: dict[str, list[float]] = {"count": [], "people": [], "scene": []}
        hits = guesses = there = 0
        for start in range(0, self._checked, 50):
            photos = [self._validation[i] for i in range(start, min(start + 50, self._checked))]
            read, wanted = look(self.tower, self._readers, photos)
            counted = read["counts"].argmax(-1)
            seen, real = counted[:, :PERSON] > 0, wanted.counts[:, :PERSON] > 0
            hits += int((seen & real).sum())
            guesses, there = guesses + int(seen.sum()), there + int(real.sum())
            same = counted == wanted.counts
            right["count"] += same[:, :PERSON][real].tolist()
            right["people"] += same[:, PERSON].tolist()
            for name in ("place", "weather", "time"):
                right["scene"] += (read[name].argmax(-1) == getattr(wanted, name)).tolist()
        shares = {name: float(np.mean(values)) for name, values in right.items()}
        return {"presence F1": 2 * hits / max(1, guesses + there), **shares}

    def _all(self) -> list[nn.Parameter]:
        # The norm behind the last layer is never used.
        mine = [p for n, p in self.tower.named_parameters() if "post_layernorm" not in n]
        return [*mine, *self._readers.parameters()]


def look(
    seer: CLIPVisionModel, readers: tower.Readers, photos: list[Any]
) -> tuple[dict[str, torch.Tensor], Targets]:
    """What is read from pictures as they are, and what is true of them."""
    views = [View.whole(photo) for photo in photos]
    pictures = normalised([v.pixels(p.image) for v, p in zip(views, photos, strict=True)])
    return readers(tower.features(seer, pictures)), Targets.of(photos, views)
