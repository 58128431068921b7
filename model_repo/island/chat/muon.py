"""Muon: steepest descent for matrices, their momentum made orthogonal (Jordan et al., 2024).

torch's own computes in bfloat16, which most CPUs merely emulate; here it is single precision,
and matrices of one shape are done together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

# Of the quintic that sends singular values to about 1, from the paper.
_A, _B, _C = 3.4445, -4.7750, 2.0315


class Muon(torch.optim.Optimizer):
    """For parameters of two dimensions. lr: the spectral size of a step, for a square matrix."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    alike[parameter.shape].append(parameter)
            for shape, parameters in alike.items():
                nesterov = torch.stack([self._pushed(p, group["momentum"]) for p in parameters])
                made = orthogonal(nesterov)
                scale = max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, made, strict=True):
                    parameter.add_(update, alpha=-group["lr"] * scale)

    def _pushed(self, parameter: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if "moment" not in state:
            state["moment"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        moment: Tensor = state["moment"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(moment, momentum)


def orthogonal(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrices whose singular values are about 1, float32 [count, rows, columns]."""
    rows, columns = matrices.shape[1:]
    x: Tensor = matrices.mT if rows > columns else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    return x.mT if rows > columns else x
