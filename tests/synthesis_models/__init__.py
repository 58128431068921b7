"""Small StyleGAN checkpoints the tests serve: made in a second, with a fixed seed, from nothing.

stylegan2          64², config F (skip)
stylegan2-resid    64², residual, with classes
stylegan2-orig     32², plain
stylegan3-t        64², 3×3 convolutions
stylegan3-r        64², 1×1 convolutions and radial filters

Each is a folder of model.safetensors and config.json. Nothing is trained: the images are
smooth coloured patterns, which all the properties of the networks can be seen in.

    python -m tests.synthesis_models FOLDER [NAME …]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_COMMON = {"z_dim": 32, "w_dim": 32, "c_dim": 0, "img_resolution": 64, "img_channels": 3}
_TWO = {"cls": "stylegan2", **_COMMON, "channel_base": 1024, "channel_max": 32}
_THREE = {"cls": "stylegan3", **_COMMON, "channel_base": 256, "channel_max": 16}

MODELS: dict[str, dict[str, Any]] = {
    "stylegan2": {**_TWO, "mapping_kwargs": {"num_layers": 8}, "num_fp16_res": 4,
                  "conv_clamp": 256},
    "stylegan2-resid": {**_TWO, "c_dim": 5, "architecture": "resid",
                        "mapping_kwargs": {"num_layers": 2}},
    "stylegan2-orig": {**_TWO, "img_resolution": 32, "architecture": "orig",
                       "mapping_kwargs": {"num_layers": 2}},
    "stylegan3-t": {**_THREE, "mapping_kwargs": {"num_layers": 2}},
    "stylegan3-r": {**_THREE, "mapping_kwargs": {"num_layers": 2}, "conv_kernel": 1,
                    "use_radial_filters": True},
}  # fmt: skip


def write_models(root: Path, *names: str) -> Path:
    """Writes the named models, or all of them, each into a folder of its name."""
    from tests.synthesis_models.weights import write

    for name in names or MODELS:
        write(root / name, MODELS[name])
    return root
