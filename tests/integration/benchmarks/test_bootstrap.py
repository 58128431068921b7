from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from benchmarks.stats import bootstrap


def autoregressive(random: np.random.Generator, n: int, rho: float) -> NDArray[np.float64]:
    """n values of variance 1, each tied to the one before by `rho`."""
    noise = random.standard_normal(n + 200) * np.sqrt(1 - rho**2)
    series: NDArray[np.float64] = lfilter([1.0], [1.0, -rho], noise)[200:]
    return series


def coverage(rho: float, n: int, trials: int, length: float | None = None) -> float:
    random = np.random.default_rng(1)
    held = 0
    for trial in range(trials):
        series = autoregressive(random, n, rho)
        if length is None:
            (interval,) = bootstrap.quantiles(series, [0.5], seed=trial)
        else:
            interval = _plain(series, trial)
        held += interval.low <= 0.0 <= interval.high
    return held / trials


def _plain(series: NDArray[np.float64], seed: int) -> bootstrap.Interval:
    random = np.random.default_rng(seed)
    medians = [np.median(random.choice(series, len(series))) for _ in range(200)]
    low, high = np.quantile(medians, [0.025, 0.975])
    return bootstrap.Interval(float(low), float(high))


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_hold_the_truth_about_as_often_as_they_say(rho: float) -> None:
    # 95 % asked for; a bootstrap of finite series is known to stay a little under.
    assert 0.88 <= coverage(rho, n=800, trials=120) <= 0.995


def test_drawing_one_by_one_would_not_do() -> None:
    assert coverage(0.6, n=800, trials=60, length=1.0) < 0.85


def test_block_lengths_follow_the_correlation() -> None:
    random = np.random.default_rng(2)
    free = bootstrap.block_length(autoregressive(random, 4000, 0.0))
    tied = bootstrap.block_length(autoregressive(random, 4000, 0.9))
    assert free < 5 < 20 < tied


def test_equal_samples_have_a_point_for_an_interval() -> None:
    (interval,) = bootstrap.quantiles(np.full(50, 7), [0.5], seed=1)
    assert (interval.low, interval.high) == (7, 7)


def test_a_seed_is_an_interval() -> None:
    series = np.random.default_rng(3).standard_normal(300)
    first, again = (bootstrap.quantiles(series, [0.5, 0.9], seed=4) for _ in range(2))
    assert first == again
