"""An engine is judged by its steps."""

from __future__ import annotations

from serving.runtimes.vllm.progress import Progress
from serving.runtimes.vllm.types import Load


class Bench:
    """A progress whose clock and work the test turns by hand."""

    def __init__(self) -> None:
        self.now, self.unfinished = 100.0, 0
        self.progress = Progress(lambda: self.unfinished, lambda: self.now)

    def begin(self) -> None:
        self.progress.work_begins()
        self.unfinished += 1


def test_idleness_is_no_stall() -> None:
    bench = Bench()
    bench.now += 1000
    assert bench.progress.stalled_for == 0
    assert bench.progress.silent_for == 1000
    bench.begin()
    assert bench.progress.stalled_for == 0
    bench.now += 3
    assert bench.progress.stalled_for == 3


def test_every_step_starts_the_count_anew() -> None:
    bench = Bench()
    bench.begin()
    for _ in range(100):
        bench.now += 5
        bench.progress.step(running=1, waiting=500, kv=1.0)
        bench.now += 1
        assert bench.progress.stalled_for == 1
    assert bench.progress.steps == 100
    assert bench.progress.load == Load(1, 500, 1.0)


def test_more_work_does_not_hide_a_stall() -> None:
    bench = Bench()
    bench.begin()
    bench.now += 9
    bench.begin()
    bench.now += 2
    assert bench.progress.stalled_for == 11
