"""How a peer says that it is ready and learns that it shall end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys


def announce(port: int) -> None:
    """The one line a peer prints on its standard output."""
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


async def stopped() -> None:
    """Returns on SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
