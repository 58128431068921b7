"""Carries one video stream: hands frames over, keeps room for them, hands results out.

What a stream says is the business of `video`; here are the thread and the task that send
while the caller reads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from typing import Any

import grpc

from seom import images
from seom.call import Envelope
from seom.video import Exchange, Frame, Settings, VideoDetections

_END: Any = object()


def watch(
    open_stream: Callable[[Iterator[Any]], Any],
    envelope: Envelope,
    settings: Settings,
    frames: Iterable[Frame],
    closed: Callable[[], bool],
) -> Generator[VideoDetections, None, None]:
    """The stream behind `Client.detect_video`.

    open_stream: starts the call, given the iterator of its messages
    closed: whether the client itself has been closed, to tell that from a lost stream
    """
    exchange = Exchange(settings)
    room, left = threading.Semaphore(), threading.Event()

    def messages() -> Iterator[Any]:
        try:
            for frame in frames:
                if (taken := exchange.take(frame)) is None:
                    continue
                if not room.acquire(blocking=not settings.drop_late):
                    exchange.drop(taken[0])
                elif left.is_set():
                    return
                else:
                    yield exchange.message(*taken)
        except Exception as error:
            exchange.failure = error

    ahead = messages()
    first = next(ahead, None)
    if first is not None:
        call = open_stream(_chain(first, ahead))
        try:
            for response in call:
                yield from exchange.read(response, envelope.request_id)
                room.release(exchange.room())
        except grpc.RpcError as error:
            raise envelope.failure(error, given_up=closed()) from error
        finally:
            call.cancel()
            left.set()
            room.release()
    yield from exchange.rest()
    if exchange.failure is not None:
        raise exchange.failure


async def watch_async(
    open_stream: Callable[[AsyncIterator[Any]], Any],
    envelope: Envelope,
    settings: Settings,
    frames: Iterable[Frame] | AsyncIterable[Frame],
    raise_if_closed: Callable[[Envelope], None],
) -> AsyncGenerator[VideoDetections, None]:
    """The stream behind `AsyncClient.detect_video`; as `watch`.

    raise_if_closed: raises Cancelled where the client was closed under the stream
    """
    exchange = Exchange(settings)
    room = asyncio.Semaphore()

    async def messages() -> AsyncIterator[Any]:
        try:
            async for frame in _asynchronous(frames):
                if (taken := exchange.take(frame)) is None:
                    continue
                number, photo = taken
                if settings.drop_late and room.locked():
                    exchange.drop(number)
                else:
                    await room.acquire()
                    yield exchange.message(number, await images.loaded(photo))
        except Exception as error:
            exchange.failure = error

    ahead = messages()
    first = await anext(ahead, None)
    if first is not None:
        call = open_stream(_chain_async(first, ahead))
        try:
            async for response in call:
                for result in exchange.read(response, envelope.request_id):
                    yield result
                for _ in range(exchange.room()):
                    room.release()
        except grpc.RpcError as error:
            raise_if_closed(envelope)
            raise envelope.failure(error, given_up=False) from error
        except asyncio.CancelledError:
            raise_if_closed(envelope)
            raise
        finally:
            call.cancel()
    for result in exchange.rest():
        yield result
    if exchange.failure is not None:
        raise exchange.failure


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


async def _chain_async(first: Any, rest: AsyncIterator[Any]) -> AsyncIterator[Any]:
    yield first
    async for message in rest:
        yield message


async def _asynchronous(frames: Iterable[Frame] | AsyncIterable[Frame]) -> AsyncIterator[Any]:
    """Frames of a plain iterable are taken in a thread: cameras and decoders block."""
    if isinstance(frames, AsyncIterable):
        async for frame in frames:
            yield frame
        return
    source = iter(frames)
    while (frame := await asyncio.to_thread(next, source, _END)) is not _END:
        yield frame
