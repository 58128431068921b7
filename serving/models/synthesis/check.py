"""Whether a generator can draw what is asked for; names every field that is wrong."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from serving.errors import InvalidArgument
from serving.models.synthesis.directions import Attributes
from serving.models.synthesis.types import Drawing, Latent, Look, Mixing, Origin

Problems = list[tuple[str, str]]

# Beyond this, numbers overflow somewhere in FP16 or FP32; trained latents stay below 100.
LARGEST = 1e6
LARGEST_SEED = 2**32 - 1


class Shape(Protocol):
    """What a generator says of itself."""

    z_dim: int
    w_dim: int
    c_dim: int
    num_ws: int
    resolution: int


def check(drawing: Drawing, shape: Shape, attributes: Attributes) -> None:
    """Raises InvalidArgument; paths are those of seom.v1's requests."""
    problems: Problems = []
    look = drawing.look
    _origin(drawing.origin, shape, problems)
    _truncation(look, shape, problems)
    _steering(drawing, attributes, problems)
    if look.mixing is not None:
        _mixing(look.mixing, shape, problems)
    _class(drawing, shape, problems)
    if not 0 <= drawing.encoding.size <= shape.resolution:
        text = f"must be at most {shape.resolution}, the model's own, not {drawing.encoding.size}"
        problems.append(("encoding.size", text))
    if problems:
        message = "; ".join(f"{path}: {problem}" for path, problem in problems)
        raise InvalidArgument(message, fields=problems)


def is_mapped(origin: Origin) -> bool:
    """Whether an origin goes through the mapping network."""
    return origin.latent is None or origin.latent.space == "z"


def _origin(origin: Origin, shape: Shape, problems: Problems) -> None:
    if (origin.seed is None) == (origin.latent is None):
        given = "neither" if origin.seed is None else "both"
        problems.append((origin.field, f"has {given} of seed and latent; give one of them"))
    elif origin.latent is not None:
        _latent(origin.latent, origin.field, shape, problems)
    elif origin.seed is not None and not 0 <= origin.seed <= LARGEST_SEED:
        problems.append((f"{origin.field}.seed", f"must be from 0 to {LARGEST_SEED}"))


def _latent(latent: Latent, path: str, shape: Shape, problems: Problems) -> None:
    rows, width = {
        "z": (1, shape.z_dim),
        "w": (1, shape.w_dim),
        "w+": (shape.num_ws, shape.w_dim),
    }[latent.space]
    values, path = latent.values, f"{path}.latent.values"
    if values.size != rows * width:
        wanted = f"{rows} × {width}" if rows > 1 else str(width)
        text = f"has {values.size} numbers; in {latent.space.upper()} this model takes {wanted}"
        problems.append((path, text))
    elif not (np.isfinite(values).all() and np.abs(values).max() <= LARGEST):
        problems.append((path, f"must be finite, and within ±{LARGEST:,.0f}"))


def _truncation(look: Look, shape: Shape, problems: Problems) -> None:
    # Written so that NaN is refused, too.
    if look.psi is not None and not -2 <= look.psi <= 2:
        problems.append(("look.psi", f"must lie between -2 and 2, not {look.psi:g}"))
    if look.cutoff is not None and not 0 <= look.cutoff <= shape.num_ws:
        text = f"must be at most {shape.num_ws}, the model's layers, not {look.cutoff}"
        problems.append(("look.cutoff", text))


def _steering(drawing: Drawing, attributes: Attributes, problems: Problems) -> None:
    look, origin = drawing.look, drawing.origin
    if not look.attributes and not look.keep:
        return
    try:
        attributes.check(look.attributes, look.keep)
    except InvalidArgument as error:
        problems += [(f"look.{path}", problem) for path, problem in error.fields]
        return
    for name, strength in look.attributes.items():
        if strength and attributes[name].kind == "z" and not is_mapped(origin):
            text = "moves latents in Z, and the origin lies in W"
            problems.append((f"look.attributes[{name}]", text))


def _mixing(mixing: Mixing, shape: Shape, problems: Problems) -> None:
    _origin(mixing.origin, shape, problems)
    end = mixing.end or shape.num_ws
    if end > shape.num_ws:
        text = f"must be at most {shape.num_ws}, the model's layers, not {end}"
        problems.append(("look.mixing.end", text))
    elif not 0 <= mixing.first < end:
        problems.append(("look.mixing.first", f"must lie before the end, {end}"))


def _class(drawing: Drawing, shape: Shape, problems: Problems) -> None:
    path, chosen = "look.class_id", drawing.look.class_id
    if chosen is None:
        mixing = drawing.look.mixing
        needed = is_mapped(drawing.origin) or (mixing is not None and is_mapped(mixing.origin))
        if shape.c_dim and needed:
            problems.append((path, f"is missing; this model knows classes 0 to {shape.c_dim - 1}"))
    elif not shape.c_dim:
        problems.append((path, "must be left out: this model knows no classes"))
    elif not 0 <= chosen < shape.c_dim:
        problems.append((path, f"must be from 0 to {shape.c_dim - 1}, not {chosen}"))
