from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.stats.compare import interleave, paired


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
    assert paired(seen["B"], seen["A"]).value == pytest.approx(2.0, rel=1e-9)
    assert paired(seen["C"], seen["A"]).value == pytest.approx(3.0, rel=1e-9)


def test_pairing_removes_what_rounds_have_in_common() -> None:
    random = np.random.default_rng(1)
    weather = np.exp(random.normal(0, 0.5, 8))
    ours = list(1.3 * weather * np.exp(random.normal(0, 0.01, 8)))
    ratio = paired(ours, list(weather))
    assert ratio.low is not None and ratio.high is not None and ratio.detectable is not None
    assert ratio.low < 1.3 < ratio.high
    assert ratio.detectable < 0.03


def test_intervals_of_a_target_with_itself_hold_one() -> None:
    random = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        ratio = paired(*(list(np.exp(random.normal(0, 0.1, 8))) for _ in range(2)))
        assert ratio.low is not None and ratio.high is not None
        held += ratio.low <= 1 <= ratio.high
    assert 0.92 <= held / 300 <= 0.98


def test_two_rounds_have_no_interval() -> None:
    ratio = paired([2.0, 2.0], [1.0, 1.0])
    assert (ratio.value, ratio.low, ratio.high, ratio.detectable) == (2.0, None, None, None)


@pytest.mark.parametrize(("values", "against"), [([], []), ([1.0], [1.0, 2.0]), ([1.0], [0.0])])
def test_refuses_what_does_not_pair(values: list[float], against: list[float]) -> None:
    with pytest.raises(ValueError, match="round"):
        paired(values, against)
