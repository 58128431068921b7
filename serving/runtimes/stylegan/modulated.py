"""Weights modulated by styles: StyleGAN2's equations 1 and 3, and their scaling-only form.

Modulation scales the input maps of a convolution by the style, demodulation brings each
output map back to unit variance. Either is a scaling of the weights (one set a sample, run
as a grouped convolution) or of the maps before and after one shared convolution.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

EPSILON = 1e-8
# Demodulation undoes any scaling of weights or styles, so they may be brought near 1 first:
# `peak` keeps FP16 from overflowing (StyleGAN2-ADA, FP16 layers), `power` is StyleGAN3's.
Normalisation = Literal["none", "peak", "power"]


def normalised_weight(weight: Tensor, how: Normalisation) -> Tensor:
    """(o, i, k, k), each output map scaled by itself."""
    if how == "peak":
        fan_in = weight[0].numel()
        return weight / (weight.abs().amax((1, 2, 3), keepdim=True) * fan_in**0.5)
    if how == "power":
        return weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
    return weight


def normalised_styles(styles: Tensor, how: Normalisation) -> Tensor:
    """(n, i), each sample scaled by itself, so that a batch changes no image in it."""
    if how == "peak":
        return styles / styles.abs().amax(1, keepdim=True)
    if how == "power":
        return styles * styles.square().mean(1, keepdim=True).rsqrt()
    return styles


def modulated(weight: Tensor, styles: Tensor) -> Tensor:
    """Equation 1: (o, i, k, k) and (n, i) → (n, o, i, k, k)."""
    return weight[None] * styles[:, None, :, None, None]


def demodulated(weights: Tensor) -> Tensor:
    """Equation 3, over what `modulated` returns."""
    return weights * (weights.square().sum((2, 3, 4), keepdim=True) + EPSILON).rsqrt()


def energy(weight: Tensor) -> Tensor:
    """(o, i): the sum of squares of each small kernel, which `demodulation` needs."""
    return weight.square().sum((2, 3))


def demodulation(energies: Tensor, styles: Tensor) -> Tensor:
    """(n, o): the factors of equation 3, by one small matrix product and no weights."""
    epsilon = styles.new_full((), EPSILON)
    return affine(epsilon, styles.square(), energies.transpose(0, 1)).rsqrt()


def affine(
    bias: Tensor, x: Tensor, weight: Tensor, *, beta: float = 1.0, alpha: float = 1.0
) -> Tensor:
    """beta · bias + alpha · x·weight for x (n, i) and weight (i, o), whose rows hang on x's
    own rows alone, to the last bit (on a processor)."""
    if x.is_cuda:
        return torch.addmm(bias, x, weight, beta=beta, alpha=alpha)
    # One small product a row: a large one adds up in an order that depends on where in it a
    # row lies.
    rows, (inputs, outputs) = x.shape[0], weight.shape
    weight, bias = weight.expand(rows, inputs, outputs), bias.expand(rows, 1, outputs)
    return torch.baddbmm(bias, x[:, None], weight, beta=beta, alpha=alpha)[:, 0]
