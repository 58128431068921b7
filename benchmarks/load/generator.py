"""The process that sends: one event loop, shared with nothing that is measured.

The parent says connect, then start; both loops' times are CLOCK_MONOTONIC, which is
one clock for all processes of a machine, so several generators start as one.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.load import closed, open, stages
from benchmarks.load.call import Link, connect
from benchmarks.load.loop import punctual
from benchmarks.load.record import Measured, Records
from benchmarks.load.schedule import SECOND
from benchmarks.load.workload import Call, Closed, Window, Workload

LEAD_S = 0.02
SLACK_S = 30.0


@dataclass(frozen=True)
class Probe:
    """One call whose answers are wanted themselves: is the target right at all?"""

    address: str
    call: Call


@dataclass(frozen=True)
class Block:
    """One process's part of a block. `clients` is its share of the concurrency."""

    address: str
    workload: Workload
    window: Window
    seed: int
    index: int
    of: int

    @property
    def clients(self) -> int:
        assert isinstance(self.workload.load, Closed)
        return len(range(self.index, self.workload.load.concurrency, self.of))


class Generators:
    """Generator processes under one handle; a context manager that ends them.

    connect_s: how long an address may take to accept its first connection
    """

    def __init__(self, processes: int = 1, connect_s: float = 20.0) -> None:
        context = multiprocessing.get_context("spawn")
        self._connect_s = connect_s
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_main, args=(theirs, connect_s), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Generators:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()  # the end of its input ends a generator
        for process in self._processes:
            process.join(2)
            if process.is_alive():
                process.terminate()
                process.join()

    def measure(self, address: str, workload: Workload, window: Window, seed: int) -> Measured:
        """Runs one block. Raises ConnectionError if the address does not answer."""
        for index, pipe in enumerate(self._pipes):
            pipe.send(Block(address, workload, window, seed, index, len(self._pipes)))
        for pipe in self._pipes:
            self._connected(pipe, address)
        start = time.perf_counter_ns() + int(LEAD_S * SECOND)
        for pipe in self._pipes:
            pipe.send(start)
        limit = window.total_s + workload.call.timeout_s + SLACK_S
        parts: list[tuple[Records, float]] = [_receive(pipe, limit) for pipe in self._pipes]
        return Measured(
            records=Records.merge([records for records, _ in parts]),
            start=start + int(window.warmup_s * SECOND),
            end=start + int(window.total_s * SECOND),
            client_cpu=max(cpu for _, cpu in parts),
        )

    def probe(self, address: str, call: Call) -> list[bytes]:
        """The answers to one call. Raises ConnectionError, also for a failed call."""
        pipe = self._pipes[0]
        pipe.send(Probe(address, call))
        self._connected(pipe, address)
        answers: list[bytes] | str = _receive(pipe, call.timeout_s + SLACK_S)
        if isinstance(answers, str):
            raise ConnectionError(f"{address} refuses {call.method}: {answers}")
        return answers

    def _connected(self, pipe: Connection, address: str) -> None:
        if not _receive(pipe, self._connect_s + SLACK_S):
            raise ConnectionError(f"nobody answers at {address} within {self._connect_s:g} s")


def _receive(pipe: Connection, limit_s: float) -> Any:
    if not pipe.poll(limit_s):
        raise TimeoutError("a generator process does not come to an end: this is a bug")
    try:
        return pipe.recv()
    except EOFError:
        raise ConnectionError("a generator process ended; its trace is above") from None


def _main(pipe: Connection, connect_s: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    with asyncio.Runner(loop_factory=punctual) as runner:
        runner.run(_serve(pipe, connect_s))


async def _serve(pipe: Connection, connect_s: float) -> None:
    links: dict[str, Link] = {}
    try:
        while True:
            job: Block | Probe = pipe.recv()
            link = links.get(job.address)
            if link is None:
                link = links[job.address] = connect(job.address)
            ready = await link.ready(connect_s)
            pipe.send(ready)
            if not ready:
                continue
            if isinstance(job, Probe):
                pipe.send(await link.probe(job.call))
            else:
                start: int = pipe.recv()
                pipe.send(await _run(link, job, start))
    except EOFError:
        pass
    for link in links.values():
        await link.close()


async def _run(link: Link, block: Block, start: int) -> tuple[Records, float]:
    """The part's records, and the share of a core this process used."""
    sender = link.sender(block.workload.call)
    schedule = block.workload.schedule(block.window, block.seed)
    # A collection in the middle would be read as the server's latency.
    gc.collect()
    gc.disable()
    cpu, wall = time.process_time(), time.perf_counter()
    if schedule is None:
        await closed.run(sender, block.clients, start, start + int(block.window.total_s * SECOND))
    else:
        await open.run(sender, schedule.share(block.index, block.of), start)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gc.enable()
    found = stages.read(block.workload.call.stages, sender.answers)
    return Records.of(sender.rows(), found), cpu / wall
