"""Models in a loop, in a process of its own: no server, no batch, no client.

It is what somebody who needs throughput on one machine would write first, and what a
server must not be much slower than. The requests are those a server gets.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.load.record import Measured, Records, Row
from benchmarks.load.workload import Window, Workload
from benchmarks.peers.process import OwnProcess, serve


class PicturesLoop(OwnProcess):
    """Loads vision models of a repository's `profile` on entering."""

    def __init__(self, repository: Path, models: Sequence[str], profile: str = "cpu") -> None:
        super().__init__(_main, repository, tuple(models), profile)


def _main(pipe: Connection, repository: Path, names: Sequence[str], profile: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    from serving.replica.load import load_model
    from serving.repository.scan import Repository
    from serving.services.catalog import RPCS
    from serving.services.timing import timing_fields
    from serving.services.typed import TYPED
    from serving.timing import Timeline

    known = Repository(repository, profile)
    models: dict[str, Any] = {name: load_model(known.find(name)) for name in names}

    def answer(name: str, message: bytes) -> dict[str, int]:
        request: Any = RPCS[name].request.FromString(message)
        model, timeline = models[request.model_name], Timeline()
        prepared = model.prepare(TYPED[name].parse(request), timeline)
        (output,) = model.run([prepared], timeline)
        model.finish(prepared, output, timeline)
        fields = timing_fields(timeline, "")
        return {field: spent for field, spent in fields.items() if field.endswith("_ns")}

    def respond(job: tuple[Workload, Window]) -> Measured:
        workload, window = job
        name = workload.call.method.rpartition("/")[2]
        return measure(partial(answer, name), workload.call.messages, window)

    serve(pipe, respond)


def measure(
    answer: Callable[[bytes], dict[str, int]], messages: tuple[bytes, ...], window: Window
) -> Measured:
    """One message after the other; `answer` tells each stage's nanoseconds, as a server would."""
    rows: list[Row] = []
    stages: list[dict[str, int]] = []
    cpu, begin = time.process_time(), time.perf_counter_ns()
    start = begin + int(window.warmup_s * 1e9)
    end = begin + int(window.total_s * 1e9)
    sent = begin
    while sent < end:
        message = messages[len(rows) % len(messages)]
        stages.append(answer(message))
        last = time.perf_counter_ns()
        rows.append(Row(sent, sent, last, last, 0, len(message), 0))
        sent = last
    cpu = time.process_time() - cpu
    return Measured(Records.of(rows, tuple(stages)), start, end, cpu / ((sent - begin) / 1e9))
