"""Random weights of a StyleGAN, scaled as the papers initialise theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from serving.runtimes.stylegan.arguments import Arguments2, Arguments3, parse
from serving.runtimes.stylegan.bands import layers
from serving.runtimes.stylegan.checkpoint import outline
from serving.runtimes.stylegan.design import lowpass

Weights = dict[str, torch.Tensor]


def write(folder: Path, raw: dict[str, Any], seed: int = 5) -> Path:
    """Writes model.safetensors and config.json into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(draw(raw, seed), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    return folder


def draw(raw: dict[str, Any], seed: int = 5) -> Weights:
    """All tensors of a generator, by their names."""
    arguments = parse(raw)
    random = np.random.RandomState(seed)
    multiplier = arguments.mapping_kwargs.lr_multiplier
    tensors: dict[str, NDArray[np.floating[Any]]] = {}
    for name, each in outline(arguments).state_dict().items():
        tensors[name] = _draw(name, tuple(each.shape), random, multiplier)
    if isinstance(arguments, Arguments3):
        tensors |= _filters(arguments)
        tensors["synthesis.input.transform"] = np.eye(3)
        tensors["synthesis.input.freqs"] = _frequencies(arguments, random)
    else:
        tensors |= _taps(arguments, tensors)
    # Near what a trained one has: the mean of w is not in the middle of nowhere.
    tensors["mapping.w_avg"] = 0.2 * random.randn(arguments.w_dim)
    return {
        name: torch.from_numpy(np.array(value, np.float32, order="C"))
        for name, value in tensors.items()
    }


def _draw(
    name: str, shape: tuple[int, ...], random: np.random.RandomState, multiplier: float
) -> NDArray[np.float64]:
    if name == "synthesis.input.affine.bias":
        return np.array([1.0, 0, 0, 0])
    if name == "synthesis.input.affine.weight":
        return 0.1 * random.randn(*shape)
    if name.endswith("affine.bias"):
        return 1 + 0.1 * random.randn(*shape)
    if name.startswith("mapping.fc"):
        return random.randn(*shape) * (1 / multiplier if name.endswith("weight") else 10)
    if name.endswith("magnitude_ema"):
        return 0.5 + random.rand(*shape)
    if name.endswith("phases"):
        return random.rand(*shape) - 0.5
    # Biases, noise strengths: nothing is left at 0, or a test could not see it forgotten.
    small = name.endswith(("bias", "noise_strength"))
    return random.randn(*shape) * (0.1 if small else 1.0)


def _frequencies(arguments: Arguments3, random: np.random.RandomState) -> NDArray[np.float64]:
    """Uniform over the disc that the first band's cutoff allows."""
    band = layers(arguments)[0].source
    radius = band.cutoff * np.sqrt(random.rand(band.channels))
    angle = 2 * np.pi * random.rand(band.channels)
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)


def _filters(arguments: Arguments3) -> dict[str, NDArray[np.float64]]:
    made = {}
    for layer in layers(arguments):
        for which, band, taps, radial in (
            ("up_filter", layer.source, layer.up_taps, False),
            ("down_filter", layer.target, layer.down_taps, layer.radial),
        ):
            designed = lowpass(
                taps, band.cutoff, 2 * band.half_width, layer.inner_rate, radial=radial
            )
            if designed is not None:
                made[f"synthesis.{layer.name}.{which}"] = designed
    return made


def _taps(arguments: Arguments2, tensors: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    taps = np.outer(arguments.resample_filter, arguments.resample_filter)
    return {name: taps / taps.sum() for name in tensors if name.endswith("resample_filter")}
