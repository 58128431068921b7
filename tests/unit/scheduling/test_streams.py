"""Answers that grow: who gets a place, when they end, and that nothing stays behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from serving.errors import DeadlineExceeded, Internal, Overloaded
from serving.models.base import Device
from serving.repository.config import Batching, Limits, ModelConfig, Resources
from serving.scheduling.streams import LONGEST_PAUSE_S, Streams
from serving.timing import Timeline
from tests.unit.counting import Model, Options


def model(**options: Any) -> Model:
    config = ModelConfig(
        name="counter",
        version="1",
        latest=True,
        default=True,
        profile="cpu",
        folder=Path(),
        family="tests.unit.counting",
        weights=(),
        batching=Batching(),
        resources=Resources(),
        limits=Limits(),
        enabled=True,
        options=Options(**options),
    )
    return Model(config, Device())


def answer(streams: Streams[Any, Any], to: int, seconds: float = 10) -> AsyncIterator[Any]:
    deadline = time.monotonic() + seconds
    return streams.answer(to, tenant="kim", deadline=deadline, timeline=Timeline())


async def numbers(answers: AsyncIterator[Any]) -> list[int]:
    async with aclosing(answers) as results:  # type: ignore[type-var]
        return [number async for number, _ in results]


async def test_results_come_in_order_and_the_place_is_given_back() -> None:
    counter = model()
    streams: Streams[Any, Any] = Streams(counter, queue=2)
    assert await numbers(answer(streams, 5)) == [1, 2, 3, 4, 5]
    assert (streams.in_flight, counter.counting, counter.tenants) == (0, 0, ["kim"])


async def test_it_is_made_ready_once_whoever_comes_first() -> None:
    counter = model()
    streams: Streams[Any, Any] = Streams(counter, queue=2)
    await asyncio.gather(streams.ready(), numbers(answer(streams, 1)), streams.ready())
    assert counter.made_ready == 1


async def test_what_has_no_place_is_refused_with_a_hint() -> None:
    counter = model(places=2, pause_s=0.02)
    streams: Streams[Any, Any] = Streams(counter, queue=1)
    calls = [numbers(answer(streams, 3)) for _ in range(5)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, Overloaded)]
    assert len(refused) == 2 and ends.count([1, 2, 3]) == 3
    assert all(end.retry_after > 0 for end in refused)
    assert await numbers(answer(streams, 2)) == [1, 2]


async def test_the_deadline_ends_it_and_the_work() -> None:
    counter = model(pause_s=0.03)
    streams: Streams[Any, Any] = Streams(counter, queue=1)
    with pytest.raises(DeadlineExceeded):
        await numbers(answer(streams, 1000, seconds=0.1))
    assert (streams.in_flight, counter.counting) == (0, 0)


async def test_closing_ends_the_work() -> None:
    counter = model()
    streams: Streams[Any, Any] = Streams(counter, queue=1)
    async with aclosing(answer(streams, 1000)) as results:  # type: ignore[type-var]
        assert (await anext(results))[0] == 1
        assert counter.counting == 1
    assert (streams.in_flight, counter.counting) == (0, 0)


async def test_what_the_model_raises_comes_through() -> None:
    streams: Streams[Any, Any] = Streams(model(failing=2), queue=1)
    with pytest.raises(Internal, match="does not know"):
        await numbers(answer(streams, 3))
    assert streams.in_flight == 0


async def test_an_answer_that_nobody_reads_is_ended_meanwhile() -> None:
    counter = model()
    streams: Streams[Any, Any] = Streams(counter, queue=1, reader_s=0.05)
    async with aclosing(answer(streams, 1000)) as results:  # type: ignore[type-var]
        await anext(results)
        async with asyncio.timeout(5):
            while counter.counting:
                await asyncio.sleep(0.01)
        with pytest.raises(Overloaded, match="was not read"):
            await anext(results)
    assert streams.in_flight == 0


async def test_a_slow_model_is_no_slow_reader() -> None:
    streams: Streams[Any, Any] = Streams(model(pause_s=0.12), queue=1, reader_s=0.05)
    assert await numbers(answer(streams, 2)) == [1, 2]


# Paced: results that are sent one by one --------------------------------------------


def paced(streams: Streams[Any, Any], to: int, seconds: float = 10) -> AsyncIterator[Any]:
    deadline = time.monotonic() + seconds
    return streams.answer(to, tenant="kim", deadline=deadline, timeline=Timeline(), paced=True)


def test_of_many_answers_each_has_its_share() -> None:
    streams: Streams[Any, Any] = Streams(model(places=32), queue=200)
    shares = []
    for streams.in_flight, answers in ((1, 1), (16, 1), (16, 8), (200, 1)):
        shares.append(streams._pause(answers))
    assert shares == [0.001, 0.016, 0.002, LONGEST_PAUSE_S]


async def test_paced_results_all_come_and_nothing_waits_after_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.scheduling.streams.SENT_PER_S", 1 / 3600)
    monkeypatch.setattr("serving.scheduling.streams.LONGEST_PAUSE_S", 0.02)
    streams: Streams[Any, Any] = Streams(model(), queue=1)
    assert await numbers(paced(streams, 4)) == [1, 2, 3, 4]
    monkeypatch.setattr("serving.scheduling.streams.LONGEST_PAUSE_S", 3600.0)
    assert await numbers(paced(streams, 1)) == [1]
    assert await numbers(answer(streams, 4)) == [1, 2, 3, 4]  # not sent one by one


async def test_a_pause_ends_with_the_deadline_and_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.scheduling.streams.SENT_PER_S", 1 / 3600)
    monkeypatch.setattr("serving.scheduling.streams.LONGEST_PAUSE_S", 3600.0)
    counter = model()
    streams: Streams[Any, Any] = Streams(counter, queue=1)
    with pytest.raises(DeadlineExceeded):
        await numbers(paced(streams, 4, seconds=0.05))
    assert (streams.in_flight, counter.counting) == (0, 0)
    reading = asyncio.create_task(numbers(paced(streams, 4)))
    while not counter.counting:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (streams.in_flight, counter.counting) == (0, 0)
