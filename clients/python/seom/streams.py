"""An answer as it grows: a block to read it in, whose end is the end of the call.

Leaving the block cancels what is not yet generated, so that nothing is computed for
nobody. What a conversation says is the business of `chat`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from seom.call import Envelope
from seom.chat import Exchange
from seom.deltas import Delta, Whole
from seom.errors import Cancelled
from seom.messages import ToolCall
from seom.replies import Reply

# Starts a round: gives what travels beside it, and the call under way.
Open = Callable[[Exchange], tuple[Envelope, Any]]


class _Rounds:
    """What both streams are: an exchange, and its present round."""

    def __init__(self, open_round: Open) -> None:
        self._open = open_round
        self._exchange: Exchange | None = None
        self._reply: Reply | None = None
        self._call: Any = None
        self._left = False

    @property
    def reply(self) -> Reply:
        """The whole reply after the end of the stream; before, what there is of it.

        `usage` and `timing` come with the stream's last message. Raises RuntimeError
        before the block is entered.
        """
        if self._reply is not None:
            return self._reply
        return self._entered().so_far(self._whole, self._envelope.answer((), self._elapsed()))

    def _enter(self) -> None:
        if self._exchange is not None:
            raise RuntimeError("a stream is read once; ask again for another")

    def _entered(self) -> Exchange:
        if self._exchange is None:
            raise RuntimeError("a stream is read within its block: with … as stream")
        return self._exchange

    def _start(self, exchange: Exchange) -> None:
        self._exchange, self._whole = exchange, Whole()
        self._started = time.perf_counter_ns()
        self._envelope, self._call = self._open(exchange)
        if self._left:  # before it began, or while a tool ran
            self._call.cancel()

    def _elapsed(self) -> int:
        return time.perf_counter_ns() - self._started

    def _end(self) -> Sequence[ToolCall]:
        """Ends the round; what is to run before another one."""
        exchange = self._entered()
        beside = self._envelope.answer((), self._elapsed())
        reply, pending = exchange.take(exchange.read(self._whole.response(), beside))
        self._reply = None if pending else reply
        return pending

    def cancel(self) -> None:
        """Gives up what is left, from a signal handler or another thread as well.

        Whoever reads gets Cancelled; harmless after the end.
        """
        self._left = True
        if self._call is not None:
            self._call.cancel()


class ReplyStream(_Rounds, Iterator[Delta]):
    """The pieces of a reply as they are generated; read within its `with` block.

    >>> with Client() as seom:
    ...     with seom.chat_stream("Plan a picnic.") as stream:
    ...         for delta in stream:
    ...             print(delta.text, end="")
    Bread, cheese and a blanket.
    >>> stream.reply.finish_reason, stream.reply.timing.ttft_ms
    (<FinishReason.STOP: 'STOP'>, 30.0)

    The call begins with the block. What ends it early is raised while reading, as the
    error of any other call: Unavailable where the replica at work was lost, and then
    `reply` still has what came before.
    """

    def __init__(self, prepare: Callable[[], Exchange], open_round: Open, closed: Any) -> None:
        super().__init__(open_round)
        self._prepare = prepare
        self._closed: Callable[[], bool] = closed

    def __enter__(self) -> Self:
        self._enter()
        self._start(self._prepare())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __next__(self) -> Delta:
        exchange = self._entered()
        while self._reply is None:
            if (delta := self._piece()) is not None:
                return delta
            for call in self._end():
                exchange.answer(call, exchange.toolbox.run(call))
            if self._reply is None:
                self._start(exchange)
        raise StopIteration

    def _piece(self) -> Delta | None:
        """The next piece of this round, None after the last."""
        try:
            for message in self._call:
                if (delta := self._whole.add(message)) is not None:
                    return delta
        except grpc.RpcError as error:
            given_up = self._left or self._closed()
            raise self._envelope.failure(error, given_up=given_up) from error
        return None


class AsyncReplyStream(_Rounds, AsyncIterator[Delta]):
    """`ReplyStream`, awaited: `async with` and `async for`."""

    def __init__(
        self,
        prepare: Callable[[], Awaitable[Exchange]],
        open_round: Open,
        raise_if_closed: Callable[[Envelope], None],
    ) -> None:
        super().__init__(open_round)
        self._prepare = prepare
        self._raise_if_closed = raise_if_closed

    async def __aenter__(self) -> Self:
        self._enter()
        self._start(await self._prepare())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    async def __anext__(self) -> Delta:
        exchange = self._entered()
        while self._reply is None:
            if (delta := await self._piece()) is not None:
                return delta
            for call in self._end():
                exchange.answer(call, await exchange.toolbox.run_async(call))
            if self._reply is None:
                self._start(exchange)
        raise StopAsyncIteration

    async def _piece(self) -> Delta | None:
        """The next piece of this round, None after the last."""
        try:
            async for message in self._call:
                if (delta := self._whole.add(message)) is not None:
                    return delta
        except grpc.RpcError as error:
            self._raise_if_closed(self._envelope)
            raise self._envelope.failure(error, given_up=self._left) from error
        except asyncio.CancelledError:
            self._raise_if_closed(self._envelope)
            task = asyncio.current_task()
            if self._left and not (task and task.cancelling()):
                request_id = self._envelope.request_id
                raise Cancelled("the stream's block was left", request_id=request_id) from None
            raise
        return None
