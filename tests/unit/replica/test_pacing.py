"""The clock of an animation: which frames are computed, which are left out."""

from __future__ import annotations

from serving.replica.pacing import Pacer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(count: int, fps: float, took: float = 0.0) -> tuple[Pacer, Clock]:
    clock = Clock()
    pacer = Pacer(count, fps, clock)
    assert pacer.upcoming() == 0
    pacer.ready(took)
    return pacer, clock


def test_every_frame_in_turn_while_there_is_time() -> None:
    pacer, clock = begun(5, 10)
    found = []
    while (frame := pacer.upcoming()) is not None:
        pacer.ready(0.01)
        clock.now += pacer.due_in(frame)
        assert not pacer.late(frame)
        found.append((frame, round(clock.now - 100, 6)))
    assert found == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]


def test_time_runs_from_the_first_frame_on() -> None:
    clock = Clock()
    pacer = Pacer(10, 10, clock)
    assert [pacer.upcoming() for _ in range(3)] == [0, 1, 2]
    clock.now += 50  # the first took long
    assert not pacer.late(0)
    assert pacer.due_in(2) == 0
    pacer.ready(50)
    assert (pacer.due_in(0), round(pacer.due_in(2), 6)) == (0, 0.2)


def test_late_is_more_than_a_frame() -> None:
    pacer, clock = begun(10, 10)
    clock.now += 0.39
    assert (pacer.late(2), pacer.late(3)) == (True, False)
    assert pacer.due_in(2) == 0


def test_the_last_frame_is_never_late() -> None:
    pacer, clock = begun(10, 10)
    clock.now += 1000
    assert pacer.late(8)
    assert not pacer.late(9)
    assert (pacer.upcoming(), pacer.upcoming()) == (9, None)


def test_what_would_be_late_is_not_computed() -> None:
    pacer, clock = begun(100, 10, took=0.5)
    assert pacer.upcoming() == 5  # there in half a second
    clock.now += 0.5
    pacer.ready(0.5)
    assert (pacer.late(5), pacer.due_in(5)) == (False, 0)
    assert pacer.upcoming() == 10


def test_a_long_computation_is_remembered_a_while() -> None:
    pacer, _ = begun(100, 10, took=0.95)
    pacer.ready(0.0)
    assert pacer.upcoming() == 9
    for _ in range(100):
        pacer.ready(0.0)
    assert pacer.upcoming() == 10  # and is forgotten


def test_one_frame_alone() -> None:
    pacer, _ = begun(1, 25)
    assert pacer.upcoming() is None
    assert not pacer.late(0)
