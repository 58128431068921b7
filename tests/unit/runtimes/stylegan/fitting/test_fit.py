"""Directions are found where they are known to be, and what is said of them is true."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from serving.errors import FailedPrecondition
from serving.models.synthesis.conditional import without
from serving.models.synthesis.directions import Attributes
from serving.models.synthesis.options import Direction
from serving.runtimes.stylegan.fitting.fit import Fitted, Settings, entanglement, fit
from serving.runtimes.stylegan.fitting.samples import Samples

DIM = 64
NOISE = 0.5


def world(count: int = 6000, seed: int = 0) -> tuple[Samples, dict[str, Any]]:
    """Latents of Z, and scores with noise: smile and age are 60° apart, pose is far from both."""
    random = np.random.RandomState(seed)
    smile, other, pose = np.linalg.qr(random.randn(DIM, 3))[0].T
    truth = {"smile": smile, "age": smile / 2 + other * np.sqrt(3) / 2, "pose": -pose}
    latents = random.randn(count, DIM).astype(np.float32)
    scores = {
        name: latents @ direction + NOISE * random.randn(count) for name, direction in truth.items()
    }
    # Scores mean an order and no more: pose is in other units, bent, and cut off.
    scores["pose"] = 100 + 7 * np.tanh(scores["pose"])
    return Samples(latents, scores, "z"), truth


@pytest.fixture(scope="module")
def fitted() -> tuple[Fitted, Samples, dict[str, Any]]:
    samples, truth = world()
    return fit(samples, Settings()), samples, truth


def test_known_directions_are_found(fitted: Any) -> None:
    found, _, truth = fitted
    assert [each.name for each in found.fits] == ["smile", "age", "pose"]
    for each in found.fits:
        assert each.direction.dtype == np.float32
        assert np.linalg.norm(each.direction) == pytest.approx(1, abs=1e-6)
        assert each.direction @ truth[each.name] > 0.9
        assert each.std == pytest.approx(1, rel=0.05)
        assert each.accuracy > 0.95
        assert 0.75 < each.accuracy_all < each.accuracy
        # Of a score that is 4 parts signal and 1 part noise.
        assert each.rank_correlation == pytest.approx(np.sqrt(0.8), abs=0.06)
        assert each.trained == 2 * 1200
    assert (found.samples, found.held_out) == (6000, 1200)


def test_correlated_attributes_are_seen_to_be_entangled(fitted: Any) -> None:
    found, _, _ = fitted
    directions = np.stack([each.direction for each in found.fits])
    np.testing.assert_allclose(found.cosines, directions @ directions.T, atol=1e-6)
    assert found.cosines[0, 1] == pytest.approx(0.5, abs=0.1)
    # A step along `smile` is 1, which is half a step of age, of a score of deviation √1.25.
    assert found.entanglement[0, 1] == pytest.approx(0.5 / np.sqrt(1.25), abs=0.08)
    assert found.entanglement[1, 0] == pytest.approx(0.5 / np.sqrt(1.25), abs=0.08)
    np.testing.assert_allclose(np.diag(found.entanglement)[:2], 1 / np.sqrt(1.25), atol=0.06)
    assert np.abs(found.entanglement[2, :2]).max() < 0.1


def test_keeping_the_other_removes_it(fitted: Any) -> None:
    found, samples, truth = fitted
    directions = np.stack([each.direction for each in found.fits]).astype(np.float64)
    kept = directions.copy()
    kept[0] = without(directions[[0]], [directions[[1]]])
    along, scores = samples.along(directions), np.stack(list(samples.scores.values()), 1)
    moves = entanglement(kept, directions, along, scores)
    assert abs(moves[0, 1]) < 0.06
    assert moves[0, 0] == pytest.approx(np.sqrt(0.75) / np.sqrt(1.25), abs=0.06)
    # The same, by the world itself instead of what was found out about it.
    assert abs(kept[0] @ truth["age"]) < 0.15 < 0.3 < directions[0] @ truth["age"]


def test_what_only_occurs_together_is_no_effect() -> None:
    """As in W: two attributes whose directions have nothing to do with each other, and latents
    that have much of one when they have much of the other."""
    random = np.random.RandomState(1)
    latents = random.randn(8000, 16)
    latents[:, 1] = 0.8 * latents[:, 0] + 0.6 * latents[:, 1]
    scores = {"age": latents[:, 0], "glasses": latents[:, 1] + 0.1 * random.randn(8000)}
    found = fit(Samples(latents, scores, "w"), Settings())
    assert np.corrcoef(scores["age"], scores["glasses"])[0, 1] > 0.75
    assert np.abs(found.entanglement - np.diag(np.diag(found.entanglement))).max() < 0.12
    assert np.diag(found.entanglement).min() > 0.9


def test_the_same_again(fitted: Any) -> None:
    found, samples, _ = fitted
    again, other = fit(samples, Settings()), fit(samples, Settings(seed=1))
    for one, same, different in zip(found.fits, again.fits, other.fits, strict=True):
        assert np.array_equal(one.direction, same.direction)
        assert one.rank_correlation == same.rank_correlation
        assert not np.array_equal(one.direction, different.direction)
        assert one.direction @ different.direction > 0.9


def test_the_scale_of_latents_and_scores_is_nothing(fitted: Any) -> None:
    found, samples, _ = fitted
    large = Samples(
        samples.latents * np.float32(2**10) + np.float32(3),
        {name: 1e-6 * scores - 5 for name, scores in samples.scores.items()},
        "w",
    )
    for one, other in zip(found.fits, fit(large, Settings()).fits, strict=True):
        assert one.direction @ other.direction > 0.9999
        assert other.std == pytest.approx(one.std * 2**10, rel=1e-3)
        assert other.accuracy == pytest.approx(one.accuracy, abs=0.01)


def test_held_out_latents_are_not_learnt_from() -> None:
    """Noise can be learnt by heart, and not be foretold."""
    random = np.random.RandomState(2)
    samples = Samples(random.randn(600, 400), {"noise": random.randn(600)}, "z")
    found = fit(samples, Settings(holdout=0.5, top=0.5)).fits[0]
    assert abs(found.rank_correlation) < 0.2
    assert found.accuracy == pytest.approx(0.5, abs=0.15)


def test_progress() -> None:
    named: list[str] = []
    fit(world(400)[0], Settings(), named.append)
    assert named == ["smile", "age", "pose"]


@pytest.mark.parametrize(
    ("count", "change", "settings", "problem"),
    [
        (40, None, Settings(), "smile: 8 of the 32 latents to learn from lie at either end"),
        (60, None, Settings(), "smile: 3 of the 12 latents held out"),
        (2000, lambda scores: np.full_like(scores, 3.0), Settings(), "are the same, 3;"),
        (2000, lambda scores: (scores > 2.2).astype(float), Settings(), "smaller --top"),
    ],
)
def test_samples_that_do_not_do(
    count: int, change: Callable[[Any], Any] | None, settings: Settings, problem: str
) -> None:
    samples, _ = world(count)
    if change:
        samples = Samples(samples.latents, {"smile": change(samples.scores["smile"])}, "z")
    with pytest.raises(FailedPrecondition, match=problem) as raised:
        fit(samples, settings)
    assert raised.value.reason == "SAMPLES"


def test_latents_that_are_all_the_same() -> None:
    scores = {"smile": np.random.RandomState(0).randn(1000)}
    with pytest.raises(FailedPrecondition, match="all the same"):
        fit(Samples(np.ones((1000, 8)), scores, "w"), Settings())


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(FailedPrecondition, match=r"pip install 'seom-serving\[directions\]'"):
        fit(world(1000)[0], Settings())


def test_scores_of_yes_and_no() -> None:
    """A classifier's verdict: its ends are all there is of it."""
    samples, truth = world()
    yes = (samples.scores["smile"] > 1).astype(float)
    found = fit(Samples(samples.latents, {"smile": yes}, "z"), Settings(top=0.1)).fits[0]
    assert found.direction @ truth["smile"] > 0.85


def brightness(images: Any) -> Any:
    """Mean of the middle, a quarter of the picture, (n,)."""
    quarter = images.shape[-1] // 4
    return images[..., quarter:-quarter, quarter:-quarter].mean(axis=(1, 2, 3))


def test_full_circle(read: Any, tmp_path: Path) -> None:
    """Pictures are measured, a direction is fitted, and along it pictures change so."""
    generator = read("stylegan2")
    z = np.concatenate([generator.latent(seed) for seed in range(600)])
    w = generator.map(z)
    measured = np.concatenate(
        [brightness(generator.synthesize(w[start : start + 50])) for start in range(0, 600, 50)]
    )
    found = fit(Samples(w[:, 0], {"bright": measured}, "w"), Settings()).fits[0]
    assert found.rank_correlation > 0.75
    np.save(tmp_path / "bright.npy", found.direction[None])
    options = {"bright": Direction(file="bright.npy", space="w")}
    attributes = Attributes.load(options, tmp_path, generator)
    assert attributes["bright"].std == pytest.approx(found.std, rel=0.1)
    strengths = np.linspace(-2, 2, 9)
    offsets = [attributes.offset_w({"bright": strength}) for strength in strengths]
    moved = []
    for seed in range(1000, 1008):
        start = generator.map(generator.latent(seed))
        pictures = generator.synthesize(
            np.concatenate([start if each is None else start + each for each in offsets])
        )
        values = brightness(pictures)
        assert spearmanr(strengths, values)[0] >= 0.8
        moved.append(values[-1] - values[0])
    # Two steps up and two down make up most of what pictures differ by.
    assert np.mean(moved) > 2 * measured.std()
