"""Sends one request and records it; knows gRPC and bytes, no message type.

Stubs here pass bytes through, so a request costs the generator no serialisation and
an answer no parsing. Answers are kept only if something is to be read from them
after the block.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns as now

import grpc

from benchmarks.load.record import Row
from benchmarks.load.workload import Call

OPTIONS = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)


class Sender:
    """Sends a call's messages over one channel; `rows` fills as answers come."""

    def __init__(self, channel: grpc.aio.Channel, call: Call) -> None:
        self.rows: list[Row] = []
        self.answers: list[bytes] = []
        self._call = call
        self._keep = call.stages != "none"
        self._turn = 0
        kind: Callable[..., grpc.aio.StreamStreamMultiCallable | grpc.aio.UnaryUnaryMultiCallable]
        kind = channel.stream_stream if call.streaming else channel.unary_unary
        self._invoke = kind(call.method)
        self.send = self._stream if call.streaming else self._unary

    async def _unary(self, intended: int) -> None:
        call = self._call
        message = call.messages[self._turn % len(call.messages)]
        self._turn += 1
        answer = b""
        sent = now()
        try:
            answer = await self._invoke(message, timeout=call.timeout_s, metadata=call.metadata)
            status = 0
        except grpc.aio.AioRpcError as error:
            status = error.code().value[0]
        last = now()
        self.rows.append(Row(intended, sent, last, last, status, len(message), len(answer)))
        if self._keep:
            self.answers.append(answer)

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
        self.rows.append(Row(intended, sent, first or last, last, status, size, received))
