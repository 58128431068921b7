"""Sharpness and angles: what they are by definition, and which way they point."""

from __future__ import annotations

import numpy as np
import pytest

from serving.models.face.align import TEMPLATE, Aligned
from serving.models.face.quality import angles, sharpness


def laplacian_variance(crop, inside):
    grey = crop.astype(float) @ [0.299, 0.587, 0.114]
    values = []
    for y in range(1, len(grey) - 1):
        for x in range(1, len(grey) - 1):
            places = [(y, x), (y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            if all(inside[place] for place in places):
                values.append(sum(grey[place] for place in places[1:]) - 4 * grey[y, x])
    return np.var(values)


def test_sharpness_is_the_variance_of_the_laplacian_within_the_picture():
    random = np.random.default_rng(0)
    crops = random.uniform(150, 180, (2, 3, 20, 20)).astype(np.float32)
    inside = np.ones((2, 20, 20), bool)
    inside[1, :, 12:] = False
    crops[1, :, :, 12:] = 0
    found = sharpness(Aligned(crops, inside))
    assert found.dtype == np.float32
    for index in range(2):
        assert np.isclose(
            found[index],
            laplacian_variance(crops[index].transpose(1, 2, 0), inside[index]),
            rtol=1e-4,
        )
    everywhere = sharpness(Aligned(crops, np.ones_like(inside)))
    assert everywhere[1] > found[1] * 2, "the picture's end would count as an edge"


def test_grey_crops_measure_the_same():
    crops = np.random.default_rng(0).uniform(0, 255, (3, 3, 20, 20)).astype(np.float32)
    inside = np.ones((3, 20, 20), bool)
    grey = np.tensordot(crops, np.float32([0.299, 0.587, 0.114]), (1, 0))[:, None]
    assert np.allclose(
        sharpness(Aligned(grey, inside)), sharpness(Aligned(crops, inside)), rtol=1e-4
    )


def test_a_blurred_face_is_less_sharp():
    crop = np.random.default_rng(0).uniform(0, 255, (1, 3, 40, 40)).astype(np.float32)
    blurred = (crop + np.roll(crop, 1, 2) + np.roll(crop, 1, 3)) / 3
    inside = np.ones((1, 40, 40), bool)
    one, other = sharpness(Aligned(crop, inside)), sharpness(Aligned(blurred, inside))
    assert other[0] < one[0] / 4


def test_a_face_that_is_nowhere_has_no_sharpness():
    nothing = Aligned(np.zeros((1, 1, 9, 9), np.float32), np.zeros((1, 9, 9), bool))
    assert sharpness(nothing).tolist() == [0]
    assert (
        sharpness(Aligned(np.zeros((0, 3, 9, 9), np.float32), np.zeros((0, 9, 9), bool))).size == 0
    )


# A head in units of the eyes' distance: x to the picture's right, y down, z to the viewer.
HEAD = np.array(
    [
        [-0.5, 0, 0],
        [0.5, 0, 0],
        [0, 0.56 * 1.156, 0.5],
        [-0.4, 1.156, 0],
        [0.4, 1.156, 0],
    ]
)


def turned(yaw, pitch, roll, scale=40, place=(300, 200)):
    """The head's landmarks, seen from afar, after turning it; angles in degrees.

    Yaw moves what is in front to the picture's right, which is the person's left; pitch
    moves it up; roll turns the picture clockwise.
    """
    yaw, pitch, roll = np.radians([yaw, pitch, roll])
    x, y, z = HEAD.T
    x, z = x * np.cos(yaw) + z * np.sin(yaw), z * np.cos(yaw) - x * np.sin(yaw)
    y, z = y * np.cos(pitch) - z * np.sin(pitch), z * np.cos(pitch) + y * np.sin(pitch)
    x, y = x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)
    return (np.stack([x, y], axis=1) * scale + place)[None]


@pytest.mark.parametrize("roll", [-170, -90, -30, 0, 15, 90, 179])
@pytest.mark.parametrize("turn", [-60, -20, 0, 35, 60])
def test_one_turn_and_a_roll_are_recovered(turn, roll):
    assert np.allclose(angles(turned(turn, 0, roll)), [[turn, 0, roll]], atol=0.01)
    assert np.allclose(angles(turned(0, turn, roll)), [[0, turn, roll]], atol=0.01)


@pytest.mark.parametrize(("yaw", "pitch"), [(20, 20), (-20, 20), (30, -15), (-30, -15)])
def test_two_turns_together_are_near_enough(yaw, pitch):
    ((found_yaw, found_pitch, found_roll),) = angles(turned(yaw, pitch, 0))
    assert abs(found_yaw - yaw) < 10
    assert abs(found_pitch - pitch) < 10
    assert abs(found_roll) < 10


def test_mirroring_flips_yaw_and_roll_and_leaves_pitch():
    landmarks = turned(25, 10, 12)
    mirrored = (landmarks * [-1, 1])[:, [1, 0, 2, 4, 3]]
    ((yaw, pitch, roll),) = angles(landmarks)
    assert np.allclose(angles(mirrored), [[-yaw, pitch, -roll]], atol=1e-4)
    assert yaw > 15
    assert roll > 7


def test_signs_in_the_picture():
    """x grows to the right, y downwards; the person's left is on the picture's right."""
    face = TEMPLATE[None]
    nose_right, nose_up, tilted = face.copy(), face.copy(), face.copy()
    nose_right[0, 2, 0] += 8
    nose_up[0, 2, 1] -= 8
    tilted[0, [1, 4], 1] += 10  # the person's left eye and corner of the mouth are lower
    tilted[0, [0, 1], 0] += 8
    straight = angles(face)[0]
    assert angles(nose_right)[0, 0] > straight[0] + 10
    assert angles(nose_up)[0, 1] > straight[1] + 10
    assert angles(tilted)[0, 2] > straight[2] + 10


@pytest.mark.parametrize("landmarks", [np.zeros((1, 5, 2)), TEMPLATE[None] * 1e5, -TEMPLATE[None]])
def test_any_landmarks_give_angles(landmarks):
    found = angles(landmarks.astype(np.float32))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (np.abs(found) <= 180).all()
    assert angles(np.empty((0, 5, 2), np.float32)).shape == (0, 3)
