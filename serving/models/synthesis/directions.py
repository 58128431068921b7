"""Named directions in a generator's latent spaces, and how far to go along them; no pictures.

An attribute is a direction of unit length, the normal of a plane that parts latents of much
of it from latents of little (Shen et al. 2020, "Interpreting the Latent Space of GANs for
Semantic Face Editing", arXiv 1907.10786). Strengths are told in standard deviations of the
generator's own latents along it: 1 is how far its pictures usually lie from their middle,
whatever the generator and whichever the space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.models.synthesis.attribute import Attribute, AttributeOptions, Space, read, unfit
from serving.models.synthesis.conditional import without
from serving.models.synthesis.spread import spread
from serving.runtimes.stylegan.vectors import Vector, read_direction

if TYPE_CHECKING:
    from serving.runtimes.stylegan.generator import Generator

__all__ = ["Attribute", "AttributeOptions", "Attributes", "Space", "Vector", "read_direction"]

# Of names in a message, and of problems: a request can have any number.
_LISTED = 64
_TOLD = 16
# Directions that keep others, 74 kB each of a generator of 18 × 512.
_CACHED = 64


class Attributes:
    """The attributes of one generator.

    Raises FailedPrecondition for a `keep` of unknown attributes, of another space, or of
    directions that leave nothing to move along.
    """

    def __init__(self, attributes: Iterable[Attribute], num_ws: int) -> None:
        self._attributes = {each.name: each for each in attributes}
        self._rows = {name: each.rows(num_ws) for name, each in self._attributes.items()}
        # The frames of a moving picture keep the same ones, some hundred of them in a row.
        self._conditional = lru_cache(_CACHED)(self._without)
        for name, each in self._attributes.items():
            if unknown := [other for other in each.keep if other not in self._attributes]:
                raise unfit(name, f"keep has {unknown[0]}, which is no attribute")
            try:
                self._direction(each, ())
            except InvalidArgument as error:
                raise unfit(name, error.fields[0][1]) from None

    @classmethod
    def load(
        cls, options: Mapping[str, AttributeOptions], folder: Path, generator: Generator
    ) -> Attributes:
        """Reads the directions, and measures those in W and W+ of which model.yaml does not
        say the standard deviation: over the w of 2,048 latents, always the same ones,
        untruncated, and of all classes alike where the generator has some.

        Raises FailedPrecondition for what `read_direction` refuses, for directions that do
        not fit the generator, and for those along which its latents do not vary.
        """
        found = {name: read(name, each, folder, generator) for name, each in options.items()}
        unmeasured = [
            name for name, each in options.items() if each.space != "z" and each.std is None
        ]
        measured = dict(
            zip(unmeasured, spread([found[name] for name in unmeasured], generator), strict=True)
        )
        attributes = []
        for name, each in options.items():
            std = measured.get(name, 1.0) if each.std is None else each.std
            if std is None:
                raise unfit(name, "the generator's latents do not vary along it; say its std")
            direction, (first, end) = found[name], each.layers or (0, generator.num_ws)
            attributes.append(
                Attribute(
                    name=name,
                    space=each.space,
                    direction=direction if each.space == "w+" else direction[0],
                    layers=slice(first, end),
                    std=std,
                    bounds=each.bounds,
                    keep=tuple(each.keep),
                )
            )
        return cls(attributes, generator.num_ws)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._attributes)

    def __getitem__(self, name: str) -> Attribute:
        return self._attributes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._attributes

    def __len__(self) -> int:
        return len(self._attributes)

    def check(self, strengths: Mapping[str, float], keep: Sequence[str] = ()) -> None:
        """Raises InvalidArgument, which names every field, for attributes this generator has
        not, strengths that are not finite or out of bounds, and a `keep` that cannot be."""
        problems = list(islice(self._problems(strengths, keep), _TOLD))
        if problems:
            raise InvalidArgument(
                "; ".join(f"{field}: {problem}" for field, problem, _ in problems),
                fields=[(field, problem) for field, problem, _ in problems],
                reason=problems[0][2],
            )
        for name, strength in strengths.items():
            if strength:
                self._direction(self[name], keep)

    def offset_z(self, strengths: Mapping[str, float], keep: Sequence[str] = ()) -> Vector | None:
        """(z_dim,), to be added to z; None if nothing moves there.

        strengths, keep: such as `check` lets through
        """
        offset = self._offset("z", strengths, keep)
        return None if offset is None else offset[0]

    def offset_w(self, strengths: Mapping[str, float], keep: Sequence[str] = ()) -> Vector | None:
        """(num_ws, w_dim), to be added to w after truncation; None if nothing moves there.

        strengths, keep: such as `check` lets through
        """
        return self._offset("w", strengths, keep)

    def _offset(
        self, kind: Literal["z", "w"], strengths: Mapping[str, float], keep: Sequence[str]
    ) -> Vector | None:
        steps = [
            strengths[name] * each.std * self._direction(each, keep)
            # In this order and not the request's, on which a sum's last bits would hang.
            for name, each in self._attributes.items()
            if each.kind == kind and strengths.get(name)
        ]
        return sum(steps[1:], steps[0]).astype(np.float32) if steps else None

    def _direction(self, attribute: Attribute, keep: Sequence[str]) -> NDArray[np.float64]:
        """Row by row, without what would move any that is to be kept; itself is none of them."""
        names = {*attribute.keep, *keep} - {attribute.name}
        if not names:
            return self._rows[attribute.name]
        return self._conditional(attribute.name, tuple(sorted(names)))

    def _without(self, name: str, kept: tuple[str, ...]) -> NDArray[np.float64]:
        attribute = self[name]
        for other in kept:
            if self[other].kind != attribute.kind:
                raise InvalidArgument.field(
                    "keep",
                    f"{other} is of {self[other].space} and {name} of {attribute.space}; "
                    "only what is of the same space can be kept",
                    reason="CANNOT_KEEP",
                )
        rest = without(self._rows[name], [self._rows[other] for other in kept])
        if rest is None:
            raise InvalidArgument.field(
                "keep",
                f"nothing is left of {name} where {', '.join(kept)} must not move; keep fewer",
                reason="CANNOT_KEEP",
            )
        return rest

    def _problems(
        self, strengths: Mapping[str, float], keep: Sequence[str]
    ) -> Iterator[tuple[str, str, str]]:
        """Field, what is wrong with it, and the reason for programs."""
        listed = ", ".join(self.names[:_LISTED]) + (", …" if len(self) > _LISTED else "")
        unknown = f"is none of this model's attributes: {listed or 'it has none'}"
        for index, name in enumerate(keep):
            if name not in self:
                yield f"keep[{index}]", unknown, "UNKNOWN_ATTRIBUTE"
        for name, strength in strengths.items():
            field = f"attributes[{name[:64]}]"
            if name not in self:
                yield field, unknown, "UNKNOWN_ATTRIBUTE"
                continue
            low, high = self[name].bounds
            if not math.isfinite(strength):
                yield field, "must be finite", "NOT_FINITE"
            elif not low <= strength <= high:
                yield field, f"must be from {low:g} to {high:g}", "OUT_OF_BOUNDS"
