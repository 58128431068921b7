"""From what pictures start from to where they lie in W+: mapped, truncated, mixed, moved.

Order matters, and it is this: directions in Z move latents before the mapping network; its
W is truncated; layers of another origin are mixed in; directions in W and W+ move what has
come of it. What is given in W or W+ is neither mapped nor truncated. The other origin looks
as the first does, so directions in Z move it too, where it comes from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.models.synthesis.check import is_mapped
from serving.models.synthesis.directions import Attributes
from serving.models.synthesis.types import Drawing, Origin

if TYPE_CHECKING:
    from serving.runtimes.stylegan.generator import Generator

Array: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """One picture's sources, and what is to be done with them.

    sources: its origin, and the one that is mixed in if there is one: (z_dim,) where they
        are mapped, (num_ws, w_dim) where they are taken as they are
    layers: those that listen to the second
    psi, cutoff: truncation, of so many layers
    offset: (num_ws, w_dim), or None
    """

    sources: tuple[Array, ...]
    layers: slice
    class_id: int
    psi: float
    cutoff: int
    offset: Array | None


def place(drawing: Drawing, generator: Generator, attributes: Attributes, psi: float) -> Place:
    """Of a drawing that was checked; `psi` is the model's own."""
    look = drawing.look
    origins, layers = [drawing.origin], slice(0, 0)
    if look.mixing is not None:
        origins.append(look.mixing.origin)
        layers = slice(look.mixing.first, look.mixing.end or generator.num_ws)
    in_z = attributes.offset_z(look.attributes, look.keep)
    return Place(
        sources=tuple(_source(origin, generator, in_z) for origin in origins),
        layers=layers,
        class_id=look.class_id or 0,
        psi=psi if look.psi is None else look.psi,
        cutoff=generator.num_ws if look.cutoff is None else look.cutoff,
        offset=attributes.offset_w(look.attributes, look.keep),
    )


def locate(places: Sequence[Place], generator: Generator) -> Array:
    """(n, num_ws, w_dim), one for each; all that is mapped is mapped together."""
    in_w = _mapped(places, generator)
    mean = generator.w_avg
    found = []
    for each in places:
        rows = []
        for source in each.sources:
            if source.ndim == 1:
                source = next(in_w)
                if each.psi != 1:
                    cut = source[: each.cutoff]
                    cut[:] = mean + np.float32(each.psi) * (cut - mean)
            rows.append(source)
        w = rows[0].copy()
        if len(rows) > 1:
            w[each.layers] = rows[1][each.layers]
        if each.offset is not None:
            w += each.offset
        found.append(w)
    return np.stack(found)


def _source(origin: Origin, generator: Generator, in_z: Array | None) -> Array:
    if origin.latent is None:
        assert origin.seed is not None, "an origin without seed and latent. This is a bug."
        z = generator.latent(origin.seed)[0]
    elif is_mapped(origin):
        z = origin.latent.values.reshape(-1)
    else:
        rows = origin.latent.values.reshape(-1, generator.w_dim)
        return np.broadcast_to(rows, (generator.num_ws, generator.w_dim))
    return z if in_z is None else z + in_z


def _mapped(places: Sequence[Place], generator: Generator) -> Iterator[Array]:
    """(num_ws, w_dim) for each source in Z, in their order; arrays of one's own."""
    each = [(source, p.class_id) for p in places for source in p.sources if source.ndim == 1]
    if not each:
        return iter(())
    classes = None
    if generator.c_dim:
        classes = np.zeros((len(each), generator.c_dim), np.float32)
        classes[np.arange(len(each)), [class_id for _, class_id in each]] = 1
    return iter(generator.map(np.stack([z for z, _ in each]), classes))
