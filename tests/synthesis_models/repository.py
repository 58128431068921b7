"""The small generators as a model repository, with attributes to steer them by."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.synthesis_models import MODELS
from tests.synthesis_models.weights import write

# A direction in each of the spaces: `smile` in Z, `age` in W, `glasses` in layers of W+.
_ATTRIBUTES = """\
attributes:
  smile: {file: directions/smile.npy, space: z}
  age: {file: directions/age.npy, space: w, layers: [2, 6], bounds: [-2, 2.5]}
  glasses: {file: directions/glasses.npy, space: w+, layers: [0, 3], std: 1.5}
  young: {file: directions/young.npy, space: w, std: 0.5, keep: [age]}
"""


def write_synthesis_model(root: Path, name: str, settings: str = "", profile: str = "cpu") -> Path:
    """Writes one of MODELS; returns its folder. `settings` are further lines of model.yaml."""
    folder = root / profile / name
    write(folder / "1", MODELS[name])
    _write_directions(folder / "directions", name)
    (folder / "model.yaml").write_text(
        "family: synthesis\nweights: {file: 1/model.safetensors}\n"
        f"resources: {{cpus: 0.1}}\n{_ATTRIBUTES}{settings}",
        encoding="utf-8",
    )
    return folder


def layers_of(name: str) -> int:
    """How many layers of a model listen to w."""
    raw = MODELS[name]
    if raw["cls"] == "stylegan3":
        return int(raw.get("num_layers", 14)) + 2
    return 2 * (int(raw["img_resolution"]).bit_length() - 2)


def _write_directions(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    raw, random = MODELS[name], np.random.RandomState(11)
    np.save(folder / "smile.npy", random.randn(1, raw["z_dim"]).astype(np.float32))
    for each in ("age", "young"):
        np.save(folder / f"{each}.npy", random.randn(1, raw["w_dim"]).astype(np.float32))
    rows = random.randn(layers_of(name), raw["w_dim"])
    np.save(folder / "glasses.npy", rows.astype(np.float32))
