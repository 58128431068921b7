from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.stats.compare import difference, interleave, ratio


def test_two_targets_go_abba() -> None:
    flat = list(itertools.chain.from_iterable(interleave(["A", "B"], 4)))
    assert "".join(flat) == "ABBABAAB"


def test_every_pair_of_rounds_is_mirrored_and_starts_elsewhere() -> None:
    orders = interleave(["A", "B", "C"], 6)
    assert ["".join(order) for order in orders] == ["ABC", "CBA", "BCA", "ACB", "CAB", "BAC"]


def test_a_drift_of_the_machine_cancels() -> None:
    # B takes twice as long as A on a machine that gets slower with every block.
    targets, times = ["A", "B", "C"], {"A": 1.0, "B": 2.0, "C": 3.0}
    seen: dict[str, list[float]] = {target: [] for target in targets}
    speed = 1.0
    for order in interleave(targets, 6):
        for target in order:
            seen[target].append(times[target] * speed)
            speed *= 1.03
    assert ratio(seen["B"], seen["A"]).value == pytest.approx(2.0, rel=1e-9)
    assert ratio(seen["C"], seen["A"]).value == pytest.approx(3.0, rel=1e-9)


def test_pairing_removes_what_rounds_have_in_common() -> None:
    random = np.random.default_rng(1)
    weather = np.exp(random.normal(0, 0.5, 8))
    ours = list(1.3 * weather * np.exp(random.normal(0, 0.01, 8)))
    found = ratio(ours, list(weather))
    assert found.low is not None and found.high is not None
    assert found.low < 1.3 < found.high
    assert found.high / found.value - 1 < 0.03


def test_intervals_of_a_target_with_itself_hold_one() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        found = ratio(*(list(np.exp(random.normal(0, 0.1, 8))) for _ in range(2)))
        assert found.low is not None and found.high is not None
        held += found.low <= 1 <= found.high
    assert 0.92 <= held / 300 <= 0.98


def test_two_rounds_have_no_interval() -> None:
    found = ratio([2.0, 2.0], [1.0, 1.0])
    assert (found.value, found.low, found.high) == (2.0, None, None)


def test_a_difference_is_in_the_values_own_unit() -> None:
    weather = np.exp(np.random.default_rng(3).normal(0, 0.5, 8))
    found = difference(list(10 * weather + 2), list(10 * weather))
    assert found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high
    assert (found.value, found.high - found.low) == pytest.approx((2.0, 0.0))


@pytest.mark.parametrize(("values", "against"), [([], []), ([1.0], [1.0, 2.0]), ([1.0], [0.0])])
def test_refuses_what_does_not_pair(values: list[float], against: list[float]) -> None:
    with pytest.raises(ValueError, match="round"):
        ratio(values, against)
