"""The mapping network: latents and classes to w, truncated towards the mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from serving.runtimes.stylegan.activations import bias_act_plain
from serving.runtimes.stylegan.arguments import Arguments
from serving.runtimes.stylegan.modulated import EPSILON, affine


class Affine(nn.Module):
    """x·Wᵀ/√in + b, both times the learning-rate multiplier (the equalised learning rate)."""

    def __init__(self, inputs: int, outputs: int, multiplier: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.multiplier = multiplier
        self.gain = multiplier / inputs**0.5

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight.transpose(0, 1)
        return affine(self.bias, x, weight, beta=self.multiplier, alpha=self.gain)


class Mapping(nn.Module):
    """z (n, z_dim) and c (n, c_dim) → w (n, w_dim), in FP32 always."""

    w_avg: Tensor

    def __init__(self, arguments: Arguments) -> None:
        super().__init__()
        options = arguments.mapping_kwargs
        embedded = (options.embed_features or arguments.w_dim) if arguments.c_dim else 0
        hidden = options.layer_features or arguments.w_dim
        widths = [arguments.z_dim + embedded] + [hidden] * (options.num_layers - 1)
        widths.append(arguments.w_dim)
        self.embed = Affine(arguments.c_dim, embedded) if arguments.c_dim else None
        self.depth = options.num_layers
        for index in range(self.depth):
            layer = Affine(widths[index], widths[index + 1], options.lr_multiplier)
            self.add_module(f"fc{index}", layer)
        self.register_buffer("w_avg", torch.empty(arguments.w_dim))

    def forward(self, z: Tensor, c: Tensor | None) -> Tensor:
        x = pixel_norm(z.float())
        if self.embed is not None:
            assert c is not None, "a generator of classes was asked for none: this is a bug"
            x = torch.cat((x, pixel_norm(self.embed(c.float()))), dim=1)
        for index in range(self.depth):
            x = bias_act_plain(self.get_submodule(f"fc{index}")(x), None)
        return x

    def truncate(self, w: Tensor, psi: float, cutoff: int | None) -> Tensor:
        """w (n, num_ws, w_dim) drawn to the mean, w_avg + psi · (w − w_avg), up to a layer."""
        if psi == 1:
            return w
        count = w.shape[1] if cutoff is None else min(cutoff, w.shape[1])
        return torch.cat((self.w_avg.lerp(w[:, :count], psi), w[:, count:]), dim=1)


def pixel_norm(x: Tensor) -> Tensor:
    """Each row of (n, d) at a root mean square of 1."""
    return x * (x.square().mean(1, keepdim=True) + EPSILON).rsqrt()
