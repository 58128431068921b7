"""The generator to be trained: our own StyleGAN2, freshly drawn, and operators that learn.

What is served is computed by `serving.runtimes.stylegan`; the modules are the same ones.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model_repo.island.stylegan.draws import Z_DIM
from serving.runtimes.stylegan import modulated
from serving.runtimes.stylegan.activations import activate_
from serving.runtimes.stylegan.arguments import Arguments2, parse
from serving.runtimes.stylegan.filters import upfirdn
from serving.runtimes.stylegan.generator import Network
from serving.runtimes.stylegan.generator2 import Block, Synthesis2

ARGUMENTS: Final[dict[str, Any]] = {
    "cls": "stylegan2",
    "z_dim": Z_DIM,
    "w_dim": 128,
    "c_dim": 0,
    "img_resolution": 64,
    "img_channels": 3,
    "channel_base": 1536,
    "channel_max": 64,
    "mapping_kwargs": {"num_layers": 3, "lr_multiplier": 1.0},
}


def fresh(raw: dict[str, Any], seed: int) -> Network:
    """A generator drawn as the paper initialises it: unit normal weights, whose scale the
    equalised learning rate sees to, styles of 1, and no noise."""
    arguments = parse(raw)
    assert isinstance(arguments, Arguments2)
    network = Network(arguments)
    random = torch.Generator().manual_seed(seed)
    taps = np.outer(arguments.resample_filter, arguments.resample_filter)
    with torch.no_grad():
        for name, each in network.state_dict().items():
            if name.endswith("resample_filter"):
                each.copy_(torch.from_numpy(taps / taps.sum()))
            elif name.endswith("affine.bias"):
                each.fill_(1.0)
            elif name.endswith(("bias", "noise_strength", "w_avg")):
                each.zero_()
            else:
                scale = arguments.mapping_kwargs.lr_multiplier if ".fc" in name else 1.0
                each.copy_(torch.randn(each.shape, generator=random) / scale)
    return network


def mapped(network: Network, z: Tensor) -> Tensor:
    """z (n, z_dim) → w (n, w_dim)."""
    w: Tensor = network.mapping(z, None)
    return w


def painted(network: Network, w: Tensor, random: torch.Generator, side: int = 64) -> Tensor:
    """w (n, w_dim) or (n, num_ws, w_dim) → images (n, 3, side, side) around [-1, 1], with
    gradients.

    side: less than the network's own to leave out its finer blocks: the sum of all coarser
        ones is a picture, too
    """
    synthesis = network.synthesis
    assert isinstance(synthesis, Synthesis2)
    if w.ndim == 2:
        w = w[:, None].expand(-1, synthesis.num_ws, -1)
    x: Tensor | None = None
    image: Tensor | None = None
    at = 0
    for resolution in synthesis.resolutions:
        if resolution > side:
            break
        block = synthesis.get_submodule(f"b{resolution}")
        assert isinstance(block, Block)
        count = len(block.layers())
        shape = (len(w), 1, resolution, resolution)
        noise = [torch.randn(shape, generator=random) for _ in range(count)]
        x, image = block(x, image, w[:, at : at + count + 1], Learning(), noise)
        at += count
    assert image is not None
    return image


class Learning:
    """Operators through which gradients reach every weight: one convolution for the whole
    batch, as its maps are scaled before and after it in place of its weights."""

    channels_last = True

    def styled(
        self,
        x: Tensor,
        weight: Tensor,
        kernel: object,
        styles: Tensor,
        *,
        demodulate: bool,
        scale: Tensor | None,
        upsample: Tensor | None,
        padding: int,
        noise: Tensor | None,
        bias: Tensor,
        slope: float,
        gain: float,
        clamp: float | None,
    ) -> Tensor:
        assert scale is None, "StyleGAN2 scales nothing. This is a bug."
        x = x * styles[:, :, None, None]
        if upsample is None:
            x = functional.conv2d(x, weight, padding=padding)
        else:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = upfirdn(x, upsample, padding=(1, 1), gain=4)
        if demodulate:
            factors = modulated.demodulation(modulated.energy(weight), styles) * gain
            x = x * factors[:, :, None, None]
        else:
            x = x * gain if gain != 1 else x
        x = x + (bias * gain)[:, None, None]
        if noise is not None:
            x = x + noise * gain
        return activate_(x, slope=slope, clamp=clamp)

    def sandwich(self, *_: object, **__: object) -> Tensor:
        raise AssertionError("StyleGAN2 has no such layer. This is a bug.")

    def double(self, image: Tensor, taps: Tensor) -> Tensor:
        return upfirdn(image, taps, up=2, padding=(2, 1), gain=4)
