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

    def pass_(self, seconds: float) -> float:
        """Lets time pass, looked at every second; returns the stall."""
        for _ in range(round(seconds)):
            self.now += 1
            self.progress.look()
        return self.progress.look()


def test_idleness_is_no_stall() -> None:
    bench = Bench()
    assert bench.pass_(1000) == 0
    assert bench.progress.silent_for == 1000
    bench.begin()
    assert bench.progress.look() == 0
    assert bench.pass_(3) == 3


def test_every_step_starts_the_count_anew() -> None:
    bench = Bench()
    bench.begin()
    for _ in range(100):
        bench.pass_(5)
        bench.progress.step(running=1, waiting=500, kv=1.0)
        assert bench.pass_(1) == 1
    assert bench.progress.steps == 100
    assert bench.progress.load == Load(1, 500, 1.0)
    bench.progress.move()
    assert bench.progress.look() == 0 and bench.progress.steps == 100


def test_more_work_does_not_hide_a_stall() -> None:
    bench = Bench()
    bench.begin()
    bench.pass_(9)
    bench.begin()
    assert bench.pass_(2) == 11


def test_who_was_held_up_himself_has_seen_no_stall() -> None:
    """A machine that stood still, or a loop that was busy, learns late of steps in time."""
    bench = Bench()
    bench.begin()
    bench.now += 60
    assert bench.progress.look() == 2
    bench.unfinished = 0
    assert bench.pass_(1) == 0
