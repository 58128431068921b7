"""The constructor arguments of a generator, from JSON under their official names; checks all.

Everything that sets a size is bounded here, before anything is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from serving.errors import FailedPrecondition

Class = Literal["stylegan2", "stylegan3"]
Architecture = Literal["skip", "resid", "orig"]

RESOLUTIONS = (32, 64, 128, 256, 512, 1024)
T = TypeVar("T")


def _between(low: float, high: float) -> dict[str, Any]:
    return {"check": (f"from {low:g} to {high:g}", lambda value: low <= value <= high)}


def _one_of(*values: object) -> dict[str, Any]:
    return {"check": (f"one of {', '.join(map(str, values))}", lambda value: value in values)}


@dataclass(frozen=True, slots=True)
class MappingArguments:
    """`mapping_kwargs`: the network from z to w. `None` means "as wide as w"."""

    num_layers: int = field(default=8, metadata=_between(1, 16))
    embed_features: int | None = field(default=None, metadata=_between(1, 4096))
    layer_features: int | None = field(default=None, metadata=_between(1, 4096))
    lr_multiplier: float = field(default=0.01, metadata=_between(1e-6, 100))
    activation: str = field(default="lrelu", metadata=_one_of("lrelu"))
    # Of training alone; taken so that official arguments need no editing.
    w_avg_beta: float | None = field(default=0.998, metadata=_between(0, 1))


@dataclass(frozen=True, slots=True)
class _Common:
    z_dim: int = field(metadata=_between(1, 4096))
    w_dim: int = field(metadata=_between(1, 4096))
    c_dim: int = field(metadata=_between(0, 65536))
    img_resolution: int = field(metadata=_one_of(*RESOLUTIONS))
    img_channels: int = field(metadata=_between(1, 4))
    mapping_kwargs: MappingArguments
    channel_base: int = field(default=32768, metadata=_between(1, 2**18))
    channel_max: int = field(default=512, metadata=_between(1, 4096))


@dataclass(frozen=True, slots=True)
class Arguments2(_Common):
    """StyleGAN2: `architecture` is skip (config F), resid or orig."""

    architecture: Architecture = field(default="skip", metadata=_one_of("skip", "resid", "orig"))
    num_fp16_res: int = field(default=0, metadata=_between(0, 16))
    conv_clamp: float | None = field(default=None, metadata=_between(1, 60000))
    resample_filter: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)
    activation: str = field(default="lrelu", metadata=_one_of("lrelu"))
    use_noise: bool = True
    # Of their training and their memory layout; without influence on the image.
    fp16_channels_last: bool = False
    fused_modconv_default: bool | str = True

    cls: Class = "stylegan2"

    def channels(self, resolution: int) -> int:
        """Feature maps at a resolution."""
        return max(min(self.channel_base // resolution, self.channel_max), 1)

    def half(self, resolution: int) -> bool:
        """Whether blocks of this resolution were made for FP16: the last few, never 4²."""
        return resolution >= max(2 * self.img_resolution >> self.num_fp16_res, 8)


@dataclass(frozen=True, slots=True)
class Arguments3(_Common):
    """StyleGAN3: T has conv_kernel 3; R has 1 and use_radial_filters."""

    num_layers: int = field(default=14, metadata=_between(2, 32))
    num_critical: int = field(default=2, metadata=_between(0, 31))
    first_cutoff: float = field(default=2.0, metadata=_between(0.5, 64))
    first_stopband: float = field(default=2**2.1, metadata=_between(0.6, 256))
    last_stopband_rel: float = field(default=2**0.3, metadata=_between(1.01, 8))
    margin_size: int = field(default=10, metadata=_between(0, 64))
    output_scale: float = field(default=0.25, metadata=_between(1e-4, 1e4))
    num_fp16_res: int = field(default=4, metadata=_between(0, 16))
    conv_clamp: float | None = field(default=256.0, metadata=_between(1, 60000))
    conv_kernel: int = field(default=3, metadata=_one_of(1, 3))
    use_radial_filters: bool = False
    filter_size: int = field(default=6, metadata=_between(2, 16))
    lrelu_upsampling: int = field(default=2, metadata=_one_of(1, 2, 4))
    magnitude_ema_beta: float = field(default=0.999, metadata=_between(0, 1))

    cls: Class = "stylegan3"

    def half(self, sampling_rate: int) -> bool:
        """Whether a layer of this sampling rate was made for FP16."""
        return sampling_rate << self.num_fp16_res > self.img_resolution


Arguments = Arguments2 | Arguments3
_CLASSES: dict[str, type[Arguments2] | type[Arguments3]] = {
    "stylegan2": Arguments2,
    "stylegan3": Arguments3,
}


def parse(raw: Mapping[str, Any]) -> Arguments:
    """The arguments in JSON's object; `synthesis_kwargs` counts as if written beside the rest.

    Raises FailedPrecondition that names what is unknown, of the wrong type, or out of bounds.
    """
    given = dict(raw)
    cls = given.pop("cls", None)
    if not isinstance(cls, str) or cls not in _CLASSES:
        raise _wrong("cls", "must be stylegan2 or stylegan3")
    inner = given.pop("synthesis_kwargs", None) or {}
    mapping = given.pop("mapping_kwargs", None) or {}
    for name, value in (("synthesis_kwargs", inner), ("mapping_kwargs", mapping)):
        if not isinstance(value, Mapping):
            raise _wrong(name, "must be an object")
    if twice := sorted(given.keys() & inner.keys()):
        raise _wrong(f"synthesis_kwargs.{twice[0]}", "is given twice")
    given |= inner
    # The papers have 8 layers of mapping in StyleGAN2 and 2 in StyleGAN3.
    mapping = {"num_layers": 2 if cls == "stylegan3" else 8, **mapping}
    given["mapping_kwargs"] = _build(MappingArguments, mapping, "mapping_kwargs.")
    arguments = _build(_CLASSES[cls], given, "")
    _check_together(arguments)
    return arguments


def _build(kind: type[T], given: Mapping[str, Any], prefix: str) -> T:
    known = {each.name: each for each in fields(kind) if each.name != "cls"}  # type: ignore[arg-type]
    for name, value in given.items():
        if name not in known:
            raise _wrong(prefix + str(name), f"is unknown; known are {', '.join(known)}")
        if (problem := _problem(known[name], value)) is not None:
            raise _wrong(prefix + name, problem)
    given = {name: _coerced(value) for name, value in given.items()}
    try:
        return kind(**given)
    except TypeError:
        missing = ", ".join(prefix + name for name in known if name not in given)
        raise FailedPrecondition(f"of {missing} some must be given", reason="ARGUMENTS") from None


def _problem(known: Any, value: Any) -> str | None:
    """What is wrong with a value, by the annotation and the bounds of its field."""
    kinds = known.type.split(" | ")
    if not any(_TYPES.get(kind, _anything)(value) for kind in kinds):
        return f"must be {known.type}"
    if value is None or "check" not in known.metadata:
        return None
    words, holds = known.metadata["check"]
    return None if holds(value) else f"must be {words}"


def _anything(value: Any) -> bool:
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_taps(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and 1 <= len(value) <= 7
        and all(_is_number(tap) for tap in value)
        and sum(value) > 0
    )


_TYPES: dict[str, Callable[[Any], bool]] = {
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": _is_number,
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
    "tuple[float, ...]": _is_taps,
}


def _coerced(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_together(arguments: Arguments) -> None:
    """What no field shows alone: the bands of StyleGAN3 must fit into each other."""
    if isinstance(arguments, Arguments2):
        return
    if arguments.num_critical >= arguments.num_layers:
        raise _wrong("num_critical", "must be less than num_layers")
    if arguments.first_stopband <= arguments.first_cutoff:
        raise _wrong("first_stopband", "must be above first_cutoff")
    if 2 * arguments.first_stopband > arguments.img_resolution:
        raise _wrong("first_stopband", "must be at most half of img_resolution")


def _wrong(name: str, problem: str) -> FailedPrecondition:
    return FailedPrecondition(f"generator arguments: {name} {problem}", reason="ARGUMENTS")
