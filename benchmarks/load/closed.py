"""Closed loop: as many clients as the concurrency, each waiting for its answer."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns as now

from benchmarks.load.call import Sender


async def run(sender: Sender, concurrency: int, start: int, end: int) -> None:
    """Sends from `start` until `end` (CLOCK_MONOTONIC, ns); waits for the last answers.

    A request is meant to leave the moment its client is free, so there is no
    lateness: a closed loop shows what a server does, never what users wait.
    """
    await asyncio.sleep(max(0, start - now()) / 1e9)
    async with asyncio.TaskGroup() as clients:
        for _ in range(concurrency):
            clients.create_task(_client(sender, end))


async def _client(sender: Sender, end: int) -> None:
    send = sender.send
    while (free := now()) < end:
        await send(free)
