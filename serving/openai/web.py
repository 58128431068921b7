"""The little of HTTP that the doors need, straight on ASGI; knows nothing of models."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from serving.errors import InvalidArgument, ServingError
from serving.openai.envelope import encode, event
from serving.openai.errors import error_object, told

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[str, str]]

logger = logging.getLogger(__name__)


class Gone(Exception):
    """The client has closed its connection; there is nobody to tell."""


async def live(receive: Receive, send: Send) -> None:
    """The life of an application that has nothing of its own to start or stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def path_of(scope: Scope) -> str:
    """The path below the place where the application is mounted."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def headers_of(scope: Scope) -> Mapping[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(receive: Receive, most: int) -> bytes:
    """Raises InvalidArgument for a body of more than `most` bytes, and Gone."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise TooLarge(f"the body is larger than this model takes ({most} bytes)")
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class TooLarge(InvalidArgument):
    """A body over the limit, which HTTP has a status of its own for."""

    default_reason = "MESSAGE_TOO_LARGE"


class Response:
    """One response: an object, or events as they come; and either may end with an error."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def object(self, found: Any, status: int = 200, headers: Headers = ()) -> None:
        body = encode(found)
        length = ("content-length", str(len(body)))
        await self._begin(status, "application/json", (length, *headers))
        await self._send({"type": "http.response.body", "body": body})

    async def event(self, events: bytes) -> None:
        if not events:  # which would be the end
            return
        if not self.begun:
            await self._begin(200, "text/event-stream", (("cache-control", "no-cache"),))
        await self._send({"type": "http.response.body", "body": events, "more_body": True})

    async def end(self) -> None:
        """Ends a response of events."""
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: ServingError) -> None:
        """An error for the client, in whichever state the response is."""
        status, found, headers = told(error)
        if isinstance(error, TooLarge):
            status = 413
        if self.begun:
            await self.event(event(found))
            await self.end()
        else:
            await self.object(found, status, headers)

    async def refuse(self, status: int, message: str, reason: str) -> None:
        """What HTTP alone knows to be wrong."""
        await self.object(error_object(message, status, reason), status)

    async def _begin(self, status: int, kind: str, headers: Headers) -> None:
        self.begun = True
        named = [(b"content-type", kind.encode())]
        named += [(name.encode(), value.encode()) for name, value in headers]
        await self._send({"type": "http.response.start", "status": status, "headers": named})
