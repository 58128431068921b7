"""Frames between keyframes."""

from __future__ import annotations

import numpy as np
import pytest

from serving.errors import InvalidArgument
from serving.models.synthesis.animation import Animation, Keyframe
from serving.models.synthesis.types import Drawing, Look, Origin


def animation(*keyframes: tuple[float, dict[str, float]], fps: float = 10, **own: float):
    drawing = Drawing(Origin(seed=1), Look(attributes=own))
    frames = [Keyframe(time, strengths) for time, strengths in keyframes]
    return Animation(drawing, frames, fps, in_time=False)


def strengths(moving: Animation, name: str) -> list[float]:
    return [moving.frame(n).look.attributes[name] for n in range(moving.count)]


def test_strengths_change_evenly() -> None:
    moving = animation((0, {"a": 0}), (0.4, {"a": 1}), (0.6, {}))
    np.testing.assert_allclose(strengths(moving, "a"), [0, 0.25, 0.5, 0.75, 1, 0.5, 0], atol=1e-12)


def test_what_is_its_own_is_added() -> None:
    moving = animation((0, {"a": 1}), (0.2, {"b": 1}), a=1.0, c=0.5)
    np.testing.assert_allclose(strengths(moving, "a"), [2, 1.5, 1])
    np.testing.assert_allclose(strengths(moving, "b"), [0, 0.5, 1])
    assert strengths(moving, "c") == [0.5] * 3


@pytest.mark.parametrize(
    ("end", "fps", "count"),
    [(0.4, 25, 11), (1, 25, 26), (0.3, 10, 4), (0.35, 10, 4), (600, 120, 72001), (1, 1e-9, 1)],
)
def test_frames_up_to_the_last_keyframe(end: float, fps: float, count: int) -> None:
    moving = animation((0, {}), (end, {}), fps=fps)
    assert moving.count == count
    assert moving.time(moving.count - 1) <= end + 1e-9
    moving.frame(moving.count - 1)


def test_no_frame_is_beyond_its_keyframes() -> None:
    """However it is rounded: bounds are checked at keyframes alone."""
    random = np.random.default_rng(0)
    for _ in range(50):
        one, other = random.uniform(-3, 3, 2)
        moving = animation((0, {"a": one}), (1, {"a": other}), fps=float(random.uniform(1, 120)))
        found = strengths(moving, "a")
        assert min(one, other) <= min(found) and max(found) <= max(one, other)


def test_the_extremes_are_all_that_need_be_looked_at() -> None:
    moving = animation((0, {"a": 1}), (1, {"a": 3}), (2, {"a": 2, "b": 1}), (3, {"a": -1}), (4, {}))
    found = {number: dict(each.look.attributes) for number, each in moving.extremes()}
    assert found == {1: {"a": 3}, 2: {"a": 2, "b": 1}, 3: {"a": -1}}


def test_no_number_is_an_extreme() -> None:
    moving = animation((0, {"a": 1}), (1, {"a": float("nan")}), (2, {"a": 2}))
    assert 1 in dict(moving.extremes())


def test_what_is_wrong_is_told_of_the_keyframe() -> None:
    moving = animation((0, {"a": 1}), (1, {"a": 3}))
    error = InvalidArgument.field("look.attributes[a]", "must be less", reason="OUT_OF_BOUNDS")
    told = moving.in_its_words(error, 1)
    assert told.fields == (("keyframes[1].attributes[a]", "must be less"),)
    assert told.reason == "OUT_OF_BOUNDS"
