"""A peer without a server: a process that measures itself, as it is told through a pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from benchmarks.load.record import Measured
from benchmarks.load.workload import Window, Workload

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Measure

START_S = 120.0


class OwnProcess:
    """Runs `main(pipe, *arguments)` on entering; the end of its pipe ends it.

    main: sends True once it is ready; then an answer to each (workload, window)
    """

    def __init__(self, main: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        # Not a daemon, for it may have processes of its own.
        self._process = context.Process(target=main, args=(self._theirs, *arguments))

    def __enter__(self) -> Measure:
        self._process.start()
        self._theirs.close()
        self.receive(START_S)
        return self.measure

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def measure(self, workload: Workload, window: Window, seed: int) -> Measured:
        self.send((workload, window))
        measured: Measured = self.receive(window.total_s + 60)
        return measured

    def send(self, job: object) -> None:
        self._pipe.send(job)

    def receive(self, limit_s: float) -> Any:
        try:
            if self._pipe.poll(limit_s):
                return self._pipe.recv()
        except EOFError:
            pass
        from benchmarks.scenarios.scenario import TargetError

        raise TargetError("the loop's process ended or hangs; its trace is above")


def serve(pipe: Connection, answer: Callable[[Any], Any]) -> None:
    """Answers what comes through the pipe, until its other end is closed."""
    pipe.send(True)
    try:
        while True:
            pipe.send(answer(pipe.recv()))
    except EOFError:
        pass
