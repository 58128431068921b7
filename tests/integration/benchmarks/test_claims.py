from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from benchmarks.load.record import Measured
from benchmarks.load.workload import Call, Closed, Open, Statistic, Workload
from benchmarks.stats.claims import Claim, judge
from benchmarks.stats.gates import Gates
from benchmarks.stats.summary import Cell, summarise
from tests.integration.benchmarks.blocks import block

Cells = dict[tuple[str, str], Cell]


def workload(load: Closed | Open, statistic: Statistic = "p50") -> Workload:
    return Workload("w", "w", Call("/a/b", (b"x",)), load, statistic)


def cells(load: Closed | Open = Closed(1), **targets: list[Measured]) -> Cells:  # noqa: B008
    gates = Gates()
    return {
        ("w", name): summarise(workload(load), name, blocks, gates, 1)
        for name, blocks in targets.items()
    }


@pytest.mark.parametrize(
    ("sense", "limit", "outcome", "sure"),
    [
        ("at most", 2.5, "PASS", True),
        ("at most", 1.5, "MISS", True),
        ("at least", 1.5, "PASS", True),
        ("at least", 2.5, "MISS", True),
        ("at most", 2.005, "PASS", False),
    ],
)
def test_a_claim_is_judged_by_its_ratio(
    sense: Literal["at most", "at least"], limit: float, outcome: str, sure: bool
) -> None:
    measured = cells(
        ours=[block([level] * 50) for level in (1.98, 2.0, 2.02, 2.0)],
        theirs=[block([1.0] * 50) for _ in range(4)],
    )
    (verdict,) = judge([Claim("w", "ours", "theirs", sense, limit)], measured)
    assert (verdict.outcome, verdict.sure) == (outcome, sure)
    assert verdict.comparison is not None
    assert verdict.comparison.value == pytest.approx(2.0, rel=1e-3)


def test_a_claim_may_be_of_a_difference_in_milliseconds() -> None:
    measured = cells(
        ours=[block([level] * 50) for level in (31.9, 32.0, 32.1)],
        theirs=[block([30.0] * 50) for _ in range(3)],
    )
    for limit, outcome in ((2.5, "PASS"), (1.5, "MISS")):
        claim = Claim("w", "ours", "theirs", "at most", limit, of="difference")
        (verdict,) = judge([claim], measured)
        assert verdict.outcome == outcome
        assert verdict.comparison is not None
        assert verdict.comparison.value == pytest.approx(2.0, rel=1e-3)


def test_a_claim_may_be_of_the_servers_own_stages() -> None:
    measured = cells(ours=[block([30.0] * 50)])
    cell = replace(measured["w", "ours"], stages={"device_ns": 20e6, "postprocess_ns": 1e6})
    claim = Claim("w", "ours", "ours", "at most", 0.06, of="postprocess:device")
    (verdict,) = judge([claim], {("w", "ours"): cell})
    assert (verdict.outcome, verdict.sure) == ("PASS", False)
    assert verdict.comparison is not None
    assert verdict.comparison.value == pytest.approx(0.05)
    (silent,) = judge([claim], measured)
    assert (silent.outcome, silent.comparison) == ("INVALID", None)


def test_without_a_limit_a_ratio_is_only_told() -> None:
    measured = cells(ours=[block([2.0] * 50)], theirs=[block([1.0] * 50)])
    (verdict,) = judge([Claim("w", "ours", "theirs")], measured)
    assert verdict.outcome == "INFO"


def test_a_claim_about_what_was_not_measured_is_left_out() -> None:
    assert judge([Claim("w", "ours", "theirs")], cells(ours=[block([2.0] * 50)])) == []


def test_a_ratio_with_an_invalid_cell_proves_nothing() -> None:
    measured = cells(
        ours=[block([1.0] * 50, failed=1)] * 3, theirs=[block([1.0] * 50) for _ in range(3)]
    )
    (verdict,) = judge([Claim("w", "ours", "theirs", "at most", 2.0)], measured)
    assert verdict.outcome == "INVALID"
    assert verdict.reasons == ("ours: 3 of 150 requests failed",)


def test_a_round_without_an_answer_proves_nothing() -> None:
    measured = cells(ours=[block([1.0] * 5, failed=5)], theirs=[block([1.0] * 5)])
    (verdict,) = judge([Claim("w", "ours", "theirs", "at most", 2.0)], measured)
    assert (verdict.outcome, verdict.comparison) == ("INVALID", None)


def test_a_late_generator_makes_an_open_loop_invalid() -> None:
    late = [block([5.0] * 100, late_ms=1.5)]
    assert cells(Open(100), t=late)["w", "t"].invalid == ("the generator was 1.50 ms late at p99",)
    assert cells(Closed(1), t=late)["w", "t"].invalid == ()


def test_a_rate_not_kept_up_with_is_invalid() -> None:
    growing = [block([index * 2.0 for index in range(100)])]
    (reason,) = cells(Open(100), t=growing)["w", "t"].invalid
    assert "of the offered rate" in reason
    # A delay that only shifts every answer is no backlog.
    steady = [block([300.0] * 100)]
    assert cells(Open(100), t=steady)["w", "t"].invalid == ()


def test_a_block_without_requests_is_invalid() -> None:
    assert Gates().failures(Closed(1), [block([])]) == ["no request was sent"]


def test_failing_fast_is_not_fast() -> None:
    cell = cells(t=[block([1.0] * 100, failed=60)])["w", "t"]
    assert cell.failed == 60
    assert cell.response.at(0.5).value == pytest.approx(1e6)
    assert cell.response.at(0.5).n == 40
    assert cell.censored.at(0.5).value == pytest.approx(10e9)


def test_throughput_counts_answers_within_the_window() -> None:
    one = block([5.0] * 100, every_ms=10.0)  # 1 s; all answers inside
    assert one.throughput == pytest.approx(100.0)
    late = block([15.0] * 100, every_ms=10.0)  # the last answer is after the end
    assert late.throughput == pytest.approx(99.0)
