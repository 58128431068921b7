"""The generator in a released pickle, as read by `unpickle`: its tensors and its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.runtimes.stylegan.unpickle import Module, Refused

Tensors = dict[str, NDArray[np.float32]]

# Far beyond any generator; a pickle can hold a module inside itself.
_MAX_DEPTH = 8
_MAX_TENSORS = 4096
_SIZES = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")


def generator(content: Any, which: str) -> tuple[Tensors, dict[str, Any]]:
    """Tensors by their names, FP32, and the constructor arguments under their official names.

    which: the network of the pickle to take, `G_ema` as a rule

    Raises Refused where there is no such network.
    """
    network = content.get(which) if isinstance(content, dict) else content
    if not isinstance(network, Module):
        raise Refused(f"the pickle holds no network {which}")
    tensors: Tensors = {}
    _collect(network, "", 0, tensors)
    return tensors, _arguments(network)


def _collect(module: Any, prefix: str, depth: int, into: Tensors) -> None:
    if not isinstance(module, Module) or depth > _MAX_DEPTH:
        raise Refused(f"{prefix or 'the network'} in the pickle is no module")
    hidden = module.state.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, value in _members(module, kind).items():
            if value is None or name in hidden:
                continue
            if not isinstance(value, np.ndarray) or len(into) >= _MAX_TENSORS:
                raise Refused(f"{prefix}{name} in the pickle is no tensor")
            into[prefix + name] = np.array(value, np.float32, order="C")
    for name, inner in _members(module, "_modules").items():
        if inner is not None:
            _collect(inner, f"{prefix}{name}.", depth + 1, into)


def _members(module: Module, kind: str) -> dict[str, Any]:
    members = module.state.get(kind, {})
    if not isinstance(members, dict) or not all(isinstance(name, str) for name in members):
        raise Refused(f"a network in the pickle has no {kind}")
    return members


def _arguments(network: Module) -> dict[str, Any]:
    """What the constructor was called with, completed by what its layers remember.

    Two releases of StyleGAN2 differ in their defaults for clamping and FP16, so those are
    taken from the layers, which know what became of them.
    """
    given = network.state.get("_init_kwargs")
    if not isinstance(given, dict) or network.state.get("_init_args"):
        raise Refused("the pickle does not keep the arguments of its network by name")
    made = {str(name): _plain(value, 0) for name, value in given.items()}
    made |= _plain(made.pop("synthesis_kwargs", None) or {}, 0)
    for name in _SIZES:
        if name not in made and isinstance(network.state.get(name), int):
            made[name] = network.state[name]
    synthesis = _inner(network, "synthesis")
    mapping = dict(made.get("mapping_kwargs") or {})
    mapping.setdefault("num_layers", _inner(network, "mapping").state.get("num_layers"))
    made["mapping_kwargs"] = mapping
    if "input" in _members(synthesis, "_modules"):
        return {"cls": "stylegan3", **made}
    blocks = [each for each in _members(synthesis, "_modules").values() if _is_block(each)]
    layers = [_inner(block, "conv1") for block in blocks]
    made["num_fp16_res"] = sum(block.state.get("use_fp16") is True for block in blocks)
    made["conv_clamp"] = next((layer.state.get("conv_clamp") for layer in layers), None)
    return {"cls": "stylegan2", **made}


def _is_block(module: Any) -> bool:
    return isinstance(module, Module) and "conv1" in _members(module, "_modules")


def _inner(module: Module, name: str) -> Module:
    inner = _members(module, "_modules").get(name)
    if not isinstance(inner, Module):
        raise Refused(f"the network in the pickle has no {name}")
    return inner


def _plain(value: Any, depth: int) -> Any:
    """The value as JSON has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if depth < 4 and isinstance(value, list | tuple) and len(value) <= 64:
        return [_plain(each, depth + 1) for each in value]
    if depth < 4 and isinstance(value, dict) and len(value) <= 64:
        return {str(name): _plain(each, depth + 1) for name, each in value.items()}
    raise Refused("an argument of the network in the pickle is no plain value")
