"""What a checkpoint must be: each mistake is named, and nothing is allocated for it before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.runtimes.stylegan.arguments import parse
from serving.runtimes.stylegan.checkpoint import outline, read_generator
from tests.synthesis_models import MODELS


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models / "stylegan2", tmp_path / "model"))


def read(folder: Path):
    return read_generator(folder / "model.safetensors", folder / "config.json", Device())


def change(folder: Path, name: str, value) -> None:
    tensors = load_file(folder / "model.safetensors")
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("mapping.fc0.weight", None, "lack mapping.fc0.weight"),
        ("mapping.fc9.weight", np.zeros(3, np.float32), "have mapping.fc9.weight"),
        ("mapping.w_avg", np.zeros(31, np.float32), r"mapping.w_avg as \(31,\)"),
        ("mapping.w_avg", np.full(32, np.nan, np.float32), "mapping.w_avg that are not finite"),
        ("synthesis.b4.const", np.full((32, 4, 4), np.inf, np.float32), "not finite"),
        ("mapping.w_avg", np.zeros(32, np.int32), "as I32, no float"),
    ],
)
def test_tensors_that_do_not_fit(folder: Path, name: str, value, problem: str) -> None:
    change(folder, name, value)
    with pytest.raises(FailedPrecondition, match=problem):
        read(folder)


def test_half_precision_files_are_read(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: each.astype(np.float16) for name, each in tensors.items()},
        folder / "model.safetensors",
    )
    assert read(folder).synthesize(np.zeros((1, 10, 32))).shape == (1, 3, 64, 64)


def test_broken_files(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    for content in (whole[:-1], b"", b"\xff" * 100, b"\x80\x04." + whole):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(FailedPrecondition, match="no whole safetensors"):
            read(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(FailedPrecondition, match="missing"):
        read(folder)
    for text in ("", "[1]", "{", "[" * 100_000, " " * 2_000_000 + "{}"):
        (folder / "config.json").write_text(text)
        with pytest.raises(FailedPrecondition, match="no JSON object"):
            read(folder)


def test_a_magnitude_of_zero(models: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models / "stylegan3-t", tmp_path / "model"))
    change(folder, "synthesis.L0_36_16.magnitude_ema", np.zeros((), np.float32))
    with pytest.raises(FailedPrecondition, match="magnitude_ema at 0"):
        read(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cls", "stylegan1"),
        ("cls", ["stylegan2"]),
        ("z_dim", 0),
        ("z_dim", "32"),
        ("z_dim", True),
        ("w_dim", 5000),
        ("c_dim", -1),
        ("img_resolution", 48),
        ("img_resolution", 2048),
        ("img_channels", 5),
        ("channel_base", 10**9),
        ("architecture", "fancy"),
        ("conv_clamp", -1),
        ("resample_filter", []),
        ("resample_filter", [1, float("nan")]),
        ("num_layers", 14),
        ("eval", "1"),
        ("mapping_kwargs", 8),
        ("mapping_kwargs.num_layers", 1000),
        ("mapping_kwargs.activation", "relu"),
        ("mapping_kwargs.lr_multiplier", float("inf")),
        ("mapping_kwargs.depth", 8),
        ("synthesis_kwargs", {"channel_max": 8}),
    ],
)
def test_arguments_that_are_wrong_are_named(name: str, value) -> None:
    raw = json.loads(json.dumps(MODELS["stylegan2"]))
    inner, _, key = name.rpartition(".")
    (raw[inner] if inner else raw)[key] = value
    place = "synthesis_kwargs.channel_max" if name == "synthesis_kwargs" else name
    with pytest.raises(FailedPrecondition, match=f"generator arguments: {place} "):
        parse(raw)


def test_a_needed_argument() -> None:
    raw = {name: each for name, each in MODELS["stylegan2"].items() if name != "w_dim"}
    with pytest.raises(FailedPrecondition, match="w_dim"):
        parse(raw)


def test_official_nesting_is_the_same() -> None:
    raw = dict(MODELS["stylegan2"])
    inner = {name: raw.pop(name) for name in ("channel_base", "channel_max", "num_fp16_res")}
    assert parse({**raw, "synthesis_kwargs": inner}) == parse(MODELS["stylegan2"])


def test_a_network_too_large_takes_no_memory() -> None:
    raw = {**MODELS["stylegan2"], "channel_base": 2**18, "channel_max": 4096,
           "img_resolution": 1024}  # fmt: skip
    with pytest.raises(FailedPrecondition, match="more than"):
        outline(parse(raw))


def test_names_and_shapes_of_config_f() -> None:
    raw = {"cls": "stylegan2", "z_dim": 512, "w_dim": 512, "c_dim": 0, "img_resolution": 1024,
           "img_channels": 3}  # fmt: skip
    network = outline(parse(raw))
    shapes = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    assert network.synthesis.num_ws == 18
    for name, shape in {
        "mapping.fc7.weight": (512, 512),
        "mapping.w_avg": (512,),
        "synthesis.b4.const": (512, 4, 4),
        "synthesis.b4.resample_filter": (4, 4),
        "synthesis.b4.conv1.noise_strength": (),
        "synthesis.b8.conv0.affine.weight": (512, 512),
        "synthesis.b128.conv0.weight": (256, 512, 3, 3),
        "synthesis.b1024.conv1.noise_const": (1024, 1024),
        "synthesis.b1024.conv1.bias": (32,),
        "synthesis.b1024.torgb.weight": (3, 32, 1, 1),
        "synthesis.b1024.torgb.affine.bias": (32,),
    }.items():
        assert shapes[name] == shape
    # Known of the released network for faces at 1024²: the mapping and the synthesis.
    parameters = sum(each.numel() for _, each in network.named_parameters())
    assert parameters == 30_370_060
