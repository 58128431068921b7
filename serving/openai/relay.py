"""A request that has reached one application on its way through another one's ASGI app.

A request crosses as a scope of plain values and its whole body; the answer comes back as
ASGI's own messages, one by one, as they are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from serving.openai.web import Message, Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Messages that wait for the one who relays them.
_UNREAD = 64


def portable(scope: Scope, path: str) -> Scope:
    """What another application needs of a scope; the rest belongs to this connection."""
    kept = {name: scope[name] for name in ("type", "method", "headers")}
    return {**kept, "path": path, "root_path": ""}


async def run(app: Application, scope: Scope, body: bytes) -> AsyncIterator[Message]:
    """The messages with which `app` answers; closing the iterator ends its work."""
    waiting: asyncio.Queue[Message | None] = asyncio.Queue(_UNREAD)
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        await asyncio.Event().wait()  # its client is watched by the one who relays
        raise AssertionError

    async def answer() -> None:
        try:
            await app(scope, receive, waiting.put)
        finally:
            await waiting.put(None)

    task = asyncio.create_task(answer())
    try:
        while (message := await waiting.get()) is not None:
            yield message
    finally:
        task.cancel()
