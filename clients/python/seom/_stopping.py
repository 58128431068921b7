"""Ctrl-C as the end of a stream, for the commands that read one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from seom.errors import Cancelled


class Stoppable(AbstractContextManager[Any], Protocol):
    """A stream that is read within its block and can be given up from anywhere."""

    def cancel(self) -> None: ...


@contextmanager
def stoppable(stream: Stoppable) -> Iterator[None]:
    """The stream's block, in which Ctrl-C gives up what is left: KeyboardInterrupt.

    Not by an exception wherever the program happens to be: raised between gRPC's taking a
    lock and using it, that lock stays held, and the channel's next call waits for ever.
    """
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True
        stream.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        with stream:
            yield
    except Cancelled:
        if stopped:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)
