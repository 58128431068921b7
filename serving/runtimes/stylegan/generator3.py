"""StyleGAN3's synthesis network: Fourier features and layers that do not alias.

Configuration T has 3×3 convolutions and is equivariant to translation; R has 1×1
convolutions and radial filters and is so to rotation too (section 3 and the appendix).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from serving.runtimes.stylegan.activations import GAIN, SLOPE
from serving.runtimes.stylegan.arguments import Arguments3
from serving.runtimes.stylegan.bands import Band, Layer, layers
from serving.runtimes.stylegan.mapping import Affine
from serving.runtimes.stylegan.operators import Kernel, Operators


class Synthesis3(nn.Module):
    """w (n, num_ws, w_dim) FP32 → image (n, img_channels, r, r) FP32; there is no noise."""

    def __init__(self, arguments: Arguments3) -> None:
        super().__init__()
        self.arguments = arguments
        chain = layers(arguments)
        self.input = FourierInput(arguments.w_dim, chain[0].source)
        self.names = tuple(layer.name for layer in chain)
        for layer in chain:
            self.add_module(layer.name, AliasFreeLayer(arguments, layer))
        self.num_ws = len(chain) + 1
        self.noise_shapes: list[tuple[int, int]] = []

    def settle(self, half: bool) -> None:
        """To be called once weights are there, and after each move or change of them."""
        for module in self.modules():
            if isinstance(module, AliasFreeLayer):
                module.settle(half)

    def forward(self, w: Tensor, operators: Operators, noise: object = None) -> Tensor:
        x = self.input(w[:, 0], operators)
        for index, name in enumerate(self.names, start=1):
            x = self.get_submodule(name)(x, w[:, index], operators)
        return x.float() * self.arguments.output_scale


class FourierInput(nn.Module):
    """Sine waves of fixed frequencies, turned and moved as w says, and mixed by a matrix.

    w gives (r_c, r_s, t_x, t_y), brought to a rotation (r_c, r_s)/‖r‖ and a translation by
    (t_x, t_y)/‖r‖ of the image. `transform` is the user's own, over that: it maps points of
    the image to points of the waves.
    """

    freqs: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, w_dim: int, band: Band) -> None:
        super().__init__()
        self.band = band
        self.affine = Affine(w_dim, 4)
        self.weight = nn.Parameter(torch.empty(band.channels, band.channels))
        self.register_buffer("transform", torch.empty(3, 3))
        self.register_buffer("freqs", torch.empty(band.channels, 2))
        self.register_buffer("phases", torch.empty(band.channels))

    def forward(self, w: Tensor, operators: Operators) -> Tensor:
        matrix = self._placement(self.affine(w))
        # f · (A p + b) = (f A) · p + f · b for a point p of the image.
        freqs = self.freqs @ matrix[:, :2, :2]
        phases = self.phases + (self.freqs @ matrix[:, :2, 2:])[..., 0]
        # A transform may push waves past what the canvas can hold: they fade out before.
        room = self.band.rate / 2 - self.band.cutoff
        amplitudes = (1 - (freqs.norm(dim=2) - self.band.cutoff) / room).clamp(0, 1)
        size = self.band.size
        places = (torch.arange(size, device=w.device) + 0.5 - size / 2) / self.band.rate
        along_x = freqs[:, None, None, :, 0] * places[None, None, :, None]
        along_y = freqs[:, None, None, :, 1] * places[None, :, None, None]
        turns = along_x + along_y + phases[:, None, None]
        waves = torch.sin(turns * (2 * torch.pi)) * amplitudes[:, None, None]
        weight = self.weight.transpose(0, 1) / self.band.channels**0.5
        # One product a sample, as in `modulated.affine`.
        x = torch.bmm(waves.flatten(1, 2), weight.expand(len(w), *weight.shape))
        # Channels lie last already.
        x = x.view(len(w), size, size, -1).permute(0, 3, 1, 2)
        return x if operators.channels_last else x.contiguous()

    def _placement(self, given: Tensor) -> Tensor:
        """(n, 4) → (n, 3, 3): rotation, then translation, then the user's transform."""
        given = given / given[:, :2].norm(dim=1, keepdim=True)
        cosine, sine, right, down = given.unbind(1)
        one, zero = torch.ones_like(cosine), torch.zeros_like(cosine)
        rotation = torch.stack((cosine, -sine, zero, sine, cosine, zero, zero, zero, one), 1)
        translation = torch.stack((one, zero, -right, zero, one, -down, zero, zero, one), 1)
        return rotation.view(-1, 3, 3) @ translation.view(-1, 3, 3) @ self.transform


class AliasFreeLayer(nn.Module):
    """Modulated convolution, then the nonlinearity at a rate high enough for what it adds."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, arguments: Arguments3, layer: Layer) -> None:
        super().__init__()
        self.layer = layer
        self.clamp = arguments.conv_clamp
        self.made_half = arguments.half(layer.target.rate)
        self.dtype = torch.float32
        inputs, outputs = layer.source.channels, layer.target.channels
        self.affine = Affine(arguments.w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, layer.kernel, layer.kernel))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.register_buffer("magnitude_ema", torch.empty(()))
        self.register_buffer("up_filter", _taps(layer.up_taps, radial=False))
        self.register_buffer("down_filter", _taps(layer.down_taps, radial=layer.radial))
        self.kernel = Kernel()

    def settle(self, half: bool) -> None:
        self.dtype = torch.float16 if half and self.made_half else torch.float32
        to_rgb = self.layer.to_rgb
        self.kernel.settle(self.weight, not to_rgb, self.dtype, "none" if to_rgb else "power")
        # Divides by the mean magnitude that training saw at the layer's input.
        self.scale = self.magnitude_ema.detach().rsqrt()

    def forward(self, x: Tensor, w: Tensor, operators: Operators) -> Tensor:
        layer = self.layer
        styles = self.affine(w)
        if layer.to_rgb:
            styles = styles * (layer.source.channels * layer.kernel**2) ** -0.5
        x = operators.styled(
            x.to(self.dtype),
            self.weight,
            self.kernel,
            styles,
            demodulate=not layer.to_rgb,
            scale=self.scale,
            upsample=None,
            padding=layer.kernel - 1,
            noise=None,
            bias=self.bias,
            slope=1.0,
            gain=1.0,
            clamp=None,
        )
        return operators.sandwich(
            x,
            self.up_filter,
            self.down_filter,
            up=layer.up,
            down=layer.down,
            padding=layer.padding,
            slope=1.0 if layer.to_rgb else SLOPE,
            gain=1.0 if layer.to_rgb else GAIN,
            clamp=self.clamp,
        )


def _taps(count: int, *, radial: bool) -> Tensor | None:
    if count == 1:
        return None
    return torch.empty(count, count) if radial else torch.empty(count)
