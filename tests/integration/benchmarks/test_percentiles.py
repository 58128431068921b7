from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.stats.percentiles import floor, percentile, rank


@pytest.mark.parametrize(
    ("p", "n"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6636), (0.9999, 66381)]
)
def test_floors_are_those_published(p: float, n: int) -> None:
    assert floor(p) == n


@pytest.mark.parametrize(("over", "n"), [(0, 459), (1, 662), (2, 838), (5, 1307), (10, 2010)])
def test_floors_of_p99_by_how_many_may_be_over(over: int, n: int) -> None:
    assert floor(0.99, over) == n


def test_a_floor_is_the_smallest_sample_that_does() -> None:
    for p in (0.5, 0.9, 0.99):
        n = floor(p)
        assert binom.cdf(1, n, 1 - p) <= 0.01 < binom.cdf(1, n - 1, 1 - p)


def test_below_the_floor_there_is_no_number() -> None:
    few = percentile(np.arange(661), 0.99)
    assert (few.value, few.bound, few.n, few.floor) == (None, None, 661, 662)
    assert percentile(np.arange(662), 0.99).value == 655


def test_at_the_floor_the_bound_is_the_largest_sample() -> None:
    assert percentile(np.arange(662), 0.99).bound == 661
    # At 838 two may be over, so the bound is the second largest.
    assert percentile(np.arange(838), 0.99).bound == 836


def test_a_value_is_one_of_the_samples() -> None:
    samples = np.array([1, 1000] * 500)
    assert percentile(samples, 0.5).value in (1, 1000)


def test_ranks_do_not_suffer_from_floating_point() -> None:
    # 0.9 * 10 is not 9 in floating point with every route to it.
    assert [rank(10, p) for p in (0.1, 0.3, 0.7, 0.9)] == [0, 2, 6, 8]
    assert rank(1, 0.999) == 0


def test_the_bound_holds_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    truth = int(-np.log(0.1) * 1e6)  # p90 of an exponential of 1 ms
    draws = (random.exponential(1e6, 200).astype(np.int64) for _ in range(300))
    held = sum((percentile(draw, 0.9).bound or 0) >= truth for draw in draws)
    assert held >= 0.97 * 300


@pytest.mark.parametrize(("p", "over"), [(0, 1), (1, 1), (0.5, -1)])
def test_refuses_what_is_no_percentile(p: float, over: int) -> None:
    with pytest.raises(ValueError, match="0 < p < 1"):
        floor(p, over)
