"""The layers of a StyleGAN3: bands, rates, sizes and names, from the constructor arguments.

All rates and frequencies are in cycles (or samples) per image, as in the paper's section 3.2
and its table of hyperparameters; computed without torch, and nothing is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.arguments import Arguments3

# An intermediate canvas beyond this would be no generator anybody trained.
MAX_SIDE = 8192


@dataclass(frozen=True, slots=True)
class Band:
    """What one point of the chain carries: its canvas, and the spectrum it may hold."""

    rate: int
    cutoff: float
    half_width: float
    size: int
    channels: int


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer from band to band; `up` and `down` lead to the nonlinearity's rate and back."""

    name: str
    source: Band
    target: Band
    kernel: int
    to_rgb: bool
    radial: bool
    up: int
    down: int
    up_taps: int
    down_taps: int

    @property
    def inner_rate(self) -> int:
        return self.source.rate * self.up

    @property
    def padding(self) -> tuple[int, int]:
        """(before, after) around the upsampled canvas, along either axis; negative crops.

        Counted backwards from what must come out: the last sample of the output lies
        (size − 1)·down after the first, both filters swallow taps − 1 samples, and the
        convolution has already grown the canvas by kernel − 1. Pixels are squares with
        their sample in the middle, hence zeros are inserted *around* a sample, and an odd
        remainder goes in front with the half of `up`.
        """
        needed = (self.target.size - 1) * self.down + 1 + self.up_taps + self.down_taps - 2
        total = needed - (self.source.size + self.kernel - 1) * self.up
        before = (total + self.up) // 2
        return before, total - before


def layers(arguments: Arguments3) -> list[Layer]:
    """All layers in order; the last is toRGB.

    Raises FailedPrecondition where the arguments give no consistent chain.
    """
    bands = _bands(arguments)
    chain = zip([bands[0], *bands], bands, strict=False)
    made = [_layer(arguments, index, *pair) for index, pair in enumerate(chain)]
    for each in made:
        side = (each.source.size + each.kernel - 1) * each.up
        fits = each.inner_rate % each.target.rate == 0 and each.source.half_width > 0
        if not fits or side > MAX_SIDE or side + sum(each.padding) < each.up_taps:
            raise FailedPrecondition(
                f"generator arguments: they give no working layer {each.name}; "
                "check cutoffs, stopbands and margin_size",
                reason="ARGUMENTS",
            )
    return made


def _bands(arguments: Arguments3) -> list[Band]:
    last_cutoff = arguments.img_resolution / 2
    last_stopband = last_cutoff * arguments.last_stopband_rel
    growing = arguments.num_layers - arguments.num_critical
    bands = []
    for index in range(arguments.num_layers + 1):
        # Geometric until the critically sampled layers, constant in those.
        share = min(index / growing, 1.0)
        cutoff = arguments.first_cutoff * (last_cutoff / arguments.first_cutoff) ** share
        stopband = arguments.first_stopband * (last_stopband / arguments.first_stopband) ** share
        rate = _power_of_two(min(2 * stopband, arguments.img_resolution))
        final = index >= arguments.num_layers - 1
        bands.append(
            Band(
                rate=rate,
                cutoff=cutoff,
                half_width=max(stopband, rate / 2) - cutoff,
                size=arguments.img_resolution if final else rate + 2 * arguments.margin_size,
                channels=arguments.img_channels
                if index == arguments.num_layers
                else max(round(min(arguments.channel_base / 2 / cutoff, arguments.channel_max)), 1),
            )
        )
    return bands


def _power_of_two(at_least: float) -> int:
    # A hair below: 2^k computed as a power of another number may come out above 2^k.
    power = 1
    while power < at_least * (1 - 1e-12):
        power *= 2
    return power


def _layer(arguments: Arguments3, index: int, source: Band, target: Band) -> Layer:
    to_rgb = index == arguments.num_layers
    critical = index >= arguments.num_layers - arguments.num_critical
    inner = max(source.rate, target.rate) * (1 if to_rgb else arguments.lrelu_upsampling)
    up, down = inner // source.rate, inner // target.rate
    taps = arguments.filter_size
    return Layer(
        name=f"L{index}_{target.size}_{target.channels}",
        source=source,
        target=target,
        kernel=1 if to_rgb else arguments.conv_kernel,
        to_rgb=to_rgb,
        radial=arguments.use_radial_filters and not critical,
        up=up,
        down=down,
        up_taps=taps * up if up > 1 and not to_rgb else 1,
        down_taps=taps * down if down > 1 and not to_rgb else 1,
    )
