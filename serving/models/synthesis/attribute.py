"""One attribute: a direction that fits its generator, and what model.yaml says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.vectors import Vector, read_direction

if TYPE_CHECKING:
    from serving.runtimes.stylegan.generator import Generator

Space = Literal["z", "w", "w+"]


@dataclass(frozen=True, slots=True, eq=False)
class Attribute:
    """One thing about a picture that can be had more or less of.

    direction: of length 1: (z_dim,), (w_dim,), or (num_ws, w_dim) in W+
    layers: which of w's rows move; all of them in Z
    std: of the generator's latents projected on `direction`
    bounds: the strengths that may be asked for, in `std`
    keep: attributes that stay as they are while this one moves
    """

    name: str
    space: Space
    direction: Vector
    layers: slice
    std: float
    bounds: tuple[float, float]
    keep: tuple[str, ...]

    @property
    def kind(self) -> Literal["z", "w"]:
        """W+ is W, told layer by layer; what moves in Z is seen by neither."""
        return "z" if self.space == "z" else "w"

    def rows(self, num_ws: int) -> NDArray[np.float64]:
        """What one unit along it adds to z, (1, z_dim), or to w, (num_ws, w_dim)."""
        direction = self.direction.astype(np.float64)
        if self.space == "z":
            return direction[None]
        rows = np.zeros((num_ws, direction.shape[-1]))
        rows[self.layers] = direction[self.layers] if direction.ndim == 2 else direction
        return rows


class AttributeOptions(Protocol):
    """What model.yaml says of an attribute; `options.Direction` explains the keys."""

    @property
    def file(self) -> str: ...
    @property
    def space(self) -> Space: ...
    @property
    def layers(self) -> tuple[int, int] | None: ...
    @property
    def std(self) -> float | None: ...
    @property
    def bounds(self) -> tuple[float, float]: ...
    @property
    def keep(self) -> tuple[str, ...]: ...


def read(name: str, options: AttributeOptions, folder: Path, generator: Generator) -> Vector:
    """The direction (rows, dim); in W+ only its layers, and they alone of length 1."""
    rows = read_direction(folder / options.file)
    dim = generator.z_dim if options.space == "z" else generator.w_dim
    wanted = (generator.num_ws if options.space == "w+" else 1, dim)
    if rows.shape != wanted:
        raise unfit(name, f"{rows.shape} is its shape, and {wanted} that of {options.space} here")
    if options.layers is None:
        return rows
    first, end = options.layers
    if not 0 <= first < end <= generator.num_ws:
        raise unfit(name, f"layers must be [first, end] of the generator's {generator.num_ws}")
    if options.space == "w":
        return rows
    only = np.zeros_like(rows)
    only[first:end] = rows[first:end]
    length = np.linalg.norm(only)
    if length == 0:
        raise unfit(name, "its direction is zero in these layers")
    return only / length


def unfit(name: str, problem: str) -> FailedPrecondition:
    return FailedPrecondition(f"attributes.{name}: {problem}", reason="DIRECTION")
