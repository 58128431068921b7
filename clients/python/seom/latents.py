"""Where a picture starts: a seed, or a place in one of a generator's spaces.

Owns how both are said on the wire. Refuses seeds out of range; what a model makes of a
place, its shape for one, is the server's to judge.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seom.pb.v1 import synthesis_pb2 as pb

GREATEST_SEED = 2**32 - 1

Space: TypeAlias = Literal["z", "w", "w+"]
_SPACES: dict[Space, pb.LatentSpace] = {
    "z": pb.LATENT_SPACE_Z,
    "w": pb.LATENT_SPACE_W,
    "w+": pb.LATENT_SPACE_W_PLUS,
}
_NAMES = {number: name for name, number in _SPACES.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """A place in one of a generator's spaces: keep it, and the face is kept.

    >>> import numpy as np
    >>> with Client() as seom:
    ...     (mina,) = seom.synthesize([7], return_latents=True)
    ...     np.save("mina.npy", mina.latent.values)
    ...     kept = Latent("w+", np.load("mina.npy"))
    ...     (again,) = seom.synthesize(latents=[kept])
    >>> kept == mina.latent, again.data == mina.data
    (True, True)

    space: "z" is what seeds are drawn in; "w" what the mapping network makes of it
        (Karras et al. 2019); "w+" is W with a place of its own for each layer of the
        generator (Abdal et al. 2019)
    values: floats, sent as float32, row by row whatever their shape: z_dim of them, w_dim,
        or layers × w_dim. What comes from a server is flat, float32 and read-only, and
        `values.reshape(-1, w_dim)` has a row for each layer

    Raises TypeError or ValueError for what is none.
    """

    space: Space
    values: NDArray[np.floating[Any]] = field(repr=False)

    def __post_init__(self) -> None:
        if self.space not in tuple(_SPACES):
            raise ValueError(f"space: {self.space!r} is none of {', '.join(_SPACES)}")
        if not isinstance(self.values, np.ndarray):
            raise TypeError(f"values: give a NumPy array, not {type(self.values).__name__}")
        if self.values.dtype.kind != "f":
            raise TypeError(f"values: give floats (float32), not {self.values.dtype}")
        if self.values.size == 0:
            raise ValueError(f"values: the array is empty (shape {self.values.shape})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Latent):
            return NotImplemented
        return self.space == other.space and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.space, self.values.tobytes()))

    def message(self) -> pb.Latent:
        return pb.Latent(space=_SPACES[self.space], values=self.values.astype("<f4").tobytes())


def latent(message: pb.Latent) -> Latent:
    """The latent of a message; raises ValueError where it is broken."""
    if message.space not in _NAMES:
        raise ValueError(f"a latent of space {message.space}, which is not known here")
    return Latent(_NAMES[message.space], np.frombuffer(message.values, "<f4"))


def origins(seeds: Iterable[int] | None, latents: Iterable[Latent] | None) -> list[pb.Origin]:
    """What pictures start from, one each.

    Raises TypeError or ValueError unless there are either seeds or latents.
    """
    if (seeds is None) == (latents is None):
        raise ValueError("seeds: give either seeds or latents")
    if seeds is not None:
        given = _several(seeds, "seeds", "[7]")
        made = [pb.Origin(seed=_seed(each, f"seeds[{n}]")) for n, each in enumerate(given)]
    else:
        given = _several(latents, "latents", "[latent]")
        made = [_of_latent(each, f"latents[{n}]") for n, each in enumerate(given)]
    if not made:
        raise ValueError(f"{'latents' if seeds is None else 'seeds'}: give one or more")
    return made


def origin(seed: int | None, latent: Latent | None) -> pb.Origin:
    """What one picture starts from; raises as `origins`."""
    if (seed is None) == (latent is None):
        raise ValueError("seed: give either a seed or a latent")
    return _of_latent(latent, "latent") if seed is None else pb.Origin(seed=_seed(seed, "seed"))


def either(start: int | Latent, where: str) -> pb.Origin:
    """What one picture starts from, whichever it is; raises TypeError or ValueError."""
    if isinstance(start, Latent):
        return _of_latent(start, where)
    return pb.Origin(seed=_seed(start, where, "a seed (int) or a Latent"))


def _several(given: Any, where: str, example: str) -> Iterable[Any]:
    if not isinstance(given, Iterable):
        raise TypeError(f"{where}: give a sequence, {example}, not one {type(given).__name__}")
    return given


def _seed(given: Any, where: str, wanted: str = "a whole number") -> int:
    try:
        seed = operator.index(given)
    except TypeError:
        raise TypeError(f"{where}: give {wanted}, not {type(given).__name__}") from None
    if not 0 <= seed <= GREATEST_SEED:
        raise ValueError(f"{where}: {seed} is no seed of 0 to {GREATEST_SEED}")
    return seed


def _of_latent(given: Any, where: str) -> pb.Origin:
    if not isinstance(given, Latent):
        # None is what pictures have whose latents nobody asked for.
        hint = "; return_latents=True has pictures bring theirs" if given is None else ""
        raise TypeError(f"{where}: give a Latent, not {type(given).__name__}{hint}")
    return pb.Origin(latent=given.message())
