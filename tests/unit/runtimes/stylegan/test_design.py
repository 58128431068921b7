"""Filters and bands of StyleGAN3, by the properties the paper asks of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, special

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.arguments import Arguments3, parse
from serving.runtimes.stylegan.bands import layers
from serving.runtimes.stylegan.design import lowpass

THREE = {"cls": "stylegan3", "z_dim": 512, "w_dim": 512, "c_dim": 0, "img_channels": 3}


def chain(**given):
    arguments = parse({**THREE, **given})
    assert isinstance(arguments, Arguments3)
    return layers(arguments)


def test_the_separable_filter_is_kaisers() -> None:
    for taps, cutoff, width, rate in ((12, 2.0, 12, 64), (24, 20.0, 30, 256), (12, 100, 9, 512)):
        found = lowpass(taps, cutoff, width, rate)
        wanted = signal.firwin(taps, cutoff, width=width, fs=rate)
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert lowpass(1, 2.0, 12, 64) is None


def test_the_radial_filter_treats_all_directions_alike() -> None:
    found = lowpass(24, 30.0, 40.0, 256, radial=True)
    assert found.shape == (24, 24)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, found.T, atol=1e-15)
    np.testing.assert_allclose(found, found[::-1], atol=1e-15)
    # The jinc under the window, by scipy's Bessel function.
    places = (np.arange(24) - 11.5) / 256
    radius = np.hypot(places[:, None], places[None])
    attenuation = signal.kaiser_atten(24, 40.0 / 128)
    window = np.kaiser(24, signal.kaiser_beta(attenuation))
    wanted = special.j1(2 * np.pi * 30 * radius) / radius * np.outer(window, window)
    np.testing.assert_allclose(found, wanted / wanted.sum(), atol=1e-12)
    odd = lowpass(11, 30.0, 40.0, 256, radial=True)
    assert np.unravel_index(odd.argmax(), odd.shape) == (5, 5)


def test_a_filter_passes_below_its_cutoff_and_stops_above() -> None:
    taps = lowpass(48, 32.0, 20.0, 256)
    frequencies, response = signal.freqz(taps, fs=256)
    assert np.abs(response[frequencies < 20]).min() > 0.98
    assert np.abs(response[frequencies > 44]).max() < 0.02
    assert np.abs(response[np.argmin(np.abs(frequencies - 32))]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (
            {"img_resolution": 1024},
            "L0_36_512 L1_36_512 L2_52_512 L3_52_512 L4_84_512 L5_148_512 L6_148_512 "
            "L7_276_323 L8_276_203 L9_532_128 L10_1044_81 L11_1044_51 L12_1044_32 "
            "L13_1024_32 L14_1024_3",
        ),
        (
            {"img_resolution": 256},
            "L0_36_512 L1_36_512 L2_36_512 L3_52_512 L4_52_512 L5_84_512 L6_84_512 "
            "L7_148_512 L8_148_512 L9_148_362 L10_276_256 L11_276_181 L12_276_128 "
            "L13_256_128 L14_256_3",
        ),
    ],
)
def test_layers_of_released_checkpoints(given, names: str) -> None:
    assert [layer.name for layer in chain(**given)] == names.split()


def test_bands_widen_as_the_paper_has_them() -> None:
    made = chain(img_resolution=512)
    for layer in made:
        assert layer.source.rate <= layer.target.rate
        assert layer.source.cutoff <= layer.target.cutoff
        # Below Nyquist, so that nothing aliases; at it in the critically sampled layers.
        assert layer.target.cutoff + layer.target.half_width >= layer.target.rate / 2
    assert made[0].source.cutoff == 2
    assert [layer.target.cutoff for layer in made[-3:]] == [256] * 3
    assert [layer.target.size for layer in made[-2:]] == [512, 512]
    radial = [layer.radial for layer in chain(img_resolution=64, use_radial_filters=True)]
    assert radial == [True] * 12 + [False] * 3


@pytest.mark.parametrize("resolution", [32, 64, 128, 256, 512, 1024])
@pytest.mark.parametrize("kernel", [1, 3])
def test_paddings_give_the_sizes(resolution: int, kernel: int) -> None:
    for layer in chain(img_resolution=resolution, conv_kernel=kernel):
        canvas = (layer.source.size + layer.kernel - 1) * layer.up + sum(layer.padding)
        inner = canvas - layer.up_taps + 1
        assert (inner - layer.down_taps) // layer.down + 1 == layer.target.size


@pytest.mark.parametrize(
    "given",
    [{"first_cutoff": 30.0, "first_stopband": 31.0, "last_stopband_rel": 1.01, "num_layers": 2,
      "num_critical": 0, "img_resolution": 32},],
)  # fmt: skip
def test_a_chain_that_cannot_work(given) -> None:
    with pytest.raises(FailedPrecondition):
        chain(**given)
