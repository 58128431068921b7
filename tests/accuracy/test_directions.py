"""The directions that InterFaceGAN and PTI published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from serving.models.base import Device
from serving.models.synthesis.conditional import without
from serving.models.synthesis.directions import Attributes
from serving.models.synthesis.options import Direction
from serving.runtimes.stylegan.checkpoint import read_generator
from serving.runtimes.stylegan.vectors import read_direction
from tests.synthesis_models import MODELS
from tests.synthesis_models.weights import write

FOLDER = "models/directions"


@pytest.fixture(scope="module")
def directions(data: Path) -> dict[str, np.ndarray]:
    files = sorted((data / FOLDER).iterdir())
    assert len(files) == 27
    return {
        file.stem.removesuffix("_boundary").removeprefix("stylegan_"): read_direction(file)
        for file in files
    }


def test_all_are_read(directions):
    for name, direction in directions.items():
        assert direction.shape == (1, 512), name
        assert direction.dtype == np.float32
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("age", "gender"), ("age", "eyeglasses"), ("eyeglasses", "age"), ("eyeglasses", "gender")],
)
def test_theirs_with_another_kept_are_ours(directions, name, kept):
    free, other = (directions[f"ffhq_{each}"].astype(np.float64) for each in (name, kept))
    published = directions[f"ffhq_{name}_c_{kept}"]
    assert abs(published @ other.T) < 1e-6
    assert (without(free, [other]) * published).sum() > 1 - 1e-6
    assert (free * published).sum() < 0.95, "to keep it is to go elsewhere"


def test_a_generator_of_their_size_is_steered(data, directions, tmp_path):
    size = {"z_dim": 512, "w_dim": 512, "img_resolution": 32, "num_fp16_res": 0}
    folder = write(tmp_path / "model", {**MODELS["stylegan2"], **size})
    generator = read_generator(folder / "model.safetensors", folder / "config.json", Device())
    npy = "stylegan_ffhq_{}_boundary.npy".format
    options = {
        "age": Direction(file=npy("age"), space="z"),
        "gender": Direction(file=npy("gender"), space="z"),
        "smile": Direction(file="pti_stylegan2_ffhq_w_smile.pt", space="w", layers=(2, 6)),
        "pose": Direction(file=npy("pose_w"), space="w"),
    }
    attributes = Attributes.load(options, data / FOLDER, generator)
    offset = attributes.offset_z({"age": -2.0}, ["gender"])
    np.testing.assert_allclose(offset, -2 * directions["ffhq_age_c_gender"][0], atol=1e-5)
    offset = attributes.offset_w({"smile": 1.5, "age": 1.0})
    assert not offset[[0, 1, 6, 7]].any()
    wanted = 1.5 * attributes["smile"].std * directions["pti_stylegan2_ffhq_w_smile"][0]
    np.testing.assert_allclose(offset[2:6], np.tile(wanted, (4, 1)), atol=1e-6)
    before = generator.map(generator.latent(3))
    change = generator.synthesize(before + offset) - generator.synthesize(before)
    assert np.abs(change).max() > 0.01
