"""A model in a loop, in a process of its own: no server, no batch, no client.

It is what somebody who needs throughput on one machine would write first, and what a
server must not be much slower than. The requests are those a server gets.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.load.record import Measured, Records, Row
from benchmarks.load.workload import Window, Workload

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Measure

START_S = 120.0


class PicturesLoop:
    """Loads the detection model `model` of a repository's `profile` on entering."""

    def __init__(self, repository: Path, model: str, profile: str = "cpu") -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(
            target=_main, args=(self._theirs, repository, model, profile), daemon=True
        )

    def __enter__(self) -> Measure:
        self._process.start()
        self._theirs.close()
        self._receive(START_S)
        return self.measure

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def measure(self, workload: Workload, window: Window, seed: int) -> Measured:
        self._pipe.send((workload.call.messages, window))
        measured: Measured = self._receive(window.total_s + 60)
        return measured

    def _receive(self, limit_s: float) -> Any:
        try:
            if self._pipe.poll(limit_s):
                return self._pipe.recv()
        except EOFError:
            pass
        from benchmarks.scenarios.scenario import TargetError

        raise TargetError("the loop's process ended or hangs; its trace is above")


def _main(pipe: Connection, repository: Path, name: str, profile: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    from seom.pb.v1 import detection_pb2
    from serving.images.picture import Picture
    from serving.models.detection.types import Query
    from serving.replica.load import load_model
    from serving.repository.scan import Repository
    from serving.timing import Timeline

    model = load_model(Repository(repository, profile).find(name))

    def detect(message: bytes) -> None:
        request = detection_pb2.DetectRequest.FromString(message)
        timeline = Timeline()
        prepared = model.prepare(Query(Picture(encoded=request.image.encoded)), timeline)
        (output,) = model.run([prepared], timeline)
        model.finish(prepared, output, timeline)

    pipe.send(True)
    try:
        while True:
            messages, window = pipe.recv()
            pipe.send(_measure(detect, messages, window))
    except EOFError:
        pass


def _measure(detect: Any, messages: tuple[bytes, ...], window: Window) -> Measured:
    rows: list[Row] = []
    cpu, begin = time.process_time(), time.perf_counter_ns()
    start = begin + int(window.warmup_s * 1e9)
    end = begin + int(window.total_s * 1e9)
    sent = begin
    while sent < end:
        message = messages[len(rows) % len(messages)]
        detect(message)
        last = time.perf_counter_ns()
        rows.append(Row(sent, sent, last, last, 0, len(message), 0))
        sent = last
    cpu = time.process_time() - cpu
    return Measured(Records.of(rows), start, end, cpu / ((sent - begin) / 1e9))
