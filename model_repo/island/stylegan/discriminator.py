"""The generator's opponent: StyleGAN2's residual discriminator, made small. It is not shipped."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from serving.runtimes.stylegan.activations import GAIN, SLOPE

_CHANNELS: Final = {64: 16, 32: 32, 16: 64, 8: 64, 4: 64}
_GROUP: Final = 4  # of a batch, among which the deviation is taken


class Discriminator(nn.Module):
    """Images (n, 3, 64, 64) within [-1, 1] → how real each is, (n,), as a logit.

    Karras et al. 2020 (arXiv 1912.04958), section 4: residual blocks and, before the last
    convolution, the deviation within groups of the batch. A mean of 2 × 2 pixels takes the
    place of the paper's FIR filter.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        sides = list(_CHANNELS)
        self.first = Convolution(3, _CHANNELS[sides[0]], 1)
        self.blocks = nn.ModuleList(
            Block(_CHANNELS[side], _CHANNELS[side // 2]) for side in sides[:-1]
        )
        last = _CHANNELS[sides[-1]]
        self.mixed = Convolution(last + 1, last, 3)
        self.wide = Convolution(last * 16, last, 1)
        self.out = Convolution(last, 1, 1)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weights in self.parameters():
                if weights.ndim > 1:
                    weights.normal_(generator=random)

    def forward(self, images: Tensor) -> Tensor:
        return self.judged(self.features(images)[-1])

    def features(self, images: Tensor) -> list[Tensor]:
        """What each block makes of the images, from the finest on."""
        x = activated(self.first(images.contiguous(memory_format=torch.channels_last)))
        found = []
        for block in self.blocks:
            x = block(x)
            found.append(x)
        return found

    def judged(self, x: Tensor) -> Tensor:
        """Logits of what the last block gave."""
        x = activated(self.mixed(torch.cat((x, deviation(x)), dim=1)))
        x = activated(self.wide(x.flatten(1)[:, :, None, None]))
        logits: Tensor = self.out(x)
        return logits.flatten()


class Block(nn.Module):
    """Two convolutions and half the resolution, beside a branch that is a convolution of 1 × 1."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = Convolution(inputs, inputs, 3)
        self.conv1 = Convolution(inputs, outputs, 3)
        self.skip = Convolution(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.skip(functional.avg_pool2d(x, 2))
        x = functional.avg_pool2d(activated(self.conv0(x)), 2)
        made: Tensor = (activated(self.conv1(x)) + beside) * 0.5**0.5
        return made


class Convolution(nn.Module):
    """A convolution that keeps the size, with unit weights and the equalised learning rate."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = (inputs * side * side) ** -0.5
        self.padding = side // 2

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * self.gain, self.bias, padding=self.padding)


def activated(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, SLOPE) * GAIN


def deviation(x: Tensor) -> Tensor:
    """(n, c, h, w) → (n, 1, h, w): the mean standard deviation within each image's group.

    Karras et al. 2018 (arXiv 1710.10196), section 3. Images n/g apart form a group of g.
    """
    count, _, height, width = x.shape
    group = min(_GROUP, count)
    assert count % group == 0, "a batch must be whole groups. This is a bug."
    grouped = x.reshape(group, count // group, -1)
    spread = (grouped.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1)
    return spread.repeat(group)[:, None, None, None].expand(-1, 1, height, width)
