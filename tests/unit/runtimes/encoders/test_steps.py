"""Texts of many calls, a step at a time: whose turn it is, what is computed together, how it
ends. The network is a function that tells what it was given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from serving.errors import Unavailable
from serving.models.base import Array
from serving.runtimes.encoders.steps import Steps


class Network:
    """Held back until it is let go; a text's vector is its first number."""

    def __init__(self) -> None:
        self.steps: list[list[int]] = []  # each text's length
        self.go = threading.Event()
        self.error: Exception | None = None

    def __call__(self, texts: list[Any]) -> Array:
        self.steps.append([len(text) for text in texts])
        assert self.go.wait(10)
        if self.error:
            raise self.error
        return np.array([[text[0]] for text in texts], np.float32)


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.go.set()


@pytest.fixture
def steps(network: Network) -> Iterator[Steps]:
    made = Steps(network, sequences=4, tokens=100, stall_s=0.05)
    yield made
    made.close()


def texts(*lengths: int, first: int = 0) -> list[list[int]]:
    return [[first + i] * length for i, length in enumerate(lengths)]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(2):
        while not true():
            await asyncio.sleep(0.005)


async def asked(steps: Steps, *calls: list[list[int]]) -> list[asyncio.Task[Array]]:
    """The calls under way, the first step of the first of them already being computed."""
    tasks = []
    for call in calls:
        tasks.append(asyncio.create_task(steps.vectors(call)))
        await asyncio.sleep(0.02)
    return tasks


async def test_each_has_its_own_vector(network: Network, steps: Steps) -> None:
    network.go.set()
    calls = [texts(3, 60, 9, 2, 31), texts(8, 8, first=10)]
    found = await asyncio.gather(*map(steps.vectors, calls))
    assert found[0].tolist() == [[0], [1], [2], [3], [4]]
    assert found[1].tolist() == [[10], [11]]
    assert steps.unfinished == 0


async def test_the_first_texts_of_each_call_come_first(network: Network, steps: Steps) -> None:
    await asked(steps, texts(*[40] * 9), texts(90), texts(95))
    network.go.set()
    await until(lambda: not steps.unfinished)
    assert network.steps == [[40, 40], [90], [95], [40, 40], [40, 40], [40, 40], [40]]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([3, 3, 3, 3, 3, 3], [[3, 3, 3, 3], [3, 3]]),  # as many as go together
        ([60, 30, 30, 60], [[60], [30, 30], [60]]),  # 100 tokens
        ([200, 9], [[200], [9]]),  # more than a step takes
        ([3, 16, 9], [[3, 9, 16]]),  # few: padding costs nothing
        ([40, 3, 38], [[40, 38], [3]]),  # many: padding would
    ],
)
async def test_what_goes_together(
    network: Network, steps: Steps, lengths: list[int], expected: list[list[int]]
) -> None:
    network.go.set()
    await steps.vectors(texts(*lengths))
    assert network.steps == expected


async def test_what_nobody_waits_for_is_not_computed(network: Network, steps: Steps) -> None:
    (many,) = await asked(steps, texts(*[50] * 40))
    many.cancel()
    await asyncio.wait([many])
    assert many.cancelled() and steps.unfinished == 2, "those under way"
    other = asyncio.create_task(steps.vectors(texts(7)))
    network.go.set()
    assert (await other).tolist() == [[0]]
    assert network.steps == [[50, 50], [7]]


async def test_a_step_that_fails_ends_it(
    network: Network, steps: Steps, caplog: pytest.LogCaptureFixture
) -> None:
    calls = await asked(steps, texts(50), texts(60))
    network.error = RuntimeError("CUDA error: secret")
    network.go.set()
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.reason == "ENGINE_DEAD" and "secret" not in caught.value.message
    assert "secret" in caplog.text and network.steps == [[50]]
    with pytest.raises(Unavailable):
        steps.check()
    with pytest.raises(Unavailable):
        await steps.vectors(texts(1))


async def test_work_without_a_step_is_an_illness(network: Network, steps: Steps) -> None:
    steps.check()
    calls = await asked(steps, texts(50), texts(60))
    with pytest.raises(Unavailable) as caught:
        async with asyncio.timeout(2):
            while True:
                steps.check()
                await asyncio.sleep(0.01)
    assert caught.value.reason == "STALLED"
    for call in calls:
        with pytest.raises(Unavailable):
            await call


async def test_being_idle_is_none(network: Network, steps: Steps) -> None:
    network.go.set()
    await steps.vectors(texts(3))
    for _ in range(10):
        await asyncio.sleep(0.01)
        steps.check()
