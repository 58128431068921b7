"""The ruler agrees with the truth on people it has never seen."""

import numpy as np
import pytest

from model_repo.island.world.dice import Dice
from model_repo.island.world.measure import measure
from model_repo.island.world.people import Expression, Identity
from model_repo.island.world.portraits import face
from model_repo.island.world.splits import SPLITS


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def correlations(size: int) -> np.ndarray:
    true, measured = [], []
    test = SPLITS["test"]
    for i in range(300):
        how = Expression.draw(Dice(77, i))
        image = face(Identity.of(test.people.start + i), how, size, seed=test.seeds.start + i).image
        found = measure(image)
        true.append((how.eyes, how.mouth, how.turn))
        measured.append((found.eyes, found.mouth, found.turn))
    one, other = np.array(true).T, np.array(measured).T
    return np.array([[np.corrcoef(ranks(a), ranks(b))[0, 1] for b in other] for a in one])


@pytest.mark.parametrize("size", [64, 128])
def test_held_out_faces_are_ranked_as_they_are(size: int) -> None:
    matrix = correlations(size)
    assert np.diag(matrix).min() >= 0.95, matrix.round(3)
    across = matrix[~np.eye(3, dtype=bool)]
    assert np.abs(across).max() < 0.2, matrix.round(3)


def test_one_face_moved_step_by_step_is_measured_in_order() -> None:
    who = Identity.of(SPLITS["test"].people.start)
    steps = np.linspace(0, 1, 6)
    eyes = [measure(face(who, Expression(eyes=s)).image).eyes for s in steps]
    mouth = [measure(face(who, Expression(mouth=s)).image).mouth for s in steps]
    turn = [measure(face(who, Expression(turn=2 * s - 1)).image).turn for s in steps]
    for values in (eyes, mouth, turn):
        assert sorted(values) == values


def test_other_forms_are_refused() -> None:
    with pytest.raises(ValueError, match="image must be"):
        measure(np.zeros((64, 32, 3), np.uint8))
    with pytest.raises(ValueError, match="at least 48"):
        measure(np.zeros((32, 32, 3), np.uint8))


def test_a_picture_without_a_face_is_measured_without_complaint() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for image in (noise, np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)):
        found = measure(image)
        assert np.isfinite([found.eyes, found.mouth, found.turn]).all()
