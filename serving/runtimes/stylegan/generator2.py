"""StyleGAN2's synthesis network: a constant, blocks of doubling resolution, and RGB.

Section 4 of the paper names the architectures: `skip` adds up the RGB of all resolutions
(config F), `resid` carries the maps on beside each block, `orig` has RGB at the end alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from serving.runtimes.stylegan.activations import GAIN, SLOPE
from serving.runtimes.stylegan.arguments import Arguments2
from serving.runtimes.stylegan.mapping import Affine
from serving.runtimes.stylegan.operators import Kernel, Operators


class Synthesis2(nn.Module):
    """w (n, num_ws, w_dim) FP32 → image (n, img_channels, r, r) FP32."""

    def __init__(self, arguments: Arguments2) -> None:
        super().__init__()
        self.arguments = arguments
        count = arguments.img_resolution.bit_length() - 2
        self.resolutions = tuple(4 << index for index in range(count))
        for resolution in self.resolutions:
            self.add_module(f"b{resolution}", Block(arguments, resolution))
        self.num_ws = 2 * count
        layers = [layer for each in self.resolutions for layer in self._block(each).layers()]
        # One for each convolution, in the order in which `forward` takes them.
        self.noise_shapes = [(layer.side, layer.side) for layer in layers if arguments.use_noise]

    def settle(self, half: bool) -> None:
        """To be called once weights are there, and after each move or change of them."""
        for module in self.modules():
            if isinstance(module, Block | StyledLayer | ToRGB | Skip):
                module.settle(half)

    def forward(
        self, w: Tensor, operators: Operators, noise: Sequence[Tensor] | str = "const"
    ) -> Tensor:
        """noise: `const`, `none`, or one (n, 1, h, w) for each of `noise_shapes`."""
        x: Tensor | None = None
        image: Tensor | None = None
        at = 0
        for resolution in self.resolutions:
            block = self._block(resolution)
            count = len(block.layers())
            drawn = noise if isinstance(noise, str) else noise[at : at + count]
            # toRGB listens to the same w as the first convolution of the next block.
            x, image = block(x, image, w[:, at : at + count + 1], operators, drawn)
            at += count
        assert image is not None, "no block made RGB: this is a bug"
        return image

    def _block(self, resolution: int) -> Block:
        block = self.get_submodule(f"b{resolution}")
        assert isinstance(block, Block)
        return block


class Block(nn.Module):
    """The layers of one resolution."""

    resample_filter: Tensor

    def __init__(self, arguments: Arguments2, resolution: int) -> None:
        super().__init__()
        outputs = arguments.channels(resolution)
        first = resolution == 4
        last = resolution == arguments.img_resolution
        self.made_half = arguments.half(resolution) and not first
        self.dtype = torch.float32
        _register_taps(self, arguments)
        if first:
            self.const = nn.Parameter(torch.empty(outputs, 4, 4))
        else:
            inputs = arguments.channels(resolution // 2)
            self.conv0 = StyledLayer(arguments, inputs, outputs, resolution, double=True)
        self.conv1 = StyledLayer(arguments, outputs, outputs, resolution, double=False)
        skips = arguments.architecture == "resid" and not first
        self.skip = Skip(arguments, inputs, outputs, self.made_half) if skips else None
        rgb = last or arguments.architecture == "skip"
        self.torgb = ToRGB(arguments, outputs, self.made_half) if rgb else None

    def layers(self) -> list[StyledLayer]:
        return [self.conv1] if hasattr(self, "const") else [self.conv0, self.conv1]

    def settle(self, half: bool) -> None:
        self.dtype = torch.float16 if half and self.made_half else torch.float32

    def forward(
        self,
        x: Tensor | None,
        image: Tensor | None,
        w: Tensor,
        operators: Operators,
        noise: Sequence[Tensor] | str,
    ) -> tuple[Tensor, Tensor | None]:
        memory = torch.channels_last if operators.channels_last else torch.contiguous_format
        if x is None:
            x = self.const.expand(w.shape[0], -1, -1, -1)
        x = x.to(self.dtype, memory_format=memory)
        # Two branches of unit variance, added up, shall keep it.
        gain = 0.5**0.5 if self.skip is not None else 1.0
        beside = self.skip(x, operators, gain) if self.skip is not None else None
        layers = self.layers()
        for index, layer in enumerate(layers):
            given = noise if isinstance(noise, str) else noise[index] if noise else "none"
            final = index == len(layers) - 1
            x = layer(x, w[:, index], operators, given, gain if final else 1.0)
        if beside is not None:
            x = beside + x
        if image is not None:
            image = operators.double(image, self.resample_filter)
        if self.torgb is not None:
            made = self.torgb(x, w[:, len(layers)], operators).float()
            image = made if image is None else image + made
        return x, image


class StyledLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias, leaky ReLU; doubles the resolution first or not."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self, arguments: Arguments2, inputs: int, outputs: int, side: int, *, double: bool
    ) -> None:
        super().__init__()
        self.side = side
        self.doubles = double
        self.clamp = arguments.conv_clamp
        self.made_half = arguments.half(side)
        self.noisy = arguments.use_noise
        self.affine = Affine(arguments.w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        _register_taps(self, arguments)
        if self.noisy:
            self.register_buffer("noise_const", torch.empty(side, side))
            self.noise_strength = nn.Parameter(torch.empty(()))
        self.kernel = Kernel(transposed=double)

    def settle(self, half: bool) -> None:
        half = half and self.made_half
        dtype = torch.float16 if half else torch.float32
        self.kernel.settle(self.weight, True, dtype, "peak" if half else "none")
        self.noise = (self.noise_const * self.noise_strength).detach() if self.noisy else None

    def forward(
        self, x: Tensor, w: Tensor, operators: Operators, noise: Tensor | str, gain: float
    ) -> Tensor:
        drawn = None
        if self.noisy and isinstance(noise, Tensor):
            drawn = noise * self.noise_strength
        elif self.noisy and noise == "const":
            drawn = self.noise
        return operators.styled(
            x,
            self.weight,
            self.kernel,
            self.affine(w),
            demodulate=True,
            scale=None,
            upsample=self.resample_filter if self.doubles else None,
            padding=1,
            noise=drawn,
            bias=self.bias,
            slope=SLOPE,
            gain=GAIN * gain,
            clamp=None if self.clamp is None else self.clamp * gain,
        )


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to the image's channels; neither demodulated nor noisy."""

    def __init__(self, arguments: Arguments2, inputs: int, made_half: bool) -> None:
        super().__init__()
        self.clamp = arguments.conv_clamp
        self.made_half = made_half
        self.gain = inputs**-0.5
        self.affine = Affine(arguments.w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(arguments.img_channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(arguments.img_channels))
        self.kernel = Kernel()

    def settle(self, half: bool) -> None:
        dtype = torch.float16 if half and self.made_half else torch.float32
        self.kernel.settle(self.weight, False, dtype, "none")

    def forward(self, x: Tensor, w: Tensor, operators: Operators) -> Tensor:
        return operators.styled(
            x,
            self.weight,
            self.kernel,
            self.affine(w) * self.gain,
            demodulate=False,
            scale=None,
            upsample=None,
            padding=0,
            noise=None,
            bias=self.bias,
            slope=1.0,
            gain=1.0,
            clamp=self.clamp,
        )


class Skip(nn.Module):
    """The residual branch: 1×1 convolution and upsampling, which commute."""

    resample_filter: Tensor

    def __init__(self, arguments: Arguments2, inputs: int, outputs: int, made_half: bool) -> None:
        super().__init__()
        self.clamp = arguments.conv_clamp
        self.made_half = made_half
        self.gain = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 1, 1))
        _register_taps(self, arguments)

    def settle(self, half: bool) -> None:
        dtype = torch.float16 if half and self.made_half else torch.float32
        self.ready = (self.weight.detach() * self.gain).to(dtype)

    def forward(self, x: Tensor, operators: Operators, gain: float) -> Tensor:
        x = operators.double(functional.conv2d(x, self.ready * gain), self.resample_filter)
        return x if self.clamp is None else x.clamp(-self.clamp * gain, self.clamp * gain)


def _register_taps(module: nn.Module, arguments: Arguments2) -> None:
    count = len(arguments.resample_filter)
    # The papers' four taps are stored as their outer product; eight and more would be a row.
    module.register_buffer("resample_filter", torch.empty(count, count))
