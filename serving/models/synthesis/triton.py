"""Pictures over the Open Inference Protocol: named tensors to a drawing, and their errors.

seed INT64 [1]             either it, or
latent FP32 [rows, dim]      a latent, and the space it lies in:
latent_space BYTES [1]       z, w or w+
psi FP32 [1], cutoff INT32 [1], class_id INT32 [1], noise BYTES [1]
attributes BYTES [n]       names, and
strengths FP32 [n]           how much of each
keep BYTES [n]             attributes that stay as they are
mix_seed INT64 [1]         style mixing with another seed, of
mix_layers INT32 [2]         these layers: first, end
size INT32 [1]             of either side in pixels
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from serving.errors import InvalidArgument
from serving.models.base import Array, Signature, Tensors, TensorSpec
from serving.models.synthesis.types import (
    Drawing,
    Encoding,
    Latent,
    Look,
    Mixing,
    Noise,
    Origin,
    Space,
)

_INPUTS = (
    ("seed", "INT64", (1,)),
    ("latent", "FP32", (-1, -1)),
    ("latent_space", "BYTES", (1,)),
    ("psi", "FP32", (1,)),
    ("cutoff", "INT32", (1,)),
    ("class_id", "INT32", (1,)),
    ("noise", "BYTES", (1,)),
    ("attributes", "BYTES", (-1,)),
    ("strengths", "FP32", (-1,)),
    ("keep", "BYTES", (-1,)),
    ("mix_seed", "INT64", (1,)),
    ("mix_layers", "INT32", (2,)),
    ("size", "INT32", (1,)),
)
_SPACES = ("z", "w", "w+")
_NOISES = ("const", "random", "none")
# How seom.v1's requests call what has another name here.
_NAMES = {
    "look.mixing.origin.seed": "mix_seed",
    "look.mixing.first": "mix_layers",
    "look.mixing.end": "mix_layers",
    "origin": "seed",
}


def signature(num_ws: int, w_dim: int, channels: int) -> Signature:
    inputs = tuple(TensorSpec(name, kind, shape, optional=True) for name, kind, shape in _INPUTS)
    outputs = (
        TensorSpec("image", "UINT8", (-1, -1, channels)),
        TensorSpec("latent", "FP32", (num_ws, w_dim)),
    )
    return Signature(inputs, outputs, platform="pytorch")


def drawing(tensors: Tensors) -> Drawing:
    """Raises InvalidArgument for what needs no generator to be seen."""

    def scalar(name: str) -> Any:
        return tensors[name].item() if name in tensors else None

    latent = None
    if "latent" in tensors:
        space = cast(Space, _word(tensors, "latent_space", _SPACES))
        latent = Latent(space, tensors["latent"])
    elif "latent_space" in tensors:
        raise InvalidArgument.field("latent_space", "says where a latent lies; give the latent")
    noise = cast(Noise, _word(tensors, "noise", _NOISES)) if "noise" in tensors else None
    size = scalar("size")
    if size is not None and size < 1:
        raise InvalidArgument.field("size", f"must be 1 or more, not {size}")
    return Drawing(
        Origin(scalar("seed"), latent),
        Look(
            psi=scalar("psi"),
            cutoff=scalar("cutoff"),
            attributes=_strengths(tensors),
            keep=tuple(_texts(tensors.get("keep"), "keep")),
            class_id=scalar("class_id"),
            noise=noise,
            mixing=_mixing(tensors),
        ),
        Encoding(size=size or 0),
    )


def in_their_words(error: InvalidArgument) -> InvalidArgument:
    """An error of the checks, under the names of the tensors."""
    fields = [(_name(path), problem) for path, problem in error.fields]
    message = "; ".join(f"{path}: {problem}" for path, problem in fields)
    return InvalidArgument(message, fields=fields, reason=error.reason)


def _name(path: str) -> str:
    if path in _NAMES:
        return _NAMES[path]
    for prefix in ("look.", "origin.", "encoding."):
        path = path.removeprefix(prefix)
    return path.removesuffix(".values")


def _strengths(tensors: Tensors) -> dict[str, float]:
    names = _texts(tensors.get("attributes"), "attributes")
    strengths = tensors.get("strengths", np.empty(0, np.float32)).tolist()
    if len(names) != len(strengths):
        raise InvalidArgument.field(
            "strengths", f"has {len(strengths)} numbers for {len(names)} attributes"
        )
    if len(set(names)) < len(names):
        raise InvalidArgument.field("attributes", "names one of them twice")
    return dict(zip(names, strengths, strict=True))


def _mixing(tensors: Tensors) -> Mixing | None:
    if "mix_seed" not in tensors:
        if "mix_layers" in tensors:
            raise InvalidArgument.field("mix_seed", "is missing; mix_layers listen to it")
        return None
    first, end = tensors["mix_layers"].tolist() if "mix_layers" in tensors else (0, 0)
    if first < 0 or end < 0:
        raise InvalidArgument.field("mix_layers", "must be 0 or more")
    return Mixing(Origin(tensors["mix_seed"].item(), field="look.mixing.origin"), first, end)


def _word(tensors: Tensors, name: str, known: tuple[str, ...]) -> str:
    words = _texts(tensors.get(name), name)
    if not words or words[0] not in known:
        raise InvalidArgument.field(name, f"must be one of {', '.join(known)}")
    return words[0]


def _texts(array: Array | None, name: str) -> list[str]:
    try:
        return [] if array is None else [bytes(each).decode() for each in array.ravel()]
    except UnicodeDecodeError:
        raise InvalidArgument.field(name, "must be UTF-8 text") from None
