"""The engine over its life: adapters, constraints, caches, cancellation, stalls, death."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import psutil
import pytest
import pytest_asyncio

from serving.errors import InvalidArgument, NotFound, Unavailable
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.types import Constraint, Delta, Sampling
from tests.chat_models import ADAPTERS
from tests.integration.chat.conftest import running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

GREEDY = Sampling(temperature=0.0, max_tokens=24, ignore_eos=True)
LONG = "할머니 생신은 언제예요? " * 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    adapters = tuple({"name": n, "folder": f"adapters/{n}", "rank": 4} for n in ADAPTERS)
    folder = tmp_path_factory.mktemp("models")
    async with running(folder, "llama", adapters=adapters, logprobs=5) as started:
        yield started


async def collect(
    engine: Engine, text: str, sampling: Sampling, adapter: str | None = None, tenant: str = "a"
) -> list[Delta]:
    prompt = await engine.text(text)
    deltas = engine.generate(prompt, sampling, tenant=tenant, adapter=adapter)
    return [delta async for delta in deltas]


def ids(deltas: list[Delta]) -> list[int]:
    return [token for delta in deltas for token in delta.token_ids]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def test_a_reply_comes_in_pieces_and_the_last_one_sums_up(engine: Engine) -> None:
    deltas = await collect(engine, "안녕하세요", GREEDY)
    assert len(deltas) > 1
    *before, last = deltas
    assert all(delta.usage is None and delta.finish is None for delta in before)
    assert last.finish == "length"
    assert last.usage is not None and last.usage.completion == 24 == len(ids(deltas))
    assert last.times is not None
    assert min(last.times.queue, last.times.prefill, last.times.decode) > 0


async def test_adapters_differ_and_share_a_batch_with_the_base(engine: Engine) -> None:
    names = (None, *ADAPTERS)
    alone = {name: ids(await collect(engine, "안녕하세요", GREEDY, name)) for name in names}
    assert len({tuple(reply) for reply in alone.values()}) == 3
    batch = [name for _ in range(4) for name in names]
    together = await asyncio.gather(*(collect(engine, "안녕하세요", GREEDY, n) for n in batch))
    for name, reply in zip(batch, together, strict=True):
        assert ids(reply) == alone[name], name


async def test_unknown_adapter_is_not_found(engine: Engine) -> None:
    for name in ("nobody", "../adapters/formal", ""):
        with pytest.raises(NotFound):
            await collect(engine, "hi", GREEDY, name)


async def test_constraints_hold(engine: Engine) -> None:
    schema = {
        "type": "object",
        "properties": {"calm": {"type": "boolean"}, "colour": {"enum": ["red", "blue"]}},
        "required": ["calm", "colour"],
        "additionalProperties": False,
    }
    free = Sampling(temperature=1.0, seed=7, max_tokens=200)

    async def constrained(kind: str, value: str | tuple[str, ...], seed: int) -> str:
        sampling = Sampling(
            temperature=free.temperature,
            seed=seed,
            max_tokens=free.max_tokens,
            constraint=Constraint(kind, value),  # type: ignore[arg-type]
        )
        return text_of(await collect(engine, "red or blue?", sampling))

    for seed in range(3):
        parsed = json.loads(await constrained("json", json.dumps(schema), seed))
        assert type(parsed["calm"]) is bool and parsed["colour"] in ("red", "blue")
        assert re.fullmatch(
            "[a-c]{3}-[0-9]{2}", await constrained("regex", "[a-c]{3}-[0-9]{2}", seed)
        )
        assert await constrained("choice", ("red", "blue"), seed) in ("red", "blue")
        assert await constrained("grammar", 'root ::= "yes" | "no"', seed) in ("yes", "no")


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_tokens=513),
        Sampling(max_tokens=4, temperature=-1.0),
        Sampling(max_tokens=4, logprobs=6),
        Sampling(max_tokens=4, min_tokens=5),
        Sampling(max_tokens=4, constraint=Constraint("json", "{nope")),
        Sampling(max_tokens=4, constraint=Constraint("regex", "((")),
        Sampling(max_tokens=4, logit_bias={10**6: 1.0}),
    ],
)
async def test_what_the_engine_cannot_do_is_the_callers_mistake(
    engine: Engine, sampling: Sampling
) -> None:
    with pytest.raises(InvalidArgument):
        await collect(engine, "hi", sampling)
    assert engine.unfinished == 0


async def test_logprobs_and_scores_agree(engine: Engine) -> None:
    """A greedy reply, scored as a prompt, has the log-probabilities it was chosen with."""
    sampling = Sampling(temperature=0.0, max_tokens=8, logprobs=3, ignore_eos=True)
    prompt = engine.tokens([1, 300, 310])
    deltas = [delta async for delta in engine.generate(prompt, sampling, tenant="a")]
    told = [token for delta in deltas for token in delta.logprobs]
    assert [token[0].token_id for token in told] == ids(deltas)
    assert all(token[0].rank == 1 and len(token) == 3 for token in told)

    scored = await engine.score(engine.tokens([1, 300, 310, *ids(deltas)]), tenant="a")
    assert len(scored) == 2 + 8
    assert [token.logprob for token in scored[2:]] == pytest.approx(
        [token[0].logprob for token in told], abs=1e-3
    )


async def test_several_replies_to_one_prompt(engine: Engine) -> None:
    sampling = Sampling(temperature=1.0, seed=3, max_tokens=12, n=3, ignore_eos=True)
    deltas = await collect(engine, "Once", sampling)
    replies = [ids([d for d in deltas if d.index == i]) for i in range(3)]
    assert all(len(reply) == 12 for reply in replies) and len(set(map(tuple, replies))) == 3
    assert deltas[-1].usage is not None and deltas[-1].usage.completion == 36


async def test_tenants_do_not_share_cached_prefixes(engine: Engine) -> None:
    short = Sampling(temperature=0.0, max_tokens=1)

    async def cached(tenant: str) -> int:
        usage = (await collect(engine, LONG, short, tenant=tenant))[-1].usage
        assert usage is not None
        return usage.cached

    assert await cached("one") == 0
    assert await cached("one") > 100
    assert await cached("two") == 0


async def test_fifty_cancelled_requests_leave_nothing_behind(engine: Engine) -> None:
    """Cut off while queued, in the prefill, after the first token and far into the reply."""
    endless = Sampling(max_tokens=300, ignore_eos=True)
    assert engine.options.sequences < 50

    async def cut(point: int) -> None:
        prompt = await engine.text(f"{point} {LONG}")
        async with aclosing(engine.generate(prompt, endless, tenant="a")) as deltas:
            if point % 5 == 0:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.001 * point / 5):
                        await anext(deltas)
                return
            seen = 0
            async for delta in deltas:
                seen += len(delta.token_ids)
                if seen > point:
                    break

    await asyncio.gather(*(cut(point) for point in range(50)))
    assert engine.unfinished == 0
    await until(lambda: engine.load.running == 0, 2)
    async with asyncio.timeout(2):
        while not await engine.blocks_free():
            await asyncio.sleep(0.05)


async def until(true: object, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def engine_process() -> psutil.Process:
    """The newest engine of this process."""
    found = [p for p in psutil.Process().children() if "EngineCore" in p.name()]
    return max(found, key=lambda process: process.create_time())


async def test_a_hanging_engine_is_found_busy_or_idle(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.check()
    monkeypatch.setattr(engine, "options", engine.options.model_copy(update={"stall_s": 1.0}))
    monkeypatch.setattr(engine, "canary_every", 0.1)
    process = engine_process()
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(0.2)
        with pytest.raises(Unavailable) as idle:
            await engine.check()
        waiting = asyncio.create_task(collect(engine, "hi", GREEDY))
        await asyncio.sleep(1.2)
        with pytest.raises(Unavailable) as busy:
            await engine.check()
        assert {idle.value.reason, busy.value.reason} == {"STALLED"}
    finally:
        process.send_signal(signal.SIGCONT)
    assert len(ids(await waiting)) == 24
    await engine.check()


async def test_a_saturated_engine_is_well(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "options", engine.options.model_copy(update={"stall_s": 2.0}))
    replies = [asyncio.create_task(collect(engine, f"{i}", GREEDY)) for i in range(200)]
    while not all(reply.done() for reply in replies):
        await asyncio.sleep(0.05)
        await engine.check()
    assert {len(ids(reply.result())) for reply in replies} == {24}


async def test_a_killed_engine_fails_its_requests_at_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with running(tmp_path_factory.mktemp("models"), "scripted") as engine:
        endless = Sampling(max_tokens=400, ignore_eos=True)
        prompt = await engine.text("hi")
        deltas = engine.generate(prompt, endless, tenant="a")
        async with aclosing(deltas):
            await anext(deltas)
            engine_process().kill()
            async with asyncio.timeout(5):
                with pytest.raises(Unavailable):
                    async for _ in deltas:
                        pass
        with pytest.raises(Unavailable):
            await collect(engine, "hi", GREEDY)
        with pytest.raises(Unavailable):
            await engine.check()
