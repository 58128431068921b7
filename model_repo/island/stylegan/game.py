"""The training: a generator that first learns to draw what its latents tell of, and then plays
StyleGAN2's game against a discriminator as well.

A portrait is known to its last draw, so a latent that tells of it comes with it (`draws`), and
the generator has a picture to compare its own with. That alone makes pictures that are right
and soft; the game makes them sharp. What is shipped is the moving average of its weights.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model_repo.island.stylegan.discriminator import Discriminator
from model_repo.island.stylegan.draws import NAMES, shown
from model_repo.island.stylegan.network import ARGUMENTS, fresh, mapped, painted
from model_repo.island.stylegan.portraits import SIZE, Batch, Portraits
from model_repo.island.stylegan.sliders import NAMES as SLIDERS
from model_repo.island.stylegan.sliders import measured
from serving.runtimes.stylegan.painter import shown as pixels


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, and how much of what.

    steps: in all; up to `coarse` pictures are of 32 × 32, from `game` on there is a discriminator
    portraits: of the training split, that are gone through again and again
    rate: Adam's learning rate of the generator, a cosine down to a fiftieth
    judging: that of the discriminator, which begins late and from nothing
    likeness: the weight of the difference to the portrait beside the game's loss
    features: the weight of the difference between what the discriminator's blocks see
    gamma: of R1, which is computed every `lazy` steps (Karras et al. 2020, appendix B)
    average: the half-life of the moving average, in steps
    """

    steps: int = 11_000
    coarse: int = 4000
    game: int = 8000
    portraits: int = 12_000
    size: int = 8
    rate: float = 0.006
    judging: float = 0.002
    likeness: float = 20.0
    features: float = 2.0
    gamma: float = 0.5
    lazy: int = 16
    average: float = 300.0
    seed: int = 1
    check_every: int = 500
    checked: int = 64
    arguments: Mapping[str, Any] = field(default_factory=lambda: ARGUMENTS)


class Game:
    """The loop's task. `average` is the network to ship, complete with the mean of w."""

    name = "stylegan"

    def __init__(self, plan: Plan, portraits: Portraits, validation: Portraits) -> None:
        self.plan = plan
        self._portraits, self._validation = portraits, validation
        self.steps, self.check_every = plan.steps, plan.check_every
        self.generator = fresh(dict(plan.arguments), plan.seed)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.discriminator = Discriminator(plan.seed)
        self._side = SIZE
        self._painting = torch.optim.Adam(self.generator.parameters(), betas=(0.9, 0.99))
        self._judging = torch.optim.Adam(self.discriminator.parameters(), betas=(0.0, 0.99))

    def state(self) -> Mapping[str, Any]:
        return {
            "generator": self.generator,
            "average": self.average,
            "discriminator": self.discriminator,
            "painting": self._painting,
            "judging": self._judging,
        }

    def step(self, number: int) -> Mapping[str, float]:
        plan, seen = self.plan, self._portraits.batch(number, self.plan.size)
        playing = number >= plan.game
        self._side = SIZE // 2 if number < plan.coarse else SIZE
        rate = plan.rate * (0.02 + 0.49 * (1 + math.cos(math.pi * number / plan.steps)))
        told, images = self._paint(number, seen, rate, playing)
        if playing:
            told |= self._judge(number, seen.images, images)
        self._follow(number)
        return told

    def check(self) -> Mapping[str, float]:
        """On portraits of the validation split: `likeness` as in training, and how well what
        the ruler measures in pictures of full size correlates with what their latents tell."""
        seen = self._validation.batch(0, self.plan.checked)
        with torch.no_grad():
            images = painted(self.average, mapped(self.average, seen.z), _random(0), self._side)
        told = {"likeness": float(likeness(images, seen))}
        if self._side < SIZE:
            return told
        found, truth = measured(pixels(images).numpy()), shown(seen.z.numpy())
        for column, name in enumerate(SLIDERS):
            told[name] = float(np.corrcoef(found[:, column], truth[:, NAMES.index(name)])[0, 1])
        return told

    def _paint(
        self, number: int, seen: Batch, rate: float, playing: bool
    ) -> tuple[dict[str, float], Tensor]:
        """The generator's step: its figures, and the pictures it made."""
        plan = self.plan
        w = mapped(self.generator, seen.z)
        images = painted(self.generator, w, _random(number), self._side)
        alike = likeness(images, seen)
        loss = plan.likeness * alike
        told = {"likeness": float(alike.detach())}
        if playing:
            self.discriminator.requires_grad_(False)
            with torch.no_grad():
                real = self.discriminator.features(seen.images)
            fake = self.discriminator.features(images)
            near = sum_of_differences(fake, real)
            logits = self.discriminator.judged(fake[-1])
            loss = loss + functional.softplus(-logits).mean() + plan.features * near
            told |= {"features": float(near.detach()), "logit": float(logits.detach().mean())}
            self.discriminator.requires_grad_(True)
        _descend(self._painting, loss, rate)
        return told, images.detach()

    def _judge(self, number: int, real: Tensor, fake: Tensor) -> dict[str, float]:
        """Non-saturating logistic loss, with lazy R1 on the real images."""
        plan = self.plan
        lazy = number % plan.lazy == 0
        real = real.detach().clone().requires_grad_(lazy)
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        loss = functional.softplus(-on_real).mean() + functional.softplus(on_fake).mean()
        told = {"discriminator": float(loss.detach())}
        if lazy:
            penalty = gradient_penalty(on_real, real)
            loss = loss + plan.gamma / 2 * plan.lazy * penalty
            told["penalty"] = float(penalty.detach())
        _descend(self._judging, loss, plan.judging)
        return told

    @torch.no_grad()
    def _follow(self, number: int) -> None:
        """The averages of the weights and of w."""
        keep = min(0.5 ** (1 / self.plan.average), (number + 1) / (number + 10))
        for mean, weight in zip(
            self.average.parameters(), self.generator.parameters(), strict=True
        ):
            mean.lerp_(weight, 1 - keep)

    @torch.no_grad()
    def centre(self) -> None:
        """Sets the mean of w, towards which pictures are truncated."""
        z = np.random.RandomState(self.plan.seed).randn(10_000, self.plan.arguments["z_dim"])
        w = mapped(self.average, torch.from_numpy(z.astype(np.float32)))
        self.average.mapping.w_avg.copy_(w.mean(dim=0))


def likeness(images: Tensor, seen: Batch) -> Tensor:
    """The mean absolute difference to the portraits, or to smaller ones where the images are;
    eyes and mouth count more."""
    wanted, weight = seen.images, seen.stress / seen.stress.mean()
    if images.shape[2] < wanted.shape[2]:
        shrink = wanted.shape[2] // images.shape[2]
        wanted, weight = (functional.avg_pool2d(each, shrink) for each in (wanted, weight))
    return ((images - wanted).abs() * weight).mean()


def sum_of_differences(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """The mean absolute difference of each block's features, added up (Wang et al. 2018,
    arXiv 1711.11585, equation 4)."""
    return torch.stack([(f - r).abs().mean() for f, r in zip(fake, real, strict=True)]).sum()


def gradient_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """R1 of Mescheder et al. 2018 (arXiv 1801.04406): the mean of ‖∇logit‖² at real images."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def _descend(optimizer: torch.optim.Adam, loss: Tensor, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _random(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)
