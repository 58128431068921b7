"""Open loop: requests leave when the schedule says, whatever became of the others."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns as now

from benchmarks.load.call import Sender
from benchmarks.load.schedule import Schedule


async def run(sender: Sender, schedule: Schedule, start: int) -> None:
    """Sends at `start` + every offset; waits for the last answers.

    A request that is due is sent late rather than dropped or moved, and it keeps its
    intended time. Timers follow the event loop's resolution: see `load.loop`.
    """
    async with asyncio.TaskGroup() as requests:
        for offset in schedule.offsets.tolist():
            due = start + offset
            # The loop must turn once for each request, or answers would starve
            # while the generator is behind.
            await asyncio.sleep(max(0, due - now()) / 1e9)
            requests.create_task(sender.send(due))
