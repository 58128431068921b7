"""POSTs over HTTP/1.1 whose answers are read as they come; no more of HTTP than that.

Written on bare asyncio, because a client for general use costs more for each piece than
a fast server does: it would be measured in the server's place.
"""

from __future__ import annotations

import asyncio
import re
from time import perf_counter_ns as now
from urllib.parse import urlsplit

from benchmarks.load import growth
from benchmarks.load.growth import Piece
from benchmarks.load.record import Row
from benchmarks.load.workload import Call

SCHEME = "http://"
_UNAVAILABLE, _UNKNOWN, _DEADLINE_EXCEEDED = 14, 2, 4
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class HttpLink:
    """Connections to one server, `http://host:port`; kept for the next request."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._idle: list[_Connection] = []

    async def ready(self, limit_s: float) -> bool:
        if self._open():
            return True
        try:
            async with asyncio.timeout(limit_s):
                self._idle.append(await self._connect())
        except (OSError, TimeoutError):
            return False
        return True

    def sender(self, call: Call) -> HttpSender:
        return HttpSender(self, call)

    async def probe(self, call: Call) -> list[bytes] | str:
        """What came of the body, piece by piece; or what the server says instead."""
        try:
            async with asyncio.timeout(call.timeout_s):
                status, pieces = await self.post(self.requests(call)[0])
        except (OSError, TimeoutError) as error:
            return type(error).__name__
        body = [data for _, data in pieces]
        return body if status == 200 else f"{status}: {b''.join(body).decode(errors='replace')}"

    async def close(self) -> None:
        for connection in self._idle:
            connection.transport.close()

    def requests(self, call: Call) -> list[bytes]:
        """A call's messages with their heads."""
        head = (
            f"POST {call.method} HTTP/1.1\r\nhost: {self._host}:{self._port}\r\n"
            "content-type: application/json\r\ncontent-length: "
        )
        extra = "".join(f"\r\n{name}: {value}" for name, value in call.metadata)
        return [f"{head}{len(m)}{extra}\r\n\r\n".encode() + m for m in call.messages]

    async def post(self, request: bytes) -> tuple[int, list[Piece]]:
        """The status and the body as it came; raises OSError when the connection breaks."""
        connection = self._idle.pop() if self._open() else await self._connect()
        try:
            answer = await connection.exchange(request)
        except BaseException:
            connection.transport.close()
            raise
        self._idle.append(connection)
        return answer

    def _open(self) -> bool:
        """Whether the last of the idle connections is one that the server has kept, too."""
        while self._idle and self._idle[-1].transport.is_closing():
            self._idle.pop()
        return bool(self._idle)

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(_Connection, self._host, self._port)
        return connection


class HttpSender:
    """Sends a call's messages in turn; see `load.call.Sender`."""

    def __init__(self, link: HttpLink, call: Call) -> None:
        self.answers: list[bytes] = []
        self._link, self._call = link, call
        self._requests = link.requests(call)
        self._rows: list[Row] = []
        self._pieces: list[list[Piece]] = []
        self._turn = 0

    async def send(self, intended: int) -> None:
        request = self._requests[self._turn % len(self._requests)]
        self._turn += 1
        pieces: list[Piece] = []
        sent = now()
        try:
            async with asyncio.timeout(self._call.timeout_s):
                code, pieces = await self._link.post(request)
            status = 0 if code == 200 else _UNKNOWN
        except TimeoutError:
            status = _DEADLINE_EXCEEDED
        except OSError:
            status = _UNAVAILABLE
        last = now()
        received = sum(len(data) for _, data in pieces)
        self._rows.append(Row(intended, sent, last, last, status, len(request), received))
        self._pieces.append(pieces)

    def rows(self) -> list[Row]:
        read = zip(self._rows, self._pieces, strict=True)
        return [growth.complete(self._call, row, pieces) for row, pieces in read]


class _Connection(asyncio.Protocol):
    """One request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._head = b""
        self._status = 0
        self._length: int | None = None  # of a body that is not chunked
        self._tail = b""
        self._pieces: list[Piece] = []
        self._answer: asyncio.Future[tuple[int, list[Piece]]] | None = None

    async def exchange(self, request: bytes) -> tuple[int, list[Piece]]:
        self._head, self._status, self._tail, self._pieces = b"", 0, b"", []
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        arrived = now()
        if not self._status:
            self._head += data
            cut = self._head.find(b"\r\n\r\n")
            if cut < 0:
                return
            head, data = self._head[:cut], self._head[cut + 4 :]
            self._status = int(head[9:12])
            found = _LENGTH.search(head)
            self._length = int(found[1]) if found else None
            self._tail = b"\r\n"
        if data:
            self._pieces.append((arrived, data))
            self._tail = (self._tail + data[-7:])[-7:]
        if self._ended():
            answer, self._answer = self._answer, None
            if answer and not answer.done():
                answer.set_result((self._status, self._pieces))

    def _ended(self) -> bool:
        if self._length is not None:
            return sum(len(data) for _, data in self._pieces) >= self._length
        return self._tail.endswith(b"\r\n0\r\n\r\n")

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server closed the connection"))
