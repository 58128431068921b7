"""Adapters that come and go while the engine runs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from safetensors.numpy import load_file, save_file

from serving.errors import FailedPrecondition, NotFound, Unavailable
from serving.repository.weights import digest
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.options import Adapter
from serving.runtimes.vllm.types import Sampling
from tests.chat_models.language import write_adapter
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

GREEDY = Sampling(temperature=0.0, max_tokens=24, ignore_eos=True)


def listed(name: str, folder: str = "", **more: Any) -> Adapter:
    return Adapter(name=name, folder=f"adapters/{folder or name}", rank=4, **more)


FORMAL, PLAYFUL = listed("formal"), listed("playful")


@pytest_asyncio.fixture(loop_scope="package")
async def engine(hardy: Served) -> AsyncIterator[Engine]:
    """Begins with one adapter, and has places for three."""
    engine = hardy.engine
    write_adapter(engine.folder / "adapters" / "third", seed=3)
    await engine.adopt([FORMAL])
    yield engine
    await engine.adopt(engine.options.adapters)


async def said(engine: Engine, adapter: str | None = None) -> tuple[int, ...]:
    deltas = engine.generate(await engine.text("안녕"), GREEDY, tenant="a", adapter=adapter)
    return tuple([token async for delta in deltas for token in delta.token_ids])


async def held(engine: Engine) -> int:
    """Adapters inside vLLM."""
    return len(await engine.llm.list_loras())


async def test_one_more(engine: Engine) -> None:
    before = [await said(engine), await said(engine, "formal")]
    with pytest.raises(NotFound, match="formal"):
        await said(engine, "playful")
    await engine.adopt([FORMAL, PLAYFUL])
    assert engine.adapters == ("formal", "playful") and await held(engine) == 2
    playful = await said(engine, "playful")
    assert playful not in before
    assert [await said(engine), await said(engine, "formal")] == before

    await engine.adopt([FORMAL])
    with pytest.raises(NotFound):
        await said(engine, "playful")
    assert await held(engine) == 1


async def test_the_base_is_none_of_them(engine: Engine) -> None:
    """With all places taken, rows without an adapter still have none, in one batch with
    rows of each, and also after places have changed hands."""
    alone = await said(engine)
    for third in ("third", "playful"):
        await engine.adopt([FORMAL, PLAYFUL, listed("another", third)])
        names = (None, "formal", "another", None, "playful", None)
        apart = [await said(engine, name) for name in names]
        together = await asyncio.gather(*(said(engine, name) for name in names))
        assert together == apart
        assert together[0] == together[3] == together[5] == alone
        assert (apart[2] == apart[4]) is (third == "playful")


async def test_a_running_request_keeps_the_adapter_it_began_with(engine: Engine) -> None:
    await engine.adopt([FORMAL, PLAYFUL])
    long = Sampling(temperature=0.0, max_tokens=300, ignore_eos=True)

    async def begin() -> tuple[AsyncIterator[Any], list[int]]:
        prompt = await engine.text("안녕")
        deltas = engine.generate(prompt, long, tenant="a", adapter="playful")
        return deltas, list((await anext(deltas)).token_ids)

    whole, first = await begin()
    expected = first + [token async for delta in whole for token in delta.token_ids]

    deltas, tokens = await begin()
    async with aclosing(deltas):  # type: ignore[type-var]
        # Under its name there is now another one, which the same prompt must not meet.
        await engine.adopt([FORMAL, listed("playful", "third")])
        assert await held(engine) == 3
        assert await said(engine, "playful") == await said(engine, "playful")
        assert (await said(engine, "playful"))[:24] != tuple(expected[:24])
        # Its place is its own for as long.
        with pytest.raises(Unavailable) as busy:
            await engine.adopt([FORMAL, PLAYFUL, listed("third")])
        assert busy.value.reason == "ADAPTER_BUSY"
        assert engine.adapters == ("formal", "playful")
        tokens += [token async for delta in deltas for token in delta.token_ids]
    assert tokens == expected
    async with asyncio.timeout(5):
        while await held(engine) != 2:
            await asyncio.sleep(0.02)
    await engine.adopt([FORMAL, PLAYFUL, listed("third")])


async def test_unfit_ones_change_nothing(engine: Engine) -> None:
    place = engine.folder / "adapters"
    sound = digest(place / "playful" / "adapter_model.safetensors")

    async def refused(adapter: Adapter, reason: str) -> None:
        with pytest.raises(FailedPrecondition) as raised:
            await engine.adopt([FORMAL, adapter])
        assert raised.value.reason == reason, raised.value
        assert engine.adapters == ("formal",) and await held(engine) == 1

    await refused(listed("playful", sha256="0" * 64), "WEIGHTS")
    await refused(listed("playful", "nowhere"), "WEIGHTS")
    await refused(Adapter(name="playful", folder="adapters/playful", rank=2), "ADAPTER")
    await refused(Adapter(name="playful", folder="adapters/playful", rank=32), "ADAPTER_ROOM")
    # Of another model's width: only vLLM finds that out, half way through.
    wide = place / "wide"
    shutil.copytree(place / "playful", wide)
    tensors = load_file(wide / "adapter_model.safetensors")
    last = sorted(tensors)[-1]
    tensors[last] = np.zeros((tensors[last].shape[0], 96), np.float32)
    save_file(tensors, wide / "adapter_model.safetensors")
    await refused(listed("wide"), "ADAPTER")
    with pytest.raises(FailedPrecondition) as full:
        await engine.adopt([FORMAL, *(listed(f"a{i}", "third") for i in range(3))])
    assert full.value.reason == "ADAPTER_ROOM"

    before = await said(engine), await said(engine, "formal")
    await engine.adopt([FORMAL, listed("playful", sha256=sound), listed("third")])
    assert len({*before, await said(engine, "playful"), await said(engine, "third")}) == 4
    assert (await said(engine), await said(engine, "formal")) == before


async def test_scores_beside_other_requests(engine: Engine) -> None:
    """What a prompt's tokens are worth is no other request's business."""
    await engine.adopt([FORMAL, PLAYFUL])
    names = (None, "formal", "playful")

    async def score(name: str | None) -> list[float]:
        prompt = await engine.text("안녕하세요, 할머니!")
        return [t.logprob for t in await engine.score(prompt, tenant="a", adapter=name)]

    apart = [await score(name) for name in names]
    assert apart[0] != apart[1] != apart[2]
    asking = [asyncio.create_task(said(engine, name)) for name in names * 4]
    together = await asyncio.gather(*(score(name) for name in names))
    for alone, beside in zip(apart, together, strict=True):
        np.testing.assert_allclose(beside, alone, atol=1e-4)
    await asyncio.gather(*asking)


async def test_many_comings_and_goings_under_load(engine: Engine) -> None:
    expected = await said(engine), await said(engine, "formal")
    going = True

    async def ask(name: str | None) -> set[tuple[int, ...]]:
        return {await said(engine, name) async for _ in _while(lambda: going)}

    asking = [asyncio.create_task(ask(name)) for name in (None, "formal") * 3]
    for _ in range(10):
        await engine.adopt([FORMAL, PLAYFUL])
        await engine.adopt([FORMAL, listed("third"), PLAYFUL])
        await engine.adopt([FORMAL])
    going = False
    for i, replies in enumerate(await asyncio.gather(*asking)):
        assert replies == {expected[i % 2]}


async def _while(condition: Any) -> AsyncIterator[None]:
    while condition():
        yield


async def test_no_pickle_is_ever_loaded(engine: Engine, tmp_path: Path) -> None:
    place = engine.folder / "adapters" / "pickled"
    shutil.copytree(engine.folder / "adapters" / "third", place)
    (place / "adapter_model.safetensors").rename(place / "adapter_model.bin")
    with pytest.raises(FailedPrecondition, match="pickle"):
        await engine.adopt([FORMAL, listed("pickled")])
