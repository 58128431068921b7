"""Bias, leaky ReLU, gain and clamp; the slope of a leaky ReLU lets a gain pass through it."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

SLOPE = 0.2
# Keeps the variance of what a leaky ReLU of this slope halves, near enough.
GAIN = 2**0.5


def bias_act_plain(
    x: Tensor,
    bias: Tensor | None,
    *,
    slope: float = SLOPE,
    gain: float = GAIN,
    clamp: float | None = None,
) -> Tensor:
    """clamp(gain · leaky_relu(x + bias)), a pass each; bias is (c,), slope 1 is linear."""
    if bias is not None:
        x = x + bias.to(x.dtype).reshape(-1, *[1] * (x.ndim - 2))
    if slope != 1:
        x = functional.leaky_relu(x, slope)
    if gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def activate_(x: Tensor, *, slope: float, clamp: float | None) -> Tensor:
    """clamp(leaky_relu(x)) in x's own memory, for an x that already holds bias and gain.

    gain · leaky_relu(x) = leaky_relu(gain · x) for a gain above 0, so whatever scaled x
    before may have taken the gain along.
    """
    if slope != 1:
        x = functional.leaky_relu_(x, slope)
    return x if clamp is None else x.clamp_(-clamp, clamp)
