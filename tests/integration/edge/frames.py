"""HTTP/2 frames by hand, for clients that behave as no library would."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping

from serving.edge import Address

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1


class RawChannel:
    """A connection that writes what it is told and answers nothing but SETTINGS.

    `initial_window` is what it lets a server send on each stream, in bytes.
    """

    def __init__(self, address: Address, initial_window: int = 65535) -> None:
        self._socket = socket.create_connection((address.host, address.port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.send(SETTINGS, 0, 0, struct.pack(">HI", 4, initial_window))

    def __enter__(self) -> RawChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b"") -> None:
        header = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self._socket.sendall(header + payload)

    def call(self, stream: int, path: str, metadata: Mapping[str, str] | None = None) -> None:
        """Opens a gRPC call and leaves it open."""
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "edge",
            "content-type": "application/grpc",
            "te": "trailers",
            **(metadata or {}),
        }
        self.send(HEADERS, END_HEADERS, stream, b"".join(_field(*pair) for pair in fields.items()))

    def data(self, stream: int, payload: bytes, *, end: bool = False) -> None:
        self.send(DATA, END_STREAM if end else 0, stream, payload)

    def frames(self, timeout_s: float = 5.0) -> Iterable[tuple[int, int, int, bytes]]:
        """Frames as they come, (kind, flags, stream, payload); TimeoutError when none does."""
        self._socket.settimeout(timeout_s)
        while header := self._read(9):
            length = int.from_bytes(header[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", header[3:])
            payload = self._read(length)
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            yield kind, flags, stream, payload

    def answer(self, stream: int, timeout_s: float = 5.0) -> bytes:
        """The first message of a stream's answer, b"" if it ends without one."""
        body = b""
        for kind, flags, number, payload in self.frames(timeout_s):
            if kind == GOAWAY or (number == stream and kind == RST_STREAM):
                return b""
            if number == stream and kind == DATA:
                body += payload
                if len(body) >= 5 and len(body) >= 5 + int.from_bytes(body[1:5], "big"):
                    return body[5 : 5 + int.from_bytes(body[1:5], "big")]
            if number == stream and flags & END_STREAM and kind in (DATA, HEADERS):
                return b""
        return b""

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            chunk = self._socket.recv(length - len(data))
            if not chunk:
                return b""
            data += chunk
        return data


def framed(message: bytes, *, compressed: bool = False) -> bytes:
    """A gRPC message with its five bytes of header."""
    return struct.pack(">BI", compressed, len(message)) + message


def _field(name: str, value: str) -> bytes:
    """A header as HPACK's literal without indexing, not compressed."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: str) -> bytes:
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b"\x7f"
    while rest > 127:
        length += bytes([rest & 127 | 128])
        rest >>= 7
    return length + bytes([rest]) + data
