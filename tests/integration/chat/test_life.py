"""A chat model's life in its replica: calls that end early, too many calls, stalls, death."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

import seom
from serving.errors import Unavailable
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.options import Adapter
from serving.runtimes.vllm.types import Constraint, Sampling
from tests.chat_models.engines import is_engine
from tests.chat_models.language import write_adapter
from tests.integration.chat.conftest import running
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

LONG = "할머니 생신은 언제예요? " * 8
ENDLESS = Sampling(temperature=0.0, max_tokens=400, ignore_eos=True)


@pytest.fixture
def llama(hardy: Served) -> Served:
    return hardy


async def until(true: Callable[[], bool], patience: float) -> float:
    """Seconds until it is; fails where that is too long."""
    begun = time.monotonic()
    async with asyncio.timeout(patience):
        while not true():
            await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def nothing_left(served: Served) -> None:
    """Within two seconds there is no call, no request in the engine, no block held."""
    streams, engine = served.replica.growing.streams, served.engine
    async with asyncio.timeout(2):
        while streams.in_flight or engine.unfinished or not await engine.blocks_free():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def checked(engine: Engine) -> AsyncIterator[list[float]]:
    """Health is looked at twenty times a second meanwhile; any failure fails the test."""
    looks: list[float] = []

    async def look() -> None:
        while True:
            begun = time.monotonic()
            await engine.check()
            looks.append(time.monotonic() - begun)
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    try:
        yield looks
        assert not looking.done() and looks
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


# Calls that end early ---------------------------------------------------------------


async def test_two_hundred_calls_cut_off_anywhere_leave_nothing(llama: Served) -> None:
    """Queued, in the prefill, after some tokens, and on the last of them."""
    cut: list[str] = []

    async def call(number: int) -> None:
        length = 30 + number % 20
        stream = llama.client.chat_stream(
            f"{number} {LONG}", min_tokens=length, max_tokens=length, timeout=60
        )
        point = number % 4
        async with stream:
            if point < 2:  # most of two hundred wait for one of eight places
                patience = 0.002 * number
                try:
                    async with asyncio.timeout(patience):
                        await anext(aiter(stream))
                    cut.append("decode")
                except TimeoutError:
                    cut.append("before")
                return
            seen = 0
            async for _ in stream:
                seen += 1
                # A delta has a token or more, so the last one comes at `length` or before.
                if seen >= (3 if point == 2 else length - 1):
                    break
            cut.append("decode" if point == 2 else "last")

    await asyncio.gather(*(call(number) for number in range(200)))
    await nothing_left(llama)
    assert len(cut) == 200 and set(cut) == {"before", "decode", "last"}
    reply = await llama.client.chat("안녕", min_tokens=4, max_tokens=4)
    assert reply.usage.completion_tokens == 4


async def test_cut_off_in_the_prefill(llama: Served) -> None:
    """In the middle of a prompt that takes twelve steps, as the engine's own count tells."""
    text = "x" * 380
    for steps in range(1, 11):
        before = llama.engine.progress.steps
        prompt = await llama.engine.text(f"{steps} {text}")
        assert len(prompt["prompt_token_ids"]) > 32 * 11
        deltas = llama.engine.generate(prompt, Sampling(max_tokens=4), tenant="a")
        asked = asyncio.create_task(anext(deltas))  # type: ignore[arg-type]
        while llama.engine.progress.steps < before + steps and not asked.done():
            await asyncio.sleep(0)
        assert not asked.done()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await nothing_left(llama)


async def test_deadlines_take_the_work_with_them(llama: Served) -> None:
    async def call(number: int) -> str:
        wanted: dict[str, Any] = {"min_tokens": 300, "max_tokens": 300}
        wanted["timeout"] = 0.01 * (1 + number)
        try:
            if number % 2:
                await llama.client.chat(f"{number} {LONG}", **wanted)
            else:
                async with llama.client.chat_stream(f"{number} {LONG}", **wanted) as stream:
                    async for _ in stream:
                        pass
        except seom.SeomError as error:
            return error.status
        return "OK"

    ends = await asyncio.gather(*(call(number) for number in range(60)))
    assert set(ends) <= {"OK", "DEADLINE_EXCEEDED"} and ends.count("DEADLINE_EXCEEDED") > 30
    await nothing_left(llama)


async def test_a_slow_reader_holds_no_place_in_the_engine(llama: Served) -> None:
    """Its megabyte of log-probabilities waits outside, bounded by max_tokens; nobody else
    waits for it, and it loses nothing."""
    wanted: dict[str, Any] = {"min_tokens": 300, "max_tokens": 300, "logprobs": 20, "n": 4}
    async with llama.client.chat_stream("안녕", **wanted, timeout=60) as stream:
        first = await anext(aiter(stream))
        assert first.text is not None
        await until(lambda: llama.engine.unfinished == 0, 30)
        assert await llama.engine.blocks_free()
        other = await llama.client.chat("안녕", min_tokens=4, max_tokens=4)
        assert other.usage.completion_tokens == 4
        async for _ in stream:
            pass
    assert stream.reply.usage.completion_tokens == 4 * 300
    await nothing_left(llama)


# Busy is not ill --------------------------------------------------------------------


async def test_saturation_refuses_with_a_hint_and_is_no_illness(
    llama: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llama.engine.life, "stall_s", 3.0)
    calls = [
        llama.client.chat(f"{i}", min_tokens=99, max_tokens=99, timeout=120) for i in range(300)
    ]
    async with checked(llama.engine) as looks:
        ends = await asyncio.gather(*calls, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, seom.Overloaded)]
    answered = [end for end in ends if isinstance(end, seom.Reply)]
    assert len(refused) + len(answered) == 300, ends
    config = llama.replica.config
    assert len(answered) >= config.options.sequences + config.limits.queue and refused
    assert all(end.retry_after and end.retry_after > 0 for end in refused)
    assert max(looks) < 2.0  # a check waits for nobody
    await nothing_left(llama)


async def test_what_takes_long_is_no_illness(
    llama: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long prompts, the first log-probabilities, a grammar that takes its time to compile."""
    engine = llama.engine
    monkeypatch.setattr(engine.life, "stall_s", 3.0)
    names = [f"property{i}" for i in range(1500)]
    schema = {
        "type": "object",
        "properties": {name: {"type": "string", "minLength": 3} for name in names},
        "required": names[:2],
    }
    heavy = Constraint("json", json.dumps(schema))

    async def ask(text: str, sampling: Sampling) -> None:
        async for _ in engine.generate(await engine.text(text), sampling, tenant="a"):
            pass

    async with checked(engine):
        await asyncio.gather(
            ask("hi", Sampling(max_tokens=8, constraint=heavy)),
            ask("hi", Sampling(max_tokens=8, logprobs=5)),
            ask("hi", Sampling(max_tokens=8, prompt_logprobs=5)),
            *(ask(f"{i}" + "x" * 400, Sampling(max_tokens=8)) for i in range(16)),
        )
    await nothing_left(llama)


async def test_an_idle_engine_sings(llama: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama.engine.life, "canary_every", 0.2)
    steps = llama.engine.progress.steps
    async with checked(llama.engine):
        await until(lambda: llama.engine.progress.steps >= steps + 3, 10)


async def test_an_engine_sleeps_and_is_woken(
    llama: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a CPU's memory is given back; the ways there and back are a GPU's."""
    life = llama.engine.life
    before = (await llama.client.chat("안녕", temperature=0.0, max_tokens=8)).text
    monkeypatch.setattr(life, "sleep_after_s", 0.3)
    monkeypatch.setattr(life, "canary_every", 0.2)
    for _ in range(2):
        async with checked(llama.engine):
            await until(lambda: life.asleep, 10)
            steps = llama.engine.progress.steps
            slept = time.monotonic()
            await until(lambda since=slept: llama.engine.progress.stepped_at > since, 10)
            assert llama.engine.progress.steps == steps and life.asleep
        calls = (llama.client.chat("안녕", temperature=0.0, max_tokens=8) for _ in range(12))
        assert {reply.text for reply in await asyncio.gather(*calls)} == {before}
        assert not life.asleep
    await nothing_left(llama)


# Stalls and death -------------------------------------------------------------------


def engine_process() -> psutil.Process:
    """The newest engine of this process."""
    found = filter(is_engine, psutil.Process().children())
    return max(found, key=lambda process: process.create_time())


async def ill(engine: Engine, patience: float) -> tuple[str, float]:
    """Checks every second, as Serve does; why it fails at last, and after how long."""
    begun = time.monotonic()
    while True:
        try:
            await engine.check()
        except Unavailable as error:
            return error.reason, time.monotonic() - begun
        assert time.monotonic() - begun < patience
        await asyncio.sleep(1)


async def fails(work: Awaitable[Any]) -> None:
    with pytest.raises(Unavailable):
        await work


async def collect(engine: Engine, sampling: Sampling = ENDLESS) -> None:
    async for _ in engine.generate(await engine.text("hi"), sampling, tenant="a"):
        pass


@pytest.mark.parametrize("busy", [True, False])
async def test_a_stopped_engine_is_found_and_ended(
    busy: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("models")
    async with running(folder, "llama", adapter_room=1, stall_s=4.0) as engine:
        await engine.check()
        process = engine_process()
        waiting: list[asyncio.Task[None]] = []
        if busy:
            waiting = [asyncio.create_task(fails(collect(engine))) for _ in range(40)]
            await until(lambda: engine.load.running > 0, 10)
        process.send_signal(signal.SIGSTOP)
        if busy:  # loading an adapter is no request, and must not wait for ever either
            write_adapter(folder / "llama" / "adapters" / "formal", seed=1)
            formal = Adapter(name="formal", folder="adapters/formal")
            waiting.append(asyncio.create_task(fails(engine.adopt([formal]))))
        reason, seconds = await ill(engine, 25)
        print(f"found after {seconds:.1f} s with a patience of 4 s, busy: {busy}")
        assert reason == "STALLED"
        async with asyncio.timeout(2):
            await asyncio.gather(*waiting)
        # Ended, and not only given up: its memory is another's now.
        await until(lambda: not process.is_running() or process.status() == "zombie", 5)
        await fails(engine.check())
        await fails(collect(engine))


async def test_a_killed_engine_fails_its_requests_at_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with running(tmp_path_factory.mktemp("models"), "llama") as engine:
        async with aclosing(
            engine.generate(await engine.text("hi"), ENDLESS, tenant="a")  # type: ignore[type-var]
        ) as deltas:
            await anext(deltas)
            queued = [asyncio.create_task(fails(collect(engine))) for _ in range(40)]
            engine_process().kill()
            async with asyncio.timeout(5):
                with pytest.raises(Unavailable):
                    async for _ in deltas:
                        pass
                await asyncio.gather(*queued)
        await fails(collect(engine))
        reason, seconds = await ill(engine, 5)
        assert reason == "ENGINE_DEAD" and seconds < 2
