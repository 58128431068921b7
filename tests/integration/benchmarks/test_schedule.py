from __future__ import annotations

import numpy as np
import pytest

from benchmarks.load.schedule import SECOND, make


def test_a_seed_is_a_schedule() -> None:
    one, same, other = (make("poisson", 500, 2, seed) for seed in (7, 7, 8))
    assert one.digest() == same.digest() != other.digest()
    assert np.array_equal(one.offsets, same.offsets)


def test_a_schedule_stays_what_it_was_in_earlier_releases() -> None:
    # If this fails, published seeds no longer mean what they did.
    assert make("poisson", 100, 1, 1).digest() == "1f71b21102306ecb"


def test_poisson_gaps_have_the_rate_and_the_spread_of_an_exponential() -> None:
    gaps = np.diff(make("poisson", 1000, 20, 3).offsets) / SECOND
    assert gaps.mean() == pytest.approx(1e-3, rel=0.03)
    assert gaps.std() == pytest.approx(1e-3, rel=0.05)


def test_constant_arrivals_do_not_drift() -> None:
    offsets = make("constant", 3, 1000, 0).offsets
    assert len(offsets) == 3000
    assert offsets[-1] == pytest.approx(2999 / 3 * SECOND, abs=1)


def test_offsets_ascend_within_the_time() -> None:
    offsets = make("poisson", 50, 5, 11).offsets
    assert (np.diff(offsets) >= 0).all()
    assert offsets[0] >= 0 and offsets[-1] < 5 * SECOND


def test_shares_of_a_schedule_are_the_whole() -> None:
    whole = make("poisson", 100, 1, 5)
    parts = [whole.share(index, 3).offsets for index in range(3)]
    assert np.array_equal(np.sort(np.concatenate(parts)), whole.offsets)


@pytest.mark.parametrize(("rate", "duration"), [(0, 1), (-1, 1), (1, 0), (float("nan"), 1)])
def test_refuses_what_is_no_rate_or_time(rate: float, duration: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        make("constant", rate, duration, 0)
