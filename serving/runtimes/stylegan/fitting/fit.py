"""Directions out of scored latents by linear SVMs, and what each of them moves besides.

As InterFaceGAN does it (Shen et al. 2020, arXiv 1907.10786, sections 3.2 and 4.1): the
latents of the highest and of the lowest scores are two classes, and the normal of the plane
that parts them best is the direction along which the attribute changes. Some latents are
held out first, and all that is said about a direction is said of those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.fitting.samples import Samples, Scores

Matrix = NDArray[np.float64]

# At either end, to learn from and to judge by.
_LEAST_TRAINED, _LEAST_HELD = 10, 5
# Of all latents on the wrong side together, for latents whose mean square is 1. Which is best
# hangs on their number, on the noise of scores and on the space: in W, where latents spread
# much farther one way than another, more than in Z.
_COSTS = (1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """holdout: the share of latents that no SVM sees
    top: the share of the others, at either end of the scores, that an SVM learns from
    seed: of the choice of those held out
    """

    holdout: float = 0.2
    top: float = 0.25
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One attribute's direction, and how good it is on latents held out.

    direction: (dim,) FP32, of length 1, towards higher scores
    std: of all latents along it
    trained: latents that the SVM learnt from, half of them at either end
    accuracy: the share of held-out latents at the ends of the scores that lie on the right
        side of the plane
    accuracy_all: the same of all held-out latents, by whether their score is above the middle
        between the two ends
    rank_correlation: Spearman's, of scores with how far latents lie along the direction
    """

    name: str
    direction: NDArray[np.float32]
    std: float
    trained: int
    accuracy: float
    accuracy_all: float
    rank_correlation: float


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """The directions of several attributes, and how they get into each other's way.

    cosines: (k, k), between directions
    entanglement: (k, k); see `entanglement`
    """

    fits: tuple[Fit, ...]
    cosines: Matrix
    entanglement: Matrix
    samples: int
    held_out: int


def fit(
    samples: Samples, settings: Settings, progress: Callable[[str], object] = lambda name: None
) -> Fitted:
    """A direction for each score, the same ones for the same arguments.

    progress: called with an attribute's name before it is fitted

    Raises FailedPrecondition for too few latents, for scores that are the same at both ends,
    and without scikit-learn.
    """
    count = len(samples.latents)
    order = np.random.RandomState(settings.seed).permutation(count)
    split = round(count * settings.holdout)
    held, trained = np.sort(order[:split]), np.sort(order[split:])
    fits = []
    for name, scores in samples.scores.items():
        progress(name)
        fits.append(_fit(name, samples, scores, held, trained, settings))
    directions = np.stack([each.direction for each in fits]).astype(np.float64)
    return Fitted(
        fits=tuple(fits),
        cosines=directions @ directions.T,
        entanglement=entanglement(
            directions,
            directions,
            samples.along(directions)[held],
            np.stack([scores[held] for scores in samples.scores.values()], axis=1),
        ),
        samples=count,
        held_out=len(held),
    )


def entanglement(moved: Matrix, directions: Matrix, along: Matrix, scores: Matrix) -> Matrix:
    """(k, k): how much a step along each row of `moved` changes what is expected of each score.

    A step is a standard deviation of the latents along the attribute's own direction (the
    strength 1), and a change is told in standard deviations of the score: 0.5 in row A and
    column B says that a picture with 1 more of A is expected to have half a deviation more
    of B. On the diagonal is what a step does to the attribute itself.

    What is expected is the least-squares fit of a score to all k projections at once on
    held-out latents, b₀ + Σⱼ bⱼ pⱼ: a step s along m changes it by s Σⱼ bⱼ cos(m, j). Unlike
    a correlation, that does not take for an effect of A what only occurs with A, as pose and
    age may in W, whose directions are not independent of each other.

    moved, directions: (k, dim), of length 1: what steps are along, the same as `directions`
        or those with others kept, and what scores are explained by
    along: (n, k), projections of latents on `directions`
    scores: (n, k)
    """
    centred = along - along.mean(axis=0)
    slopes = np.linalg.lstsq(centred, scores - scores.mean(axis=0), rcond=None)[0]
    steps = along.std(axis=0)[:, None] * (moved @ directions.T)
    return steps @ slopes / scores.std(axis=0)


def _fit(
    name: str,
    samples: Samples,
    scores: Scores,
    held: NDArray[Any],
    trained: NDArray[Any],
    settings: Settings,
) -> Fit:
    low, high = _ends(name, scores, trained, settings.top, _LEAST_TRAINED, "to learn from")
    middle = (scores[low].max() + scores[high].min()) / 2
    held_low, held_high = _ends(name, scores, held, settings.top, _LEAST_HELD, "held out")
    cost = _best_cost(samples, scores, low, high)
    normal, offset = _plane(samples.latents[low], samples.latents[high], cost)
    along = samples.along(normal[None])[:, 0]
    right = np.concatenate((along[held_low] <= offset, along[held_high] > offset))
    return Fit(
        name=name,
        direction=normal.astype(np.float32),
        std=float(along.std()),
        trained=len(low) + len(high),
        accuracy=float(right.mean()),
        accuracy_all=float(((along[held] > offset) == (scores[held] > middle)).mean()),
        rank_correlation=_rank_correlation(along[held], scores[held]),
    )


def _ends(
    name: str, scores: Scores, among: NDArray[Any], top: float, least: int, what: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which of the latents numbered `among` have the lowest and which the highest scores."""
    count = int(len(among) * top)
    if count < least:
        raise _few(
            f"{name}: {count} of the {len(among):,} latents {what} lie at either end of the "
            f"scores, and {least} must; give more latents, or a larger --top or --holdout"
        )
    ordered = among[np.argsort(scores[among], kind="stable")]
    low, high = ordered[:count], ordered[-count:]
    if scores[low[-1]] >= scores[high[0]]:
        raise _few(
            f"{name}: scores at the low and at the high end are the same, {scores[high[0]]:g}; "
            "give scores that vary, or a smaller --top if it is but a few that do"
        )
    return low, high


def _best_cost(samples: Samples, scores: Scores, low: NDArray[Any], high: NDArray[Any]) -> float:
    """By every fourth of the latents to learn from, which the others foretell."""
    tried, learnt = [], []
    for end in (low, high):
        fourth = np.arange(len(end)) % 4 == 0
        tried.append(end[fourth])
        learnt.append(samples.latents[end[~fourth]])
    numbers = np.concatenate(tried)
    latents = samples.latents[numbers].astype(np.float64)

    def foretold(cost: float) -> float:
        normal, _ = _plane(learnt[0], learnt[1], cost)
        return _rank_correlation(latents @ normal, scores[numbers])

    return max(_COSTS, key=foretold)


def _plane(low: NDArray[Any], high: NDArray[Any], cost: float) -> tuple[Matrix, float]:
    """The normal (dim,), of length 1 and towards `high`, and where along it the plane lies."""
    try:
        from sklearn.svm import LinearSVC
    except ImportError:
        raise FailedPrecondition(
            "scikit-learn is missing; pip install 'seom-serving[directions]'", reason="MISSING"
        ) from None
    latents = np.concatenate((low, high)).astype(np.float64)
    mean = latents.mean(axis=0)
    # One scale for all: a direction in a space stretched to equal deviations is another one.
    scale = float(np.sqrt(np.square(latents - mean).mean())) or 1.0
    labels = np.repeat([0, 1], (len(low), len(high)))
    machine = LinearSVC(C=cost / len(latents), dual=False, random_state=0, max_iter=10_000)
    machine.fit((latents - mean) / scale, labels)
    normal: Matrix = machine.coef_[0]
    length = float(np.linalg.norm(normal))
    if not length:
        raise _few("the latents are all the same; give such as pictures were made of")
    normal = normal / length
    return normal, float(normal @ mean) - scale * float(machine.intercept_[0]) / length


def _rank_correlation(one: Matrix, other: Matrix) -> float:
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _few(problem: str) -> FailedPrecondition:
    return FailedPrecondition(problem, reason="SAMPLES")
