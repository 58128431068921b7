from __future__ import annotations

import numpy as np
import pytest

from benchmarks.load.workload import Window
from benchmarks.scenarios import synthesis
from benchmarks.scenarios.scenario import Loop, TargetError


def test_the_papers_generator_has_seventy_four_billion_multiply_adds() -> None:
    assert synthesis.multiply_adds(1024) / 1e9 == pytest.approx(74.26, abs=0.01)


def test_what_is_claimed_hangs_on_the_device() -> None:
    claims = {
        gpu: [
            (claim.workload, claim.target, claim.against, claim.limit)
            for claim in synthesis.build(
                synthesis.PATHS, resolution=64, batches=[1, 4], gpu=gpu, threads=1
            ).claims
        ]
        for gpu in (False, True)
    }
    assert claims[False][:2] == [("b1", "fast", "plain", 0.77), ("b1", "compiled", "plain", None)]
    assert claims[True][2] == ("b4", "fast", "plain", 0.5)


@pytest.mark.parametrize(
    ("paths", "resolution", "problem"),
    [(["slow"], 64, "no target 'slow'"), (["fast"], 100, "no resolution 100; there are 64, 256")],
)
def test_what_there_is_not(paths: list[str], resolution: int, problem: str) -> None:
    with pytest.raises(TargetError, match=problem):
        synthesis.build(paths, resolution=resolution, batches=[1], gpu=False, threads=1)


def test_targets_must_draw_the_same() -> None:
    workload = synthesis.build(
        ["fast"], resolution=64, batches=[1], gpu=False, threads=1
    ).workloads[0]
    pixels = np.random.RandomState(1).randint(0, 250, 3000).astype(np.uint8)
    check = synthesis.SamePictures(0.05)
    check(workload, [pixels.tobytes()])
    check(workload, [pixels.tobytes()])
    with pytest.raises(TargetError, match=r"differ by 1\.00 shades"):
        check(workload, [(pixels + 1).tobytes()])
    with pytest.raises(TargetError, match="different sizes"):
        check(workload, [pixels[:-3].tobytes()])
    with pytest.raises(TargetError, match="of one shade"):
        check(workload, [bytes(3000)])


def test_both_ways_of_drawing_are_measured() -> None:
    built = synthesis.build(["fast", "plain"], resolution=64, batches=[2], gpu=False, threads=1)
    (workload,) = built.workloads
    for target in built.targets:
        assert isinstance(target, Loop) and target.probe
        with target.measurer as measure:
            answers = target.probe(workload.call)
            assert len(answers[0]) == 2 * 64 * 64 * 3
            built.check(workload, answers)
            measured = measure(workload, Window(0.0, 0.2), 1)
            assert len(measured.records) >= 1
