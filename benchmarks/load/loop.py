"""An event loop that keeps time, for the generator and for servers of known delay."""

from __future__ import annotations

import asyncio
import selectors


def punctual() -> asyncio.AbstractEventLoop:
    """A loop on select(2), whose timeouts are microseconds.

    Those of epoll are whole milliseconds, rounded up: each request of an open loop
    would leave up to 1 ms late. With the few files a generator has, select costs no
    more.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
