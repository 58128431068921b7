"""Every layer against the papers' formulas in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from serving.runtimes.stylegan import modulated as mod
from serving.runtimes.stylegan.activations import bias_act_plain
from serving.runtimes.stylegan.filters import upfirdn, upfirdn_plain
from serving.runtimes.stylegan.operators import Fast, Kernel, Operators, Plain
from tests.unit.runtimes.stylegan import reference

TAPS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def random(*shape: int, seed: int = 1) -> np.ndarray[Any, Any]:
    return np.random.RandomState(seed).randn(*shape)


def tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array, np.float32).copy())


@pytest.mark.parametrize("last", [False, True], ids=["rows", "channels-last"])
@pytest.mark.parametrize(
    ("shape", "up", "down", "padding"),
    [
        ((4, 4), 2, 1, (2, 1)),
        ((4, 4), 1, 1, (1, 1)),
        ((12,), 2, 1, (9, 8)),
        ((12,), 1, 2, (0, 0)),
        ((5,), 4, 3, (7, 2)),
        ((6, 6), 1, 2, (3, -1)),
        ((12,), 2, 2, (-3, -4)),
        ((3, 3), 2, 1, (-1, 3)),
    ],
)
def test_upfirdn_is_its_definition(
    shape: tuple[int, ...], up: int, down: int, padding: tuple[int, int], last: bool
) -> None:
    # Lopsided taps: a filter turned round would show.
    x, taps = random(2, 3, 13, 15), random(*shape, seed=2)
    wanted = np.stack([reference.upfirdn(each, taps, up, down, *padding, gain=3) for each in x])
    given = tensor(x)
    given = given.to(memory_format=torch.channels_last) if last else given
    for function in (upfirdn, upfirdn_plain):
        found = function(given, tensor(taps), up=up, down=down, padding=padding, gain=3)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_upfirdn_without_taps_and_with_a_bias() -> None:
    x, bias = random(1, 2, 6, 6), random(2)
    found = upfirdn(tensor(x), None, padding=(-1, 2), down=2, gain=2, bias=tensor(bias))
    wanted = 2 * np.pad(x[:, :, 1:, 1:], ((0, 0), (0, 0), (0, 2), (0, 2)))[:, :, ::2, ::2]
    np.testing.assert_allclose(found, wanted + bias[:, None, None], rtol=1e-5)
    plain = upfirdn_plain(tensor(x), None, padding=(-1, 2), down=2, gain=2)
    np.testing.assert_allclose(plain, wanted, rtol=1e-5)
    filtered = upfirdn(tensor(x), tensor([1.0, 2.0]), bias=tensor(bias))
    wanted = reference.upfirdn(x[0], np.array([1.0, 2]), 1, 1, 0, 0) + bias[:, None, None]
    np.testing.assert_allclose(filtered[0], wanted, rtol=1e-4, atol=1e-5)


def test_demodulation_without_weights_is_equation_3() -> None:
    weight, styles = random(5, 4, 3, 3), random(2, 4, seed=2)
    wanted = np.stack([reference.modulated(weight, style, True) for style in styles])
    whole = mod.demodulated(mod.modulated(tensor(weight), tensor(styles)))
    np.testing.assert_allclose(whole, wanted, rtol=1e-4, atol=1e-6)
    factors = mod.demodulation(mod.energy(tensor(weight)), tensor(styles))
    scaled = mod.modulated(tensor(weight), tensor(styles)) * factors[:, :, None, None, None]
    np.testing.assert_allclose(scaled, wanted, rtol=1e-4, atol=1e-6)
    # Unit variance of each output map, for inputs of unit variance.
    np.testing.assert_allclose((wanted**2).sum((2, 3, 4)), 1, rtol=1e-5)


@pytest.mark.parametrize("how", ["peak", "power"])
def test_demodulation_undoes_a_normalisation(how: mod.Normalisation) -> None:
    weight, styles = tensor(300 * random(5, 4, 3, 3)), tensor(70 * random(2, 4, seed=2))
    plain = mod.demodulated(mod.modulated(weight, styles))
    weight, styles = mod.normalised_weight(weight, how), mod.normalised_styles(styles, how)
    if how == "peak":
        assert weight.abs().max() <= 1
        assert styles.abs().max() == 1
    else:
        np.testing.assert_allclose(weight.square().mean((1, 2, 3)), 1, rtol=1e-5)
    found = mod.demodulated(mod.modulated(weight, styles))
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("operators", [Plain(), Fast()], ids=["plain", "fast"])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("up", [False, True], ids=["same", "double"])
@pytest.mark.parametrize("size", [3, 16], ids=["few pixels", "many pixels"])
@pytest.mark.parametrize("how", ["none", "power"])
def test_a_styled_layer(
    operators: Operators, count: int, up: bool, size: int, how: mod.Normalisation
) -> None:
    x, weight = random(count, 6, size, size), random(5, 6, 3, 3, seed=2)
    styles, bias = 1 + random(count, 6, seed=3), random(5, seed=4)
    noise = random(size * (2 if up else 1), size * (2 if up else 1), seed=5)
    kernel = Kernel()
    kernel.settle(tensor(weight), True, torch.float32, how)
    given = tensor(x)
    if operators.channels_last:
        given = given.to(memory_format=torch.channels_last)
    found = operators.styled(
        given, tensor(weight), kernel, tensor(styles), demodulate=True, scale=None,
        upsample=tensor(TAPS) if up else None, padding=1, noise=tensor(noise)[None, None],
        bias=tensor(bias), slope=0.2, gain=2**0.5, clamp=1.5,
    )  # fmt: skip
    wanted = np.stack(
        [
            reference.styled(each, weight, style, bias, noise=noise, clamp=1.5,
                             up=TAPS if up else None)
            for each, style in zip(x, styles, strict=True)
        ]
    )  # fmt: skip
    assert np.abs(wanted).max() == 1.5, "the clamp must be seen"
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("operators", [Plain(), Fast()], ids=["plain", "fast"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_layer_without_demodulation(operators: Operators, count: int) -> None:
    x, weight = random(count, 6, 12, 12), random(3, 6, 1, 1, seed=2)
    styles, bias = random(count, 6, seed=3), random(3, seed=4)
    kernel = Kernel()
    kernel.settle(tensor(weight), False, torch.float32, "none")
    found = operators.styled(
        tensor(x), tensor(weight), kernel, tensor(styles), demodulate=False,
        scale=torch.tensor(0.5), upsample=None, padding=0, noise=None, bias=tensor(bias),
        slope=1, gain=1, clamp=None,
    )  # fmt: skip
    wanted = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], x * styles[:, :, None, None])
    wanted = 0.5 * wanted + bias[:, None, None]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("operators", [Plain(), Fast()], ids=["plain", "fast"])
def test_a_nonlinearity_between_filters(operators: Operators) -> None:
    x, up, down = random(2, 3, 9, 9), random(12, seed=2), random(6, 6, seed=3)
    found = operators.sandwich(
        tensor(x), tensor(up), tensor(down), up=2, down=2, padding=(8, 7), slope=0.2,
        gain=2**0.5, clamp=2.0,
    )  # fmt: skip
    for each, image in zip(x, found, strict=True):
        inner = reference.upfirdn(each, up, 2, 1, 8, 7, gain=4)
        inner = reference.activation(inner, 0.2, 2**0.5, 2.0)
        wanted = reference.upfirdn(inner, down, 1, 2, 0, 0)
        np.testing.assert_allclose(image, wanted, rtol=1e-3, atol=1e-4)


def test_bias_and_activation() -> None:
    x, bias = random(2, 3, 4), random(3, seed=2)
    found = bias_act_plain(tensor(x), tensor(bias), clamp=1.0)
    wanted = reference.activation(x + bias[:, None], 0.2, 2**0.5, 1.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_doubling_keeps_a_constant_and_its_middle() -> None:
    taps = tensor(TAPS)
    flat = Fast().double(torch.ones(1, 1, 8, 8), taps)
    np.testing.assert_allclose(flat[:, :, 2:-2, 2:-2], 1, rtol=1e-6)
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 4] = 1
    spread = Fast().double(point, taps)[0, 0].numpy()
    # Pixel 4 covers pixels 8 and 9, and the filter is even around the edge between them.
    np.testing.assert_allclose(spread, spread[::-1, ::-1], atol=1e-7)
