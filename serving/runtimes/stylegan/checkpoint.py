"""A generator's two files: model.safetensors and its JSON; refuses what does not fit exactly.

Names and shapes are compared against the network that the arguments describe while neither
the network nor the tensors take memory; only then are the tensors read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.runtimes.stylegan.arguments import Arguments, parse
from serving.runtimes.stylegan.generator import Generator, Network, Path

MAX_JSON = 2**20
# Numbers in all tensors together, 1 GiB in FP32; the largest released ones have 70 million.
MAX_NUMBERS = 2**28
_DTYPES = {"F16", "BF16", "F32", "F64"}
_SHOWN = 5


def read_generator(weights: File, config: File, device: Device, path: Path = "fast") -> Generator:
    """The generator of a safetensors file and of a JSON object of constructor arguments.

    Raises FailedPrecondition for files that are missing, broken, too large, or not of one
    another, and for weights that are not finite.
    """
    arguments = read_arguments(config)
    network = outline(arguments)
    expected = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    network.load_state_dict(_read(weights, expected), assign=True)
    return Generator(arguments, network, device, path)


def read_arguments(config: File) -> Arguments:
    """Raises FailedPrecondition for a file that is missing, too long, or no such JSON."""
    try:
        with config.open("rb") as file:
            text = file.read(MAX_JSON + 1)
        raw = json.loads(text) if len(text) <= MAX_JSON else None
    except (OSError, ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise _wrong(f"{config.name} is missing, too long, or no JSON object")
    return parse(raw)


def outline(arguments: Arguments) -> Network:
    """The network with shapes and without memory.

    Raises FailedPrecondition where its tensors would be more than MAX_NUMBERS numbers.
    """
    with torch.device("meta"):
        network = Network(arguments)
    if sum(each.numel() for each in network.state_dict().values()) > MAX_NUMBERS:
        raise FailedPrecondition(
            f"generator arguments: the network would have more than {MAX_NUMBERS:,} numbers",
            reason="ARGUMENTS",
        )
    return network


def check_shapes(
    found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises FailedPrecondition that names tensors missing, left over, or ill-shaped."""
    if missing := sorted(expected.keys() - found.keys()):
        raise _wrong(f"the weights lack {_some(missing)}")
    if unexpected := sorted(found.keys() - expected.keys()):
        raise _wrong(f"the weights have {_some(unexpected)}, which the arguments do not call for")
    for name, shape in expected.items():
        if found[name] != shape:
            raise _wrong(
                f"the weights have {name} as {found[name]}, and the arguments call for {shape}"
            )


def check_values(name: str, tensor: Tensor) -> None:
    """Raises FailedPrecondition for numbers no generator can compute with."""
    if not torch.isfinite(tensor).all():
        raise _wrong(f"the weights have numbers in {name} that are not finite")
    if name.endswith(".magnitude_ema") and not tensor > 0:
        raise _wrong(f"the weights have {name} at 0 or below; it is a mean square")


def _read(weights: File, expected: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    try:
        with safe_open(weights, framework="pt") as file:
            slices: dict[str, Any] = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            check_shapes({n: tuple(each.get_shape()) for n, each in slices.items()}, expected)
            for name, each in slices.items():
                if each.get_dtype() not in _DTYPES:
                    raise _wrong(f"the weights have {name} as {each.get_dtype()}, no float")
            tensors = {name: file.get_tensor(name).float() for name in expected}
    except (OSError, SafetensorError):
        raise _wrong(f"{weights.name} is missing or no whole safetensors file") from None
    for name, tensor in tensors.items():
        check_values(name, tensor)
    return tensors


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _wrong(problem: str) -> FailedPrecondition:
    return FailedPrecondition(problem, reason="WEIGHTS")
