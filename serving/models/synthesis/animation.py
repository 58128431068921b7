"""Keyframes to frames: strengths that change evenly from one time to the next."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.errors import InvalidArgument
from serving.models.synthesis.types import Drawing

Strengths: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Keyframe:
    """time: seconds since the first frame; strengths: by name; what is not named is at 0"""

    time: float
    strengths: dict[str, float]


class Animation:
    """A moving picture: frame i is at i / fps seconds, up to the last keyframe.

    drawing: what holds for every frame; keyframes' strengths are added to its own
    keyframes: two or more, each later than the one before, the first at 0
    in_time: whether each frame has its moment; else they go as fast as they can be had
    """

    def __init__(
        self, drawing: Drawing, keyframes: Sequence[Keyframe], fps: float, *, in_time: bool
    ) -> None:
        self.drawing, self.fps, self.in_time = drawing, fps, in_time
        self._keyframes = tuple(keyframes)
        own = drawing.look.attributes
        named = dict.fromkeys(name for each in keyframes for name in each.strengths)
        self._names = tuple(dict.fromkeys((*own, *named)))
        self._times = np.array([each.time for each in keyframes])
        # Their sums, not themselves, so that nothing between two of them is beyond both.
        self._strengths = np.array(
            [
                [own.get(n, 0.0) + each.strengths.get(n, 0.0) for n in self._names]
                for each in keyframes
            ]
        ).reshape(len(keyframes), len(self._names))

    @property
    def count(self) -> int:
        """Of all frames; rounding leaves none out that is due with the last keyframe."""
        return math.floor(self._times[-1] * self.fps + 1e-6) + 1

    def time(self, frame: int) -> float:
        """Seconds since the first."""
        return frame / self.fps

    def frame(self, number: int) -> Drawing:
        return self._drawing(self._at(self.time(number)))

    def extremes(self) -> Iterator[tuple[int, Drawing]]:
        """The keyframes in which an attribute they name is strongest or weakest, by number:
        if these can be drawn, so can every frame."""
        for index in sorted({i for name in self._names for i in self._ends(name)}):
            named = {*self.drawing.look.attributes, *self._keyframes[index].strengths}
            yield index, self._drawing(self._strengths[index], named)

    def in_its_words(self, error: InvalidArgument, keyframe: int) -> InvalidArgument:
        """What is wrong with a keyframe's strengths, where only they can be to blame."""
        theirs = f"keyframes[{keyframe}].attributes"
        fields = [
            (path.replace("look.attributes", theirs, 1), problem) for path, problem in error.fields
        ]
        message = "; ".join(f"{path}: {problem}" for path, problem in fields)
        return InvalidArgument(message, fields=fields, reason=error.reason)

    def _at(self, time: float) -> Strengths:
        after = int(np.searchsorted(self._times, time))
        if after == 0:
            return self._strengths[0]
        if after == len(self._times):
            return self._strengths[-1]
        before, to = self._times[after - 1 : after + 1]
        one, other = self._strengths[after - 1 : after + 1]
        between = one + (other - one) * ((time - before) / (to - before))
        return np.clip(between, np.minimum(one, other), np.maximum(one, other))

    def _ends(self, name: str) -> tuple[int, ...]:
        where = [i for i, each in enumerate(self._keyframes) if name in each.strengths]
        if not where:
            return ()
        strengths = self._strengths[where, self._names.index(name)]
        return where[int(strengths.argmin())], where[int(strengths.argmax())]

    def _drawing(self, strengths: Strengths, named: Collection[str] | None = None) -> Drawing:
        pairs = zip(self._names, strengths.tolist(), strict=True)
        attributes = {name: value for name, value in pairs if named is None or name in named}
        return replace(self.drawing, look=replace(self.drawing.look, attributes=attributes))
