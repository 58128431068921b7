"""Whole generators: what they compute, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from serving.errors import InvalidArgument
from serving.runtimes.stylegan.bands import layers
from tests.synthesis_models import MODELS
from tests.unit.runtimes.stylegan import reference
from tests.unit.runtimes.stylegan.conftest import Read

ALL = tuple(MODELS)
TWO = tuple(name for name in MODELS if name.startswith("stylegan2"))


def latents(generator, *seeds: int):
    z = np.concatenate([generator.latent(seed) for seed in seeds])
    classes = np.eye(generator.c_dim, dtype=np.float32)[list(seeds)] if generator.c_dim else None
    return generator.map(z, classes)


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2-resid"])
def test_mapping(read: Read, models, name: str) -> None:
    generator = read(name)
    tensors = reference.Tensors(load_file(models / name / "model.safetensors"))
    z = np.random.RandomState(3).randn(4, 32)
    c = np.eye(5)[:4] if generator.c_dim else None
    depth = MODELS[name]["mapping_kwargs"]["num_layers"]
    wanted = reference.map2(tensors, z, c, depth)
    found = generator.map(z, c)
    assert found.shape == (4, generator.num_ws, 32)
    for layer in range(generator.num_ws):
        np.testing.assert_allclose(found[:, layer], wanted, rtol=1e-3, atol=1e-4)
    mean = tensors.all["mapping.w_avg"]
    drawn = generator.map(z, c, psi=0.3, cutoff=2)
    np.testing.assert_allclose(
        drawn[:, :2], (mean + 0.3 * (wanted - mean))[:, None].repeat(2, 1), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_array_equal(drawn[:, 2:], found[:, 2:])


@pytest.mark.parametrize(
    ("name", "noisy"), [*((name, True) for name in TWO), ("stylegan2-orig", False)]
)
def test_stylegan2_is_the_papers(read: Read, models, name: str, noisy: bool) -> None:
    # For skip this is the sum of upsampled RGB; w differs from layer to layer.
    generator = read(name)
    tensors = reference.Tensors(load_file(models / name / "model.safetensors"))
    w = np.random.RandomState(4).randn(1, generator.num_ws, 32)
    architecture = MODELS[name].get("architecture", "skip")
    wanted = reference.synthesize2(tensors, w[0], architecture, noisy)
    found = generator.synthesize(w, "const" if noisy else "none")
    np.testing.assert_allclose(found[0], wanted, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("name", ["stylegan3-t", "stylegan3-r"])
def test_stylegan3_is_the_papers(read: Read, models, name: str) -> None:
    generator = read(name)
    tensors = reference.Tensors(load_file(models / name / "model.safetensors"))
    w = np.random.RandomState(4).randn(1, generator.num_ws, 32)
    chain = layers(generator.arguments)
    band = chain[0].source
    x = reference.fourier(
        tensors.at("synthesis.input"),
        reference.affine(w[:, 0], tensors.at("synthesis.input.affine"))[0],
        band.rate, band.cutoff, band.size,
    )  # fmt: skip
    for index, layer in enumerate(chain, start=1):
        held = tensors.at(f"synthesis.{layer.name}")
        style = reference.affine(w[:, index], tensors.at(f"synthesis.{layer.name}.affine"))[0]
        if layer.to_rgb:
            style = style / np.sqrt(layer.source.channels)
        weight = reference.modulated(held["weight"], style, not layer.to_rgb)
        weight = weight / np.sqrt(held["magnitude_ema"])
        x = reference.convolution(x, weight, layer.kernel - 1) + held["bias"][:, None, None]
        if layer.to_rgb:
            continue
        before, after = layer.padding
        x = reference.upfirdn(x, held["up_filter"], layer.up, 1, before, after, layer.up**2)
        x = reference.activation(x, 0.2, 2**0.5, 256)
        x = reference.upfirdn(x, held["down_filter"], 1, layer.down, 0, 0)
        assert x.shape == (layer.target.channels, layer.target.size, layer.target.size)
    found = generator.synthesize(w)
    np.testing.assert_allclose(found[0], x * 0.25, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_the_fast_way_is_the_plain_one(read: Read, name: str) -> None:
    fast, plain = read(name), read(name, "plain")
    w = latents(fast, 0, 1)
    wanted = plain.synthesize(w)
    np.testing.assert_allclose(fast.synthesize(w), wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ALL)
def test_a_batch_is_its_images(read: Read, name: str) -> None:
    """To the last bit, so that nobody's picture hangs on who else asked for one."""
    generator = read(name)
    w = latents(generator, 0, 1, 2, 3, 4)
    whole = generator.synthesize(w, "random", seed=[5, 6, 7, 8, 9])
    for start, end in ((0, 1), (4, 5), (1, 3), (2, 5), (0, 4)):
        seeds = list(range(5 + start, 5 + end))
        part = generator.synthesize(w[start:end], "random", seed=seeds)
        np.testing.assert_array_equal(part, whole[start:end])
    assert np.abs(whole[0] - whole[1]).max() > 0.1 * np.abs(whole).max()


@pytest.mark.parametrize("name", ALL)
def test_places_hang_on_their_latents_alone(read: Read, name: str) -> None:
    generator = read(name)
    whole = latents(generator, *(0,) * 5)
    alone = latents(generator, 0)
    for place in whole:
        np.testing.assert_array_equal(place, alone[0])


@pytest.mark.parametrize("name", ALL)
def test_the_same_again(read: Read, name: str) -> None:
    generator = read(name)
    w = latents(generator, 3)
    np.testing.assert_array_equal(generator.synthesize(w), generator.synthesize(w))
    assert w.dtype == generator.synthesize(w).dtype == np.float32
    size = generator.resolution
    assert generator.synthesize(w).shape == (1, generator.channels, size, size)


def test_noise(read: Read) -> None:
    generator = read("stylegan2")
    w = latents(generator, 1)
    kept, none = generator.synthesize(w), generator.synthesize(w, "none")
    drawn = [generator.synthesize(w, "random", seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    images = [kept, none, drawn[0], drawn[2]]
    for index, image in enumerate(images):
        for other in images[:index]:
            assert np.abs(image - other).max() > 1e-3
    quiet = read("stylegan3-t")
    w = latents(quiet, 1)
    np.testing.assert_array_equal(quiet.synthesize(w, "random"), quiet.synthesize(w, "none"))


def test_latents_are_those_of_numpy(read: Read) -> None:
    generator = read("stylegan2")
    for seed in (0, 7, 2**32 - 1):
        wanted = np.random.RandomState(seed).randn(1, 32).astype(np.float32)
        np.testing.assert_array_equal(generator.latent(seed), wanted)
    for seed in (-1, 2**32):
        with pytest.raises(InvalidArgument, match="seed"):
            generator.latent(seed)


def test_truncated_to_nothing_is_the_mean(read: Read) -> None:
    generator = read("stylegan2")
    w = generator.map(generator.latent(1), psi=0)
    np.testing.assert_allclose(w, np.broadcast_to(generator.w_avg, w.shape), atol=1e-6)


def test_styles_mix_by_layer(read: Read) -> None:
    """Every layer listens to its own row of w, and to no other."""
    generator = read("stylegan2")
    one, other = latents(generator, 1), latents(generator, 2)
    image = generator.synthesize(one)
    for index in range(generator.num_ws):
        mixed = one.copy()
        mixed[:, index] = other[:, index]
        assert np.abs(generator.synthesize(mixed) - image).max() > 1e-4, index


def test_classes_matter(read: Read) -> None:
    generator = read("stylegan2-resid")
    z = generator.latent(1)
    one, other = (generator.map(z, np.eye(5)[[index]]) for index in (0, 1))
    assert np.abs(one - other).max() > 1e-2


@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("z", lambda g: g.map(np.zeros((1, 31)))),
        ("z", lambda g: g.map(np.zeros((0, 32)))),
        ("z", lambda g: g.map(np.full((1, 32), np.nan))),
        ("c", lambda g: g.map(np.zeros((1, 32)), np.zeros((1, 5)))),
        ("cutoff", lambda g: g.map(np.ones((1, 32)), psi=0.5, cutoff=-1)),
        ("w", lambda g: g.synthesize(np.zeros((1, 9, 32)))),
        ("w", lambda g: g.synthesize(np.full((1, 10, 32), np.inf))),
        ("noise", lambda g: g.synthesize(np.zeros((1, 10, 32)), "loud")),
        ("seed", lambda g: g.synthesize(np.zeros((1, 10, 32)), "random", [1, 2])),
    ],
)
def test_mistakes_are_named(read: Read, field: str, call) -> None:
    with pytest.raises(InvalidArgument) as raised:
        call(read("stylegan2"))
    assert [path for path, _ in raised.value.fields] == [field]


def test_a_generator_of_classes_wants_one(read: Read) -> None:
    for classes in (None, np.zeros((2, 5)), np.zeros((1, 4))):
        with pytest.raises(InvalidArgument) as raised:
            read("stylegan2-resid").map(np.ones((1, 32)), classes)
        assert [path for path, _ in raised.value.fields] == ["c"]


@pytest.mark.parametrize("name", ["stylegan3-t", "stylegan3-r"])
def test_a_moved_input_moves_the_image(read: Read, name: str) -> None:
    """Section 3's equivariance, in decibels of the peak signal-to-noise ratio.

    The input is moved by 5 pixels, and the image must be the still one 5 pixels on.
    """
    generator = read(name)
    source = generator._network.synthesis.input
    w = latents(generator, 2)

    def moved(pixels: float):
        source.transform[0, 2] = -pixels / generator.resolution
        try:
            return generator.synthesize(w)[0]
        finally:
            source.transform[0, 2] = 0

    still, five = moved(0), moved(5)
    inner = slice(12, -12)
    error = ((five[:, inner, 12:-12] - still[:, inner, 7:-17]) ** 2).mean()
    ratio = 10 * np.log10((still.max() - still.min()) ** 2 / error)
    assert ratio > 40
    # The measure itself: an image that has not moved is far off.
    error = ((five - still)[:, inner, inner] ** 2).mean()
    assert 10 * np.log10((still.max() - still.min()) ** 2 / error) < 30
