"""8-bit pixels, and the graphs that compute them on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from serving.models.base import Device
from serving.runtimes.stylegan.checkpoint import read_generator
from serving.runtimes.stylegan.graphs import Graphs, sizes
from serving.runtimes.stylegan.painter import Painter, shown
from serving.timing import Stage, Timeline
from tests.unit.runtimes.stylegan.conftest import Read
from tests.unit.runtimes.stylegan.test_generators import latents

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def test_pixels_are_what_the_official_scripts_make_of_images() -> None:
    values = torch.tensor([-2, -1, -0.9961, 0, 0.5, 0.99, 1, 2]).reshape(1, 1, 2, 4)
    assert shown(values).flatten().tolist() == [0, 0, 0, 128, 191, 254, 255, 255]
    image = torch.arange(24.0).reshape(1, 3, 2, 4) / 12 - 1
    assert shown(image).shape == (1, 2, 4, 3)
    assert shown(image).is_contiguous()


def test_a_painter_draws_the_generators_images(read: Read) -> None:
    generator, timeline = read("stylegan2"), Timeline()
    w = latents(generator, 0, 1, 2)
    for noise in ("const", "random", "none"):
        painter = Painter(generator, 4, "const", 0.25)
        images = generator.synthesize(w, noise, seed=[5, 6, 7])
        wanted = shown(torch.from_numpy(images)).numpy()
        np.testing.assert_array_equal(painter.paint(w, noise, [5, 6, 7], timeline), wanted)
    assert timeline.spent[Stage.DEVICE]


@pytest.mark.parametrize(
    ("largest", "wanted"),
    [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8]), (9, [1, 2, 4, 8, 9])],
)
def test_sizes(largest: int, wanted: list[int]) -> None:
    assert sizes(largest) == wanted


@needs_gpu
@pytest.mark.parametrize("name", ["stylegan2", "stylegan3-t"])
def test_graphs_compute_what_they_captured(models, name: str) -> None:
    folder = models / name
    generator = read_generator(
        folder / "model.safetensors", folder / "config.json", Device(gpu=True)
    )
    w = latents(generator, 0, 1, 2, 3, 4, 5)
    replayed, timeline = Painter(generator, 4, "const", 0.5), Timeline()
    eager = Painter(generator, 4, "const", 0.0)
    assert replayed._graphs is not None
    assert replayed._graphs.sizes == (1, 2, 4)
    for start, end in ((0, 1), (1, 4), (0, 6), (2, 4), (5, 6)):
        part, seeds = w[start:end], list(range(end - start))
        found = replayed.paint(part, "const", seeds, timeline).astype(int)
        # Batches are filled up to a captured size, which may choose other kernels.
        assert np.abs(found - eager.paint(part, "const", seeds, Timeline())).max() <= 2
    for stage in (Stage.HOST_TO_DEVICE, Stage.DEVICE, Stage.DEVICE_TO_HOST):
        assert timeline.spent[stage]


@needs_gpu
def test_graphs_keep_within_their_memory() -> None:
    def double(x: torch.Tensor) -> torch.Tensor:
        return x.repeat(1, 2**20) * 2

    device = torch.device("cuda")
    with torch.inference_mode():
        none = Graphs(double, (4,), 8, device, budget=0)
        some = Graphs(double, (4,), 8, device, budget=2**27)
        given = torch.ones(3, 4, device=device)
        assert none.sizes == ()
        assert torch.equal(none(given), double(given))
        assert some.sizes and max(some.sizes) < 8
        assert torch.equal(some(given), double(given))
