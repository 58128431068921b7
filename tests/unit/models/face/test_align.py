"""Alignment: the similarity against Umeyama's SVD, the warp against loops in float64."""

from __future__ import annotations

import numpy as np
import pytest

from serving.models.face.align import TEMPLATE, Source, align, reduced, similarities


def umeyama(points, targets):
    """Equations 34 to 42 of Umeyama (1991): scale · R and t."""
    mean_p, mean_t = points.mean(axis=0), targets.mean(axis=0)
    covariance = (targets - mean_t).T @ (points - mean_p) / len(points)
    u, d, v = np.linalg.svd(covariance)
    s = np.diag([1, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    scale = np.trace(np.diag(d) @ s) / ((points - mean_p) ** 2).sum(axis=1).mean()
    turn = scale * u @ s @ v
    return turn, mean_t - turn @ mean_p


def moved(points, turn, shift):
    """turn · p + shift, with complex numbers."""
    result = turn * (points @ np.array([1, 1j])) + shift
    return np.stack([result.real, result.imag], axis=-1)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_similarity_of_umeyama(seed):
    random = np.random.default_rng(seed)
    points = TEMPLATE * random.uniform(0.1, 10) + random.normal(0, 12, (5, 2))
    (turn,), (shift,) = similarities(points[None], TEMPLATE)
    expected_turn, expected_shift = umeyama(points, TEMPLATE)
    assert np.allclose([[turn.real, -turn.imag], [turn.imag, turn.real]], expected_turn)
    assert np.allclose([shift.real, shift.imag], expected_shift)


def test_a_known_similarity_is_recovered():
    turns = np.array([0.3 * np.exp(0.4j), 7 * np.exp(-3j), 1 + 0j])
    shifts = np.array([5 - 9j, -400 + 20j, 0j])
    places = np.stack([moved(TEMPLATE, 1 / a, -b / a) for a, b in zip(turns, shifts, strict=True)])
    found_turns, found_shifts = similarities(places, TEMPLATE)
    assert np.allclose(found_turns, turns)
    assert np.allclose(found_shifts, shifts)


def test_a_mirrored_face_is_not_mirrored_back():
    mirrored = TEMPLATE * [-1, 1]
    (turn,), (shift,) = similarities(mirrored[None], TEMPLATE)
    fitted = moved(mirrored, turn, shift)
    assert fitted[0, 0] > fitted[1, 0], "the right eye would have to be a left eye"


def warp_one_by_one(pixels, turn, shift, side, spacing):
    """Bilinear in float64, black outside, for faces the picture has no more than twice as large."""
    assert spacing < 2
    height, width, _ = pixels.shape

    def value(x, y):
        return pixels[y, x].astype(float) if 0 <= x < width and 0 <= y < height else np.zeros(3)

    crop = np.zeros((side, side, 3))
    for row in range(side):
        for column in range(side):
            place = (column + 1j * row - shift) / turn
            x, y = int(np.floor(place.real)), int(np.floor(place.imag))
            a, b = place.real - x, place.imag - y
            crop[row, column] = (
                value(x, y) * (1 - a) * (1 - b)
                + value(x + 1, y) * a * (1 - b)
                + value(x, y + 1) * (1 - a) * b
                + value(x + 1, y + 1) * a * b
            )
    return crop


@pytest.mark.parametrize(
    ("scale", "degrees", "shift"),
    [(1.0, 0, (0, 0)), (0.7, 25, (60, 10)), (1.9, -160, (90, 110)), (0.2, 80, (-5, 140))],
)
def test_the_crop_is_bilinear_and_black_outside(scale, degrees, shift):
    pixels = np.random.default_rng(0).integers(0, 256, (130, 150, 3), dtype=np.uint8)
    side = 40
    template = TEMPLATE * (side / 112)
    places = moved(template, scale * np.exp(1j * np.radians(degrees)), complex(*shift))
    (turn,), (offset,) = similarities(places[None], template)
    expected = warp_one_by_one(pixels, turn, offset, side, 1 / abs(turn))
    aligned = align([Source(pixels, places)], side)
    assert aligned.crops.dtype == np.float32
    assert np.abs(aligned.crops[0].transpose(1, 2, 0) - expected).max() < 0.01
    assert (expected[aligned.inside[0]].sum(axis=1) > 0).all()
    grey = align([Source(pixels, places)], side, grey=True)
    assert np.abs(grey.crops[0, 0] - expected @ [0.299, 0.587, 0.114]).max() < 0.01
    assert np.array_equal(grey.inside, aligned.inside)


def test_several_faces_of_several_pictures_at_once():
    random = np.random.default_rng(1)
    sources = [
        Source(
            random.integers(0, 256, (90 + 40 * i, 200, 3), dtype=np.uint8),
            (TEMPLATE * random.uniform(0.2, 1.5) + random.uniform(0, 60, 2)).astype(np.float32),
        )
        for i in range(4)
    ]
    together = align(sources)
    assert together.crops.shape == (4, 3, 112, 112)
    for index, source in enumerate(sources):
        alone = align([source])
        assert np.array_equal(together.crops[index], alone.crops[0])
        assert np.array_equal(together.inside[index], alone.inside[0])
    assert align([]).crops.shape == (0, 3, 112, 112)


@pytest.mark.parametrize("scale", [2.0, 3.3, 9.0])
def test_large_faces_are_averaged_not_sampled(scale):
    """A fine chequer is grey from afar; single pixels of it would be black or white."""
    side = int(140 * scale)
    y, x = np.mgrid[0:side, 0:side]
    pixels = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    aligned = align([Source(pixels, TEMPLATE * scale)])
    assert aligned.inside.all()
    assert np.abs(aligned.crops - 127.5).max() < (2 if int(scale) % 2 == 0 else 128 / scale)


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("scale", [2.0, 3.0, 5.0, 7.5])
def test_large_faces_stay_where_they_are(scale, across):
    """A ramp's value tells the place; against a falling one, rounding cancels out."""
    side = int(130 * scale)
    ramp = np.round(np.arange(side) * (255 / side)).astype(np.uint8)
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[..., 0] = ramp if across else ramp[:, None]
    pixels[..., 2] = 255 - pixels[..., 0]
    (crop,) = align([Source(pixels, TEMPLATE * scale + 8)]).crops
    expected = (np.arange(112) * scale + 8) * (255 / side)
    errors = (crop[0] + 255 - crop[2]) / 2 - (expected if across else expected[:, None])
    assert np.abs(errors).max() < 0.8
    assert abs(errors.mean()) < 0.1


def test_landmarks_follow_a_reduced_picture():
    side = 480
    ramp = np.arange(side) / 2
    pixels = np.repeat(np.repeat(ramp[None, :, None], side, 0), 3, 2).astype(np.uint8)
    halved = pixels.reshape(240, 2, 240, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    (one,) = align([Source(pixels, TEMPLATE * 2 + 40)]).crops
    (other,) = align([Source(halved, reduced(TEMPLATE * 2 + 40, (0.5, 0.5)))]).crops
    assert np.abs(one - other).max() <= 1


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((5, 2)),
        np.full((5, 2), 9e5),
        TEMPLATE * 9e3,
        TEMPLATE * 1e-6,
        TEMPLATE + 9e5,
        TEMPLATE - 9e5,
        TEMPLATE * [1, 0],
    ],
)
def test_impossible_landmarks_are_survived(landmarks):
    pixels = np.full((50, 60, 3), 200, np.uint8)
    aligned = align([Source(pixels, landmarks.astype(np.float32))])
    assert np.isfinite(aligned.crops).all()
    assert aligned.crops.max() <= 200


def test_a_picture_of_one_pixel_is_survived():
    aligned = align([Source(np.full((1, 1, 3), 9, np.uint8), TEMPLATE * 0.01)])
    assert aligned.crops.max() <= 9
