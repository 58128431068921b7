"""The engine at work: adapters, constraints, log-probabilities, caches; see also test_life."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from serving.errors import InvalidArgument, NotFound
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.types import Constraint, Delta, Sampling
from tests.chat_models import ADAPTERS
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

GREEDY = Sampling(temperature=0.0, max_tokens=24, ignore_eos=True)
LONG = "할머니 생신은 언제예요? " * 30


@pytest.fixture
def engine(llama: Served) -> Engine:
    return llama.engine


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
        Sampling(max_tokens=4, logprobs=21),
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
