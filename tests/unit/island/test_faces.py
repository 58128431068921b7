"""Faces: landmarks lie on the drawn features, and a person stays the same person."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from model_repo.island.world.dice import Dice
from model_repo.island.world.people import Expression, Identity
from model_repo.island.world.portraits import TEMPLATE, face

DIGESTS = {
    ("portrait", 64): "1c42e0864d2071687ccdc56782b45ae835540b5a287c40038385d72df5f62d71",
    ("aligned", 112): "b4b339b495d814b63229c95b88f41e15dc43dc8d3c2f52a45aef0134e142c19b",
}


@pytest.mark.parametrize(("framing", "size"), DIGESTS)
def test_a_face_gives_these_pixels_on_every_machine(framing: str, size: int) -> None:
    how = Expression(0.7, 0.4, -0.3, 0.6)
    image = face(Identity.of(12), how, size, seed=5, framing=framing).image  # type: ignore[arg-type]
    assert hashlib.sha256(image.tobytes()).hexdigest() == DIGESTS[framing, size]


def _plain(number: int) -> Identity:
    return replace(Identity.of(number), glasses="none", freckles=False, beard=False)


@pytest.mark.parametrize("turn", [-0.8, 0.0, 0.8])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_eye_landmarks_lie_where_eyes_open(number: int, turn: float) -> None:
    who = _plain(number)
    closed, open_ = (face(who, Expression(eyes, 0.0, turn), 192) for eyes in (0.0, 1.0))
    changed = np.abs(open_.image.astype(int) - closed.image).max(axis=2) > 24
    left, right = open_.truth.landmarks[:2]
    between = int((left[0] + right[0]) / 2)
    for (x, y), part in ((left, slice(0, between)), (right, slice(between, 192))):
        eye = np.zeros_like(changed)
        eye[:, part] = changed[:, part]
        columns, rows = np.flatnonzero(eye.any(0)), np.flatnonzero(eye.any(1))
        assert abs((columns[0] + columns[-1] + 1) / 2 - x) < 2.0
        assert abs((rows[0] + rows[-1] + 1) / 2 - y) < 2.5


@pytest.mark.parametrize("turn", [-0.8, 0.0, 0.8])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_mouth_landmarks_are_the_ends_of_the_mouth(number: int, turn: float) -> None:
    who = replace(_plain(number), skin=(255, 222, 196))
    drawn = face(who, Expression(0.5, 0.5, turn), 192)
    red, green, blue = np.moveaxis(drawn.image.astype(float), 2, 0)
    lips = (red > 1.7 * green) & (red > 1.3 * blue)
    (left_x, left_y), (right_x, right_y) = drawn.truth.landmarks[3:]
    lips[: int(min(left_y, right_y)) - 12] = False
    lips[int(max(left_y, right_y)) + 40 :] = False
    lips[:, : int(left_x) - 12] = False
    lips[:, int(right_x) + 12 :] = False
    columns = np.flatnonzero(lips.any(0))
    assert abs(columns[0] - left_x) < 4.0
    assert abs(columns[-1] + 1 - right_x) < 4.0


def test_the_box_is_that_of_the_skin() -> None:
    who = replace(_plain(5), skin=(255, 222, 196))
    darker = replace(who, skin=(124, 82, 58))
    one, other = face(who, Expression(), 192), face(darker, Expression(), 192)
    changed = np.abs(one.image.astype(int) - other.image).max(axis=2) > 20
    left, top, right, bottom = one.truth.box
    changed[int(bottom) :] = False  # the neck is skin too
    rows = np.flatnonzero(changed[:, int(left) : int(right)].any(1))
    assert rows[-1] + 1 == pytest.approx(bottom, abs=2)
    inside = changed[int(top) + 60 : int(bottom) - 40]
    columns = np.flatnonzero(inside.any(0))
    assert columns[0] == pytest.approx(left, abs=14)  # ears stand out
    assert columns[-1] + 1 == pytest.approx(right, abs=14)


def test_an_aligned_face_has_its_landmarks_on_the_template() -> None:
    errors = []
    for number in range(40):
        drawn = face(Identity.of(number), Expression(), 112, framing="aligned")
        errors.append(np.subtract(drawn.truth.landmarks, TEMPLATE))
    errors_array = np.array(errors)
    assert np.abs(errors_array.mean(axis=1)).max() < 1.0  # no shift is left
    assert np.abs(errors_array).max() < 12.0


def test_a_person_is_nearer_to_themselves_than_to_others() -> None:
    """On aligned pictures shrunk to 14 × 14, whatever the expression and the light."""

    def look(number: int, moment: int) -> np.ndarray:
        how = Expression.draw(Dice(50, number, moment))
        image = face(Identity.of(number), how, 112, seed=moment, framing="aligned").image
        small = image.reshape(14, 8, 14, 8, 3).mean(axis=(1, 3)).ravel()
        centred = small - small.mean()
        return np.asarray(centred / np.linalg.norm(centred))

    people = range(4_400, 4_440)
    first = np.stack([look(number, 0) for number in people])
    second = np.stack([look(number, 1) for number in people])
    likeness = first @ second.T
    same = np.diag(likeness)
    others = likeness[~np.eye(len(likeness), dtype=bool)]
    above = (same[:, None] > others[None, :]).mean()
    assert above > 0.85, above


def test_an_identity_is_for_ever() -> None:
    assert Identity.of(77) == Identity.of(77)
    assert Identity.of(77) != Identity.of(78)


@pytest.mark.parametrize("factor", ["eyes", "mouth", "turn", "smile"])
def test_a_factor_out_of_range_is_refused(factor: str) -> None:
    with pytest.raises(ValueError, match=f"{factor} must be within"):
        Expression(**{factor: 1.5})
