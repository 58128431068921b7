"""Pickles laid out like the released ones, written without their code.

A module is `_reconstruct_persistent_obj(meta)` of the module `torch_utils.persistence`; meta
is a `dnnlib.util.EasyDict` of type, version, module_src, class_name and state, the last being
the module's attributes with `_parameters`, `_buffers` and `_modules` among them.
"""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

SOURCE = "raise SystemExit('the source in the pickle was executed')"


class EasyDict(dict[str, Any]):
    pass


def _reconstruct_persistent_obj(meta: Any) -> None:
    raise AssertionError("never called: it is pickled by its name")


class Persistent:
    """Pickles as the released modules do."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str = SOURCE) -> None:
        self.meta = EasyDict(
            type="class", version=6, module_src=source, class_name=class_name, state=state
        )

    def __reduce__(self) -> Any:
        return _reconstruct_persistent_obj, (self.meta,)


EasyDict.__module__ = "dnnlib.util"
_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"


@contextmanager
def _named() -> Iterator[None]:
    """pickle looks each global up by its name before it writes that down."""
    parts = {"dnnlib": {}, "dnnlib.util": {"EasyDict": EasyDict}, "torch_utils": {},
             "torch_utils.persistence": {
                 "_reconstruct_persistent_obj": _reconstruct_persistent_obj}}  # fmt: skip
    for name, members in parts.items():
        module = ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in parts:
            del sys.modules[name]


def dump(content: Any, path: Path, protocol: int = 4) -> Path:
    with _named(), path.open("wb") as file:
        pickle.dump(content, file, protocol=protocol)
    return path


def network(
    tensors: dict[str, torch.Tensor], arguments: dict[str, Any], source: str = SOURCE
) -> Persistent:
    """A generator of these tensors, as a tree of modules."""
    given = {name: value for name, value in arguments.items() if name != "cls"}
    state = {"_init_args": (), "_init_kwargs": EasyDict(given)}
    return _module("Generator", "", tensors, arguments, state, source)


def _module(
    class_name: str, prefix: str, tensors: dict[str, torch.Tensor], arguments: dict[str, Any],
    extra: dict[str, Any], source: str,
) -> Persistent:  # fmt: skip
    held = {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}
    children = dict.fromkeys(name.split(".")[0] for name in held if "." in name)
    own = {name: tensor for name, tensor in held.items() if "." not in name}
    buffers = ("w_avg", "noise_const", "resample_filter", "transform", "freqs", "phases",
               "magnitude_ema", "up_filter", "down_filter")  # fmt: skip
    modules = OrderedDict(
        (child, _module(child, f"{prefix}{child}.", tensors, arguments, _extra(child, arguments),
                        source))
        for child in children
    )  # fmt: skip
    state = {
        "training": False,
        "_parameters": OrderedDict(
            (name, torch.nn.Parameter(each)) for name, each in own.items() if name not in buffers
        ),
        "_buffers": OrderedDict((name, own[name]) for name in own if name in buffers),
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": OrderedDict(),
        "_modules": modules,
        # As layers of StyleGAN3 remember their sizes.
        "in_size": np.array([36, 36]),
        "bandwidth": np.float64(2.0),
        **extra,
    }
    return Persistent(class_name, state, source)


def _extra(child: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if child.startswith("b") and child[1:].isdigit():
        first_half = 2 * arguments["img_resolution"] >> arguments.get("num_fp16_res", 0)
        return {"use_fp16": int(child[1:]) >= max(first_half, 8)}
    if child.startswith("conv"):
        return {"conv_clamp": arguments.get("conv_clamp")}
    return {"num_layers": arguments["mapping_kwargs"]["num_layers"]} if child == "mapping" else {}
