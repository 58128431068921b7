"""How pictures are to look, and the form they are to come in.

What a model knows, its attributes and their bounds for one, is the server's to judge;
refused here is only what cannot be said at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from seom.latents import Latent, either
from seom.pb.v1 import synthesis_pb2 as pb

Noise: TypeAlias = Literal["const", "random", "none"]
_NOISES = {"const": pb.NOISE_CONST, "random": pb.NOISE_RANDOM, "none": pb.NOISE_NONE}

Format: TypeAlias = Literal["png", "jpeg", "webp", "raw"]
_FORMATS = {
    "png": pb.PICTURE_FORMAT_PNG,
    "jpeg": pb.PICTURE_FORMAT_JPEG,
    "webp": pb.PICTURE_FORMAT_WEBP,
    "raw": pb.PICTURE_FORMAT_RAW,
}


@dataclass(frozen=True, slots=True)
class Mix:
    """Style mixing (Karras et al. 2019): some layers listen to another origin.

    Coarse layers, the first, hold pose and shape; fine ones, the last, colours.

    origin: a seed, or a Latent
    first, end: the layers, from `first` to before `end`; to the last one if None
    """

    origin: int | Latent
    first: int
    end: int | None = None

    def message(self) -> pb.Mixing:
        """Raises TypeError or ValueError for an origin or layers that are none."""
        made = pb.Mixing(origin=either(self.origin, "mix.origin"))
        put(made, "first", self.first, "mix.first")
        if self.end is not None:
            put(made, "end", self.end, "mix.end")
            if made.end <= made.first:
                raise ValueError(f"mix.end: {self.end} leaves no layer from {self.first} on")
        return made


@dataclass(frozen=True, slots=True)
class Form:
    """What holds for every picture of a call: how it looks, and what it comes as.

    look: None for as the model has them
    """

    look: pb.Look | None
    encoding: pb.Encoding
    format: Format


def form(
    psi: float | None,
    cutoff: int | None,
    attributes: Mapping[str, float] | None,
    keep: Sequence[str],
    class_id: int | None,
    noise: Noise | None,
    mix: Mix | None,
    format: Format,
    quality: int | None,
    size: int | None,
) -> Form:
    """The form of pictures; raises TypeError or ValueError, naming the argument."""
    look = _look(psi, cutoff, attributes, keep, class_id, noise, mix)
    return Form(look, _encoding(format, quality, size), format)


def _look(
    psi: float | None,
    cutoff: int | None,
    attributes: Mapping[str, float] | None,
    keep: Sequence[str],
    class_id: int | None,
    noise: Noise | None,
    mix: Mix | None,
) -> pb.Look | None:
    if isinstance(keep, str):
        raise TypeError(f"keep: give a sequence, ({keep!r},), not one str")
    if mix is not None and not isinstance(mix, Mix):
        raise TypeError(f"mix: give a Mix, not {type(mix).__name__}")
    made = pb.Look(
        keep=keep,
        noise=None if noise is None else chosen("noise", noise, _NOISES),
        mixing=None if mix is None else mix.message(),
    )
    for name, value in (("psi", psi), ("cutoff", cutoff), ("class_id", class_id)):
        if value is not None:
            put(made, name, value, name)
    strengths(made.attributes, {} if attributes is None else attributes, "attributes")
    return made if made.ListFields() else None


def _encoding(format: Format, quality: int | None, size: int | None) -> pb.Encoding:
    made = pb.Encoding(format=chosen("format", format, _FORMATS))
    for name, value in (("quality", quality), ("size", size)):
        if value is not None:
            put(made, name, value, name)
            if value < 1:
                raise ValueError(f"{name}: {value} is less than 1")
    return made


def strengths(into: Any, given: Mapping[str, float], where: str) -> None:
    """Writes attributes into a message's map; raises TypeError, naming the argument."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{where}: give strengths by name, {{'smile': 1.5}}, not {type(given).__name__}"
        )
    for name, value in given.items():
        try:
            into[name] = value
        except TypeError:
            raise TypeError(
                f"{where}[{name!r}]: give a number by a name, not {type(value).__name__}"
            ) from None


def chosen(where: str, choice: str, allowed: Mapping[str, Any]) -> Any:
    """The number of a name; raises ValueError for one there is not."""
    if choice not in tuple(allowed):
        raise ValueError(f"{where}: {choice!r} is none of {', '.join(allowed)}")
    return allowed[choice]


def put(made: Any, name: str, value: Any, where: str) -> None:
    """Writes a number; raises TypeError or ValueError for one the wire cannot carry."""
    try:
        setattr(made, name, value)
    except TypeError:
        raise TypeError(f"{where}: {value!r} is of the wrong type") from None
    except ValueError:
        raise ValueError(f"{where}: {value!r} is out of range") from None
