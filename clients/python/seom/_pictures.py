"""Carries pictures one by one, waiting and awaited, and cancels what nobody waits for.

What is asked and what comes is the business of `synthesis`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import grpc

from seom.call import Call, Envelope
from seom.errors import Cancelled
from seom.methods import Method
from seom.pictures import Picture

Made = TypeVar("Made", bound=Picture)
# Gives what sends calls of a method; raises RuntimeError where there can be none.
OpenSender = Callable[[Method[Any, Any]], Any]


class _Journey(Generic[Made]):
    """One call, from before it is sent: what both streams are made of.

    Apart from the streams themselves, so that one that is dropped in the middle of its
    loop is gone at once, and its call with it.
    """

    def __init__(self, asked: Call[Made], open_sender: OpenSender, envelope: Envelope) -> None:
        self.envelope = envelope
        self.left = False
        self._asked, self._open_sender = asked, open_sender
        self._call: Any = None

    def begin(self) -> Any:
        """Sends the call; gives what to read its messages from."""
        send = self._open_sender(self._asked.method)
        self._started = time.perf_counter_ns()
        self._call = send(
            self._asked.request, timeout=self.envelope.timeout, metadata=self.envelope.metadata
        )
        if self.left:  # before it began
            self._call.cancel()
        return self._call

    def read(self, message: Any) -> Made:
        elapsed = time.perf_counter_ns() - self._started
        return self._asked.parse(message, self.envelope.answer((), elapsed))

    def cancel(self) -> None:
        self.left = True
        if self._call is not None:
            self._call.cancel()


class PictureStream(Iterator[Made]):
    """Pictures as they are made, to be looped over once.

    >>> with Client() as seom:
    ...     with seom.animate(7, keyframes=[(0, {"mouth": 0}), (9, {"mouth": 1})]) as frames:
    ...         for frame in frames:
    ...             if frame.time >= 0.08:
    ...                 break
    >>> frame.number
    2

    The call begins with the first picture that is asked for. Dropping the stream, as a
    loop does that is left early, cancels what is left; so do `close`, the end of a `with`
    block, and `cancel`. What ends it early is raised while reading, as the error of any
    other call: Unavailable where the replica at work was lost.
    """

    def __init__(
        self,
        call: Call[Made],
        open_sender: OpenSender,
        envelope: Envelope,
        closed: Callable[[], bool],
    ) -> None:
        self._journey = _Journey(call, open_sender, envelope)
        self._pictures = _arriving(self._journey, closed)

    def __next__(self) -> Made:
        return next(self._pictures)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what is left, and ends the stream; harmless after its end."""
        self._pictures.close()

    def cancel(self) -> None:
        """Gives up what is left, from a signal handler or another thread as well.

        Whoever reads gets Cancelled; harmless after the end.
        """
        self._journey.cancel()


class AsyncPictureStream(AsyncIterator[Made]):
    """`PictureStream`, awaited: `async for`, `async with` and `aclose`."""

    def __init__(
        self,
        call: Call[Made],
        open_sender: OpenSender,
        envelope: Envelope,
        raise_if_closed: Callable[[Envelope], None],
    ) -> None:
        self._journey = _Journey(call, open_sender, envelope)
        self._pictures = _arriving_async(self._journey, raise_if_closed)

    async def __anext__(self) -> Made:
        return await anext(self._pictures)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancels what is left, and ends the stream; harmless after its end."""
        await self._pictures.aclose()

    def cancel(self) -> None:
        """Gives up what is left; whoever reads gets Cancelled. Harmless after the end."""
        self._journey.cancel()


def _arriving(journey: _Journey[Made], closed: Callable[[], bool]) -> Generator[Made, None, None]:
    call = journey.begin()
    try:
        for message in call:
            yield journey.read(message)
    except grpc.RpcError as error:
        given_up = journey.left or closed()
        raise journey.envelope.failure(error, given_up=given_up) from error
    finally:
        journey.cancel()


async def _arriving_async(
    journey: _Journey[Made], raise_if_closed: Callable[[Envelope], None]
) -> AsyncGenerator[Made, None]:
    call = journey.begin()
    try:
        async for message in call:
            yield journey.read(message)
    except grpc.RpcError as error:
        raise_if_closed(journey.envelope)
        raise journey.envelope.failure(error, given_up=journey.left) from error
    except asyncio.CancelledError:
        raise_if_closed(journey.envelope)
        task = asyncio.current_task()
        if journey.left and not (task and task.cancelling()):
            request_id = journey.envelope.request_id
            raise Cancelled("the stream was given up", request_id=request_id) from None
        raise
    finally:
        journey.cancel()
