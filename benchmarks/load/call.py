"""Sends one request and records it; knows gRPC and bytes, no message type.

Stubs here pass bytes through, so a request costs the generator no serialisation and
an answer no parsing. Answers are kept only if something is to be read from them
after the block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter_ns as now
from typing import Protocol

import grpc

from benchmarks.load import growth
from benchmarks.load.growth import Piece
from benchmarks.load.http import SCHEME, HttpLink
from benchmarks.load.record import Row
from benchmarks.load.workload import Call

OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)


class Sender(Protocol):
    """Sends a call's messages; `answers` are kept where their stages are wanted."""

    answers: list[bytes]

    async def send(self, intended: int) -> None: ...

    def rows(self) -> list[Row]:
        """Of all that was sent; to be asked for after the block."""
        ...


class Link(Protocol):
    """The way to one address."""

    async def ready(self, limit_s: float) -> bool: ...

    def sender(self, call: Call) -> Sender: ...

    async def probe(self, call: Call) -> list[bytes] | str:
        """The answers to one call, or what went wrong."""
        ...

    async def close(self) -> None: ...


def connect(address: str) -> Link:
    """`http://host:port`, or gRPC's `host:port`."""
    return HttpLink(address) if address.startswith(SCHEME) else GrpcLink(address)


class GrpcLink:
    """One channel."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, options=OPTIONS)

    async def ready(self, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                await self._channel.channel_ready()
        except TimeoutError:
            return False
        return True

    def sender(self, call: Call) -> GrpcSender:
        return GrpcSender(self._channel, call)

    async def probe(self, call: Call) -> list[bytes] | str:
        options = {"timeout": call.timeout_s, "metadata": call.metadata}
        try:
            if call.streaming:
                stream = self._channel.stream_stream(call.method)(iter(call.messages), **options)
                return [answer async for answer in stream]
            if call.form == "deltas":
                deltas = self._channel.unary_stream(call.method)(call.messages[0], **options)
                return [delta async for delta in deltas]
            return [await self._channel.unary_unary(call.method)(call.messages[0], **options)]
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"

    async def close(self) -> None:
        await self._channel.close()


class GrpcSender:
    def __init__(self, channel: grpc.aio.Channel, call: Call) -> None:
        self.answers: list[bytes] = []
        self._call = call
        self._keep = call.stages != "none"
        self._turn = 0
        self._rows: list[Row] = []
        self._pieces: list[list[Piece]] = []
        kind: Callable[..., grpc.aio.StreamStreamMultiCallable | grpc.aio.UnaryUnaryMultiCallable]
        if call.streaming:
            kind, self.send = channel.stream_stream, self._stream
        elif call.form == "deltas":
            kind, self.send = channel.unary_stream, self._growing
        else:
            kind, self.send = channel.unary_unary, self._unary
        self._invoke = kind(call.method)

    def rows(self) -> list[Row]:
        if self._call.form == "whole":
            return self._rows
        read = zip(self._rows, self._pieces, strict=True)
        return [growth.complete(self._call, row, pieces) for row, pieces in read]

    def _next(self) -> bytes:
        messages = self._call.messages
        self._turn += 1
        return messages[(self._turn - 1) % len(messages)]

    async def _unary(self, intended: int) -> None:
        call = self._call
        message = self._next()
        answer = b""
        sent = now()
        try:
            answer = await self._invoke(message, timeout=call.timeout_s, metadata=call.metadata)
            status = 0
        except grpc.aio.AioRpcError as error:
            status = error.code().value[0]
        last = now()
        self._rows.append(Row(intended, sent, last, last, status, len(message), len(answer)))
        if self._keep:
            self.answers.append(answer)

    async def _growing(self, intended: int) -> None:
        call = self._call
        message = self._next()
        pieces: list[Piece] = []
        sent = now()
        try:
            stream = self._invoke(message, timeout=call.timeout_s, metadata=call.metadata)
            async for piece in stream:
                pieces.append((now(), piece))  # noqa: PERF401  # kept, if the stream fails
            status = (await stream.code()).value[0]
        except grpc.aio.AioRpcError as error:
            status = error.code().value[0]
        last = now()
        received = sum(len(piece) for _, piece in pieces)
        self._rows.append(Row(intended, sent, last, last, status, len(message), received))
        self._pieces.append(pieces)

    async def _stream(self, intended: int) -> None:
        call = self._call
        first = received = count = 0
        sent = now()
        try:
            stream = self._invoke(
                iter(call.messages), timeout=call.timeout_s, metadata=call.metadata
            )
            async for answer in stream:
                if not first:
                    first = now()
                received += len(answer)
                count += 1
            status = (await stream.code()).value[0]
        except grpc.aio.AioRpcError as error:
            status = error.code().value[0]
        last = now()
        if status == 0 and count < len(call.messages):
            status = grpc.StatusCode.DATA_LOSS.value[0]
        size = sum(map(len, call.messages))
        self._rows.append(Row(intended, sent, first or last, last, status, size, received))
