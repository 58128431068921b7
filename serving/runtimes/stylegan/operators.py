"""The two ways to compute a layer: `Plain`, formula by formula, and `Fast`, with less to do.

Both give the same numbers but for rounding. `Plain` is the baseline of benchmarks and the
reference of tests; `Fast` is what serves. What `Fast` saves, on a processor above all:

- gains and demodulation are folded into weights or filters, biases into convolutions, so
  that an activation is one pass in place;
- demodulation factors come of one small matrix product, not of weights a sample;
- where a layer's weights are fewer than its pixels, a sample scales the weights, elsewhere
  its pixels; on a GPU only a sample alone scales weights, and several share a convolution;
- pixels lie channels last, which FIR filters thrive on.

On a processor `Fast` gives a sample the same bits whatever shares its batch. PyTorch's
convolutions and matrix products add up in an order that depends on how many they are given,
so either go sample by sample; few and large as they are, that costs next to nothing.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from serving.runtimes.stylegan import modulated as mod
from serving.runtimes.stylegan.activations import activate_, bias_act_plain
from serving.runtimes.stylegan.filters import upfirdn, upfirdn_plain
from serving.runtimes.stylegan.modulated import Normalisation


class Kernel:
    """What follows from a modulated convolution's weight (o, i, k, k) alone.

    transposed: whether its convolution is; PyTorch takes that one's weight as (i, o, k, k), and
        a megabyte or nine that lie so already need not be moved for every picture
    """

    shared: Tensor
    energies: Tensor | None
    normalisation: Normalisation = "none"

    def __init__(self, *, transposed: bool = False) -> None:
        self._transposed = transposed

    def settle(
        self, weight: Tensor, demodulate: bool, dtype: torch.dtype, how: Normalisation
    ) -> None:
        """Computes it, once the weight is there."""
        self.normalisation = how
        shared = mod.normalised_weight(weight.detach(), how)
        self.energies = mod.energy(shared) if demodulate else None
        taken = shared.transpose(0, 1) if self._transposed else shared
        taken = taken.to(dtype).contiguous(memory_format=torch.channels_last)
        self.shared = taken.transpose(0, 1) if self._transposed else taken


class Operators(Protocol):
    """What generators are made of. `x` is (n, c, h, w); dtypes are x's."""

    channels_last: bool

    def styled(
        self,
        x: Tensor,
        weight: Tensor,
        kernel: Kernel,
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
        """A modulated convolution, with noise, bias and activation.

        weight: (o, i, k, k), FP32, as stored; `kernel` holds what was made of it
        styles: (n, i), FP32
        scale: one number the maps are multiplied by before noise and bias, or None
        upsample: FIR taps to double the resolution with, or None
        noise: (n or 1, 1, h', w'), added before the bias
        gain, clamp: of the activation, in this order
        """

    def sandwich(
        self,
        x: Tensor,
        up_taps: Tensor | None,
        down_taps: Tensor | None,
        *,
        up: int,
        down: int,
        padding: tuple[int, int],
        slope: float,
        gain: float,
        clamp: float | None,
    ) -> Tensor:
        """StyleGAN3's nonlinearity between up- and downsampling, so that nothing aliases."""

    def double(self, image: Tensor, taps: Tensor) -> Tensor:
        """An image at twice its resolution."""


class Plain:
    """Weights a sample and grouped convolutions, a pass for each step of a formula."""

    channels_last = False

    def styled(
        self, x, weight, kernel, styles, *, demodulate, scale, upsample, padding,
        noise, bias, slope, gain, clamp,
    ):  # fmt: skip
        n, _, height, width = x.shape
        how = kernel.normalisation
        weights = mod.modulated(
            mod.normalised_weight(weight, how), mod.normalised_styles(styles, how)
        )
        if demodulate:
            weights = mod.demodulated(weights)
        if scale is not None:
            weights = weights * scale
        weights = weights.to(x.dtype)
        x = x.reshape(1, -1, height, width)
        if upsample is None:
            x = functional.conv2d(x, weights.flatten(0, 1), padding=padding, groups=n)
            x = x.reshape(n, -1, *x.shape[2:])
        else:
            weights = weights.transpose(1, 2).flatten(0, 1)
            x = functional.conv_transpose2d(x, weights, stride=2, groups=n)
            x = x.reshape(n, -1, *x.shape[2:])
            x = upfirdn_plain(x, upsample, padding=_around(upsample, padding, weight), gain=4)
        if noise is not None:
            x = x + noise.to(x.dtype)
        return bias_act_plain(x, bias, slope=slope, gain=gain, clamp=clamp)

    def sandwich(self, x, up_taps, down_taps, *, up, down, padding, slope, gain, clamp):
        x = upfirdn_plain(x, up_taps, up=up, padding=padding, gain=up**2)
        x = bias_act_plain(x, None, slope=slope, gain=gain, clamp=clamp)
        return upfirdn_plain(x, down_taps, down=down)

    def double(self, image, taps):
        return upfirdn_plain(image, taps, up=2, padding=_doubling(taps), gain=4)


class Fast:
    """The same with everything folded that can be; see the module's head."""

    channels_last = True

    def styled(
        self, x, weight, kernel, styles, *, demodulate, scale, upsample, padding,
        noise, bias, slope, gain, clamp,
    ):  # fmt: skip
        if demodulate:
            styles = mod.normalised_styles(styles, kernel.normalisation)
            after = mod.demodulation(kernel.energies, styles) * gain
        else:
            after = styles.new_full((styles.shape[0], weight.shape[0]), gain)
        if scale is not None:
            after = after * scale
        dtype = x.dtype
        styles, after = styles.to(dtype), after.to(dtype)
        bias = (bias * gain).to(dtype)
        shared, singly = kernel.shared, x.shape[0] == 1 or not x.is_cuda
        if singly and _more_pixels(x, shared):
            scales = after[:, :, None, None, None] * styles[:, None, :, None, None]
            convolved = [
                _convolve(part, shared * scale, upsample, padding, bias)
                for part, scale in zip(x.split(1), scales, strict=True)
            ]
            after = None
        else:
            x = x * styles[:, :, None, None]
            parts = x.split(1) if singly else [x]
            convolved = [_convolve(part, shared, upsample, padding, None) for part in parts]
        x = convolved[0] if len(convolved) == 1 else torch.cat(convolved)
        if upsample is not None:
            around = _around(upsample, padding, weight)
            inner = bias if after is None else None
            x = upfirdn(x, upsample, padding=around, gain=4, bias=inner)
        if after is not None:
            x = torch.addcmul(bias[:, None, None], x, after[:, :, None, None])
        if noise is not None:
            x += (noise * gain).to(dtype)
        return activate_(x, slope=slope, clamp=clamp)

    def sandwich(self, x, up_taps, down_taps, *, up, down, padding, slope, gain, clamp):
        x = upfirdn(x, up_taps, up=up, padding=padding, gain=up**2 * gain)
        x = activate_(x, slope=slope, clamp=clamp)
        return x if down_taps is None else upfirdn(x, down_taps, down=down)

    def double(self, image, taps):
        return upfirdn(image, taps, up=2, padding=_doubling(taps), gain=4)


def _convolve(
    x: Tensor, weight: Tensor, upsample: Tensor | None, padding: int, bias: Tensor | None
) -> Tensor:
    if upsample is None:
        return functional.conv2d(x, weight, bias, padding=padding)
    # The filter that follows adds the bias.
    return functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)


def _more_pixels(x: Tensor, weight: Tensor) -> bool:
    """Whether scaling the weights touches less memory than scaling what they meet."""
    outputs, inputs, height, width = weight.shape
    return (inputs + outputs) * x.shape[2] * x.shape[3] >= outputs * inputs * height * width


def _around(taps: Tensor, padding: int, weight: Tensor) -> tuple[int, int]:
    """Padding of the filter after a transposed convolution, so that 2h × 2w come out.

    Of what an upsampling by 2 needs (`_doubling`) and the convolution itself, the transposed
    convolution has given k − 1 in front and k − 2 behind already.
    """
    before, after = _doubling(taps)
    size = weight.shape[2]
    return before + padding - (size - 1), after + padding - (size - 2)


def _doubling(taps: Tensor) -> tuple[int, int]:
    count = taps.shape[0]
    return (count + 1) // 2, (count - 2) // 2
