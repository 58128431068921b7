"""A photograph's truth is in its pixels, and the same seed gives the same pixels."""

import hashlib
import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from model_repo.island.world.canvas import Box
from model_repo.island.world.people import Identity
from model_repo.island.world.plans import plan
from model_repo.island.world.scene import Photograph, paint, photograph
from model_repo.island.world.things import NAMES

# A change here means other pictures: every model would have to be trained and judged anew.
DIGESTS = {
    0: "ccc3fc93f450cc918f89830bfc49070d9e0f0d3dd14ea961f69d542b1a4456da",
    7: "acb317f8914a6b99ee50b5c1326bbab507c1a22278f0456a6a6f15f16a0b5abd",
    11_000_003: "25414e1ba34f671384fb7bba8f257a746d9a1d31695e7d00ca6df9c14ca24fad",
}


@cache
def taken(seed: int) -> Photograph:
    return photograph(seed)


@pytest.mark.parametrize("seed", DIGESTS)
def test_a_seed_gives_these_pixels_on_every_machine(seed: int) -> None:
    assert hashlib.sha256(taken(seed).image.tobytes()).hexdigest() == DIGESTS[seed]


def test_the_form_is_as_said() -> None:
    image = photograph(5, width=160).image
    assert image.shape == (120, 160, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("width", [60, 321])
def test_a_width_it_cannot_draw_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="width must be a multiple of 4"):
        photograph(1, width=width)


@pytest.mark.parametrize("seed", range(20, 26))
def test_boxes_are_the_pixels_that_change_when_a_thing_is_left_out(seed: int) -> None:
    scene = plan(seed)
    whole, hidden = paint(scene)
    if hidden:
        pytest.skip("something is hidden, and the photograph is taken without it")
    for i, item in enumerate(sorted(scene.things, key=lambda item: item.depth)):
        box = whole.things[i].box
        changed = _box_of_change(whole.image, paint(scene, leave_out=item.mark)[0].image)
        assert np.abs(np.subtract(box, changed)).max() <= 2.0, (item.kind.name, box, changed)


def _box_of_change(one: np.ndarray, other: np.ndarray) -> Box:
    changed = np.abs(one.astype(int) - other.astype(int)).max(axis=2) > 2
    columns, rows = np.flatnonzero(changed.any(0)), np.flatnonzero(changed.any(1))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_what_is_true_lies_within_the_picture_and_is_large_enough() -> None:
    for seed in range(24):
        photo = taken(seed)
        for thing in photo.things:
            left, top, right, bottom = thing.box
            assert min(left, top) >= 0 and right <= 320 and bottom <= 240
            assert thing.name in NAMES
            assert max(right - left, bottom - top) >= 18, (seed, thing)
        for person in photo.people:
            box = person.face.box
            assert box[0] > -4 and box[1] > -4 and box[2] < 324 and box[3] < 244, (seed, box)
            assert 26 <= box[3] - box[1] <= 90
            assert all(
                box[0] < x < box[2] and box[1] < y < box[3] for x, y in person.face.landmarks
            )


def test_people_in_one_photograph_wear_different_shirts() -> None:
    for seed in range(60):
        shirts = [person.shirt for person in plan(seed).people]
        assert len(set(shirts)) == len(shirts)


def test_a_cast_is_shown_whatever_the_seed() -> None:
    family = [Identity.of(4_500 + i) for i in range(4)]
    for seed in range(60):
        assert [person.who for person in plan(seed, cast=family).people] == family
    seen = {person.who.number for person in photograph(3, cast=family[:2]).people}
    assert seen == {4_500, 4_501}


def test_a_crowd_is_refused() -> None:
    with pytest.raises(ValueError, match="cast must be of at most 6"):
        plan(1, cast=[Identity.of(n) for n in range(7)])


def test_people_hold_what_they_are_said_to_hold() -> None:
    held = [(photo, p) for photo in map(taken, range(24)) for p in photo.people if p.holds]
    assert held
    for photo, person in held:
        left, top, right, bottom = person.box
        assert any(
            thing.name == person.holds
            and left < (thing.box[0] + thing.box[2]) / 2 < right
            and top < (thing.box[1] + thing.box[3]) / 2 < bottom
            for thing in photo.things
        )


def test_the_same_seed_at_another_width_is_the_same_scene() -> None:
    small, large = photograph(8, width=160), taken(8)
    assert [thing.name for thing in small.things] == [thing.name for thing in large.things]
    for one, other in zip(small.things, large.things, strict=True):
        assert np.abs(np.multiply(one.box, 2) - other.box).max() <= 2.0


def test_as_jpeg_it_is_nearly_the_same_picture() -> None:
    photo = taken(0)
    back = np.asarray(Image.open(io.BytesIO(photo.jpeg(90)))).astype(int)
    assert np.abs(back - photo.image).mean() < 6
