"""The trained generator as an entry of the repository: tensors in FP16, their JSON, model.yaml."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save

from model_repo.island.stylegan.sliders import NAMES
from serving.runtimes.stylegan.generator import Network

PSI: Final = 0.8
BOUNDS: Final = {"eyes": (-3.0, 3.0), "mouth": (-3.0, 3.0), "turn": (-3.0, 3.0)}

_CONFIG: Final = """\
# The island's portraits, 64 × 64, with sliders; made by `python -m model_repo.island`.
family: synthesis
weights: {{file: 1/model.safetensors, sha256: {sha256}, licence: Apache-2.0}}
psi: {psi:g}
{attributes}batching: {{max_batch_size: 8, max_queue_delay_ms: 2}}
resources: {{replicas: 1, cpus: 1, gpus: 0}}
limits: {{queue: 64}}
default: true
# It needs torch (`make setup-chat`); ask for it by name.
enabled: false
"""
_ATTRIBUTE: Final = """\
  {name}: {{file: directions/{name}.npy, space: w, bounds: [{low:g}, {high:g}], keep: [{keep}]}}
"""


def write(network: Network, arguments: Mapping[str, Any], entry: Path, *, sliders: bool) -> None:
    """Writes the weights, their JSON and model.yaml; `sliders` only once their directions are
    there."""
    (entry / "1").mkdir(parents=True, exist_ok=True)
    tensors = {name: each.detach().half().contiguous() for name, each in _tensors(network)}
    data = save(tensors)
    (entry / "1" / "model.safetensors").write_bytes(data)
    (entry / "1" / "config.json").write_text(json.dumps(arguments, indent=1) + "\n")
    attributes = "".join(_attribute(name) for name in NAMES)
    config = _CONFIG.format(
        sha256=hashlib.sha256(data).hexdigest(),
        psi=PSI,
        attributes=f"attributes:\n{attributes}" if sliders else "",
    )
    (entry / "model.yaml").write_text(config)


def _tensors(network: Network) -> list[tuple[str, torch.Tensor]]:
    return list(network.state_dict().items())


def _attribute(name: str) -> str:
    low, high = BOUNDS[name]
    keep = ", ".join(other for other in NAMES if other != name)
    return _ATTRIBUTE.format(name=name, low=low, high=high, keep=keep)
