"""seom.v1.ChatService on a real engine: answers, streams, refusals, ends."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import numpy as np
import pytest

import seom
from seom.messages import Message
from tests.chat_models.language import SCRIPT
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

QUESTION = "할머니 생신은 언제예요?"
SAID = "".join(SCRIPT["<|says|>"])
GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 24}
ENDLESS: dict[str, Any] = {"min_tokens": 400, "max_tokens": 400}


async def idle(served: Served) -> None:
    """Waits until nothing is under way; fails after two seconds."""
    async with asyncio.timeout(2):
        while served.replica.growing.streams.in_flight or served.engine.unfinished:
            await asyncio.sleep(0.01)
    assert await served.engine.blocks_free()


# Answers ----------------------------------------------------------------------------


async def test_an_answer_with_usage_and_timing(llama: Served) -> None:
    reply = await llama.client.chat(QUESTION, **GREEDY)
    assert reply.text and reply.model == "llama" and reply.version == "1"
    assert reply.finish_reason is seom.FinishReason.LENGTH
    assert reply.usage.completion_tokens == 24 and reply.usage.prompt_tokens > 5
    timing = reply.timing
    assert 0 < timing.ttft_ms < timing.total_ms and timing.per_token_ms > 0


async def test_a_stream_says_the_same(llama: Served) -> None:
    whole = await llama.client.chat(QUESTION, **GREEDY)
    async with llama.client.chat_stream(QUESTION, **GREEDY) as stream:
        texts = [delta.text async for delta in stream]
    assert "".join(texts) == whole.text == stream.reply.text and len(texts) > 1
    assert stream.reply.usage.completion_tokens == 24
    assert stream.reply.model == "llama" and stream.reply.timing.ttft_ms > 0


async def test_several_answers(llama: Served) -> None:
    reply = await llama.client.chat(QUESTION, n=3, seed=5, temperature=1.0, max_tokens=12)
    assert len(reply.answers) == 3 and len({answer.text for answer in reply.answers}) == 3
    assert 3 <= reply.usage.completion_tokens <= 36


async def test_logprobs(llama: Served) -> None:
    reply = await llama.client.chat(QUESTION, logprobs=2, **GREEDY)
    assert len(reply.logprobs) == 24
    first = reply.logprobs[0]
    assert first.logprob <= 0 and len(first.top) >= 1
    # Greedy: nothing is likelier than what was said.
    assert all(other.logprob <= first.logprob for other in first.top)
    async with llama.client.chat_stream(QUESTION, logprobs=2, **GREEDY) as stream:
        deltas = [delta async for delta in stream]
    assert [delta.role for delta in deltas if delta.role] == ["assistant"]
    streamed = [token for delta in deltas for token in delta.logprobs]
    assert [token.token for token in streamed] == [token.token for token in reply.logprobs]
    # Pieces of characters are the bytes they are; together they are the text.
    spelt = b"".join(token.bytes for token in streamed)
    assert spelt.decode("utf-8", "replace").removesuffix("<|im_end|>") == stream.reply.text


async def test_adapters_answer_for_themselves(llama: Served) -> None:
    names = ("", "formal", "playful")
    replies = await asyncio.gather(
        *(llama.client.chat(QUESTION, adapter=name, **GREEDY) for name in names)
    )
    assert len({reply.text for reply in replies}) == 3
    with pytest.raises(seom.NotFound, match="formal, playful"):
        await llama.client.chat(QUESTION, adapter="sad")


async def test_completion_of_text_and_of_tokens(llama: Served) -> None:
    text = await llama.client.complete("섬에는", **GREEDY)
    ids = llama.engine.llm.renderer.tokenizer.encode("섬에는")
    tokens = await llama.client.complete(ids, **GREEDY)
    assert text.text == tokens.text != ""
    async with llama.client.complete_stream("섬에는", **GREEDY) as stream:
        pieces = [delta.text async for delta in stream]
    assert "".join(pieces) == stream.reply.text == text.text
    spent = stream.reply.timing
    assert 0 <= (spent.queue_ms or 0) <= (spent.ttft_ms or 0) <= (spent.total_ms or 0)


async def test_scores_agree_with_what_was_generated(llama: Served) -> None:
    """What the model says greedily it must find as likely as it said it was."""
    ids = list(llama.engine.llm.renderer.tokenizer.encode("섬에는"))
    said = await llama.client.complete(ids, temperature=0.0, max_tokens=6, logprobs=0)
    said_ids = [
        llama.engine.llm.renderer.tokenizer.convert_tokens_to_ids(token)
        for token in llama.engine.llm.renderer.tokenizer.tokenize(said.text)
    ]
    score = await llama.client.score([*ids, *said_ids])
    assert len(score.tokens) == len(ids) + len(said_ids) - 1
    assert score.total == pytest.approx(sum(token.logprob for token in score.tokens), rel=1e-5)
    if len(said_ids) == 6:  # the text may be cut into other tokens
        expected = [token.logprob for token in said.logprobs]
        assert [t.logprob for t in score.tokens[-6:]] == pytest.approx(expected, abs=1e-3)


async def test_a_schema_holds(llama: Served) -> None:
    schema = {
        "type": "object",
        "properties": {"salt": {"type": "boolean"}, "grams": {"enum": [10, 20]}},
        "required": ["salt", "grams"],
        "additionalProperties": False,
    }
    reply = await llama.client.chat(QUESTION, schema=schema, temperature=1.0, max_tokens=60)
    assert set(reply.parsed) == {"salt", "grams"} and reply.parsed["grams"] in (10, 20)
    assert (await llama.client.chat(QUESTION, choice=["예", "아니요"])).text in ("예", "아니요")
    assert (await llama.client.chat(QUESTION, regex="[0-9]{4}")).text.isdigit()
    grammar = 'root ::= "a" "b"'
    assert (await llama.client.chat(QUESTION, grammar=grammar)).text == "ab"


async def test_tools_are_run_and_their_results_used(scripted: Served) -> None:
    asked: list[str] = []

    def find_event(who: Literal["grandma", "grandpa"]) -> str:
        """Finds a day in the family's calendar."""
        asked.append(who)
        return "5 May"

    reply = await scripted.client.chat(QUESTION, tools=[find_event], temperature=0.0, max_tokens=60)
    assert asked == ["grandma"] and reply.text == SAID
    tool = seom.Tool.of(find_event)
    unrun = seom.Tool(tool.name, tool.description, tool.parameters)
    reply = await scripted.client.chat(QUESTION, tools=[unrun], temperature=0.0, max_tokens=60)
    (call,) = reply.tool_calls
    assert call.name == "find_event" and call.arguments == {"who": "grandma"}
    assert reply.finish_reason is seom.FinishReason.TOOL_CALLS
    async with scripted.client.chat_stream(
        QUESTION, tools=[unrun], temperature=0.0, max_tokens=60
    ) as stream:
        pieces = [piece async for piece in stream]
    assert stream.reply.tool_calls[0].arguments == call.arguments and pieces


async def test_a_conversation_finds_its_prefix_again_but_no_others(llama: Served) -> None:
    long = "섬에는 등대가 하나 있습니다. " * 8
    mine = {"metadata": {"x-seom-tenant": "mine"}}
    await llama.client.chat(long, **GREEDY, **mine)
    again = await llama.client.chat(long, **GREEDY, **mine)
    assert again.usage.cached_tokens >= 32
    other = await llama.client.chat(long, **GREEDY, metadata={"x-seom-tenant": "other"})
    assert other.usage.cached_tokens == 0


async def test_two_calls_with_one_request_id(llama: Served) -> None:
    """The engine has ids of its own, so neither takes the other's place or answer."""
    same = {"metadata": {"x-request-id": "one-for-both"}, **GREEDY}
    questions = (QUESTION, "Where is the lighthouse?")
    alone = [(await llama.client.chat(question, **GREEDY)).text for question in questions]
    together = await asyncio.gather(*(llama.client.chat(q, **same) for q in questions))
    assert [reply.text for reply in together] == alone and alone[0] != alone[1]
    streams = await asyncio.gather(*(_streamed(llama, q, same) for q in questions))
    assert list(streams) == alone


async def _streamed(served: Served, question: str, settings: dict[str, Any]) -> str:
    async with served.client.chat_stream(question, **settings) as stream:
        return "".join([delta.text async for delta in stream])


# Refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"temperature": float("nan")}, "sampling.temperature"),
        ({"temperature": -0.1}, "sampling.temperature"),
        ({"top_p": 0.0}, "sampling.top_p"),
        ({"presence_penalty": 1e9}, "sampling.presence_penalty"),
        ({"n": 9}, "sampling.n"),
        ({"n": 2**31 - 1}, "sampling.n"),
        ({"max_tokens": 0}, "sampling.max_tokens"),
        ({"max_tokens": 512}, "sampling.max_tokens"),
        ({"max_tokens": 508}, "sampling.max_tokens"),
        ({"min_tokens": 20, "max_tokens": 10}, "sampling.min_tokens"),
        ({"min_tokens": 10**7}, "sampling.min_tokens"),
        ({"logprobs": 21}, "sampling.logprobs"),
        ({"regex": "[a-"}, "format.regex"),
        ({"regex": "(a+)+b"}, "format.regex"),
        ({"regex": "a" * 5000}, "format.regex"),
        ({"schema": {"type": "string", "pattern": "(a+)+b"}}, "format.json_schema"),
        ({"grammar": "root ::= "}, "format.grammar"),
        ({"schema": {"type": "nonsense"}}, "format.json_schema"),
        ({"schema": {"$ref": "https://elsewhere.example/a"}}, "format.json_schema"),
    ],
)
async def test_bad_input_is_named(llama: Served, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(seom.InvalidArgument) as caught:
        await llama.client.chat(QUESTION, **arguments)
    assert [found for found, _ in caught.value.fields] == [field], caught.value
    assert (await llama.client.chat(QUESTION, **GREEDY)).text  # and harms nobody else


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "https://elsewhere.example/a", "a\n"])
async def test_an_adapter_is_no_path_and_no_address(llama: Served, name: str) -> None:
    for call in (llama.client.chat, llama.client.complete, llama.client.score):
        with pytest.raises(seom.InvalidArgument) as caught:
            await call(QUESTION, adapter=name)
        assert [field for field, _ in caught.value.fields] == ["adapter"]


async def test_token_ids_beyond_the_vocabulary(llama: Served) -> None:
    with pytest.raises(seom.InvalidArgument) as caught:
        await llama.client.complete([1, 2**31])
    assert [field for field, _ in caught.value.fields] == ["token_ids.ids"]


async def test_pictures_for_a_model_that_does_not_see(llama: Served) -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(seom.InvalidArgument, match="no pictures"):
        await llama.client.chat([photo, "What is it?"])


async def test_orders_of_messages(llama: Served) -> None:
    late = [Message("user", "a"), Message("system", "b"), Message("user", "c")]
    with pytest.raises(seom.InvalidArgument, match=r"messages\[1\].role"):
        await llama.client.chat(late)
    with pytest.raises(seom.InvalidArgument, match="must end"):
        await llama.client.chat([Message("user", "a"), Message("assistant", "b")])


async def test_another_familys_call(llama: Served) -> None:
    with pytest.raises(seom.InvalidArgument, match="is a chat model"):
        await llama.client.detect(np.zeros((8, 8, 3), np.uint8))


async def test_grammars_are_for_models_that_say_so(scripted: Served) -> None:
    with pytest.raises(seom.InvalidArgument, match=r"`grammars` in model.yaml") as caught:
        await scripted.client.chat(QUESTION, grammar='root ::= "a"')
    assert [field for field, _ in caught.value.fields] == ["format.grammar"]


# Ends -------------------------------------------------------------------------------


async def test_leaving_a_stream_ends_the_work(llama: Served) -> None:
    async with llama.client.chat_stream(QUESTION, **ENDLESS) as stream:
        async for _ in stream:
            break
    await idle(llama)


async def test_deadlines(llama: Served) -> None:
    with pytest.raises(seom.DeadlineExceeded):
        await llama.client.chat(QUESTION, **ENDLESS, timeout=0.05)
    with pytest.raises(seom.DeadlineExceeded):
        async with llama.client.chat_stream(QUESTION, **ENDLESS, timeout=0.05) as stream:
            async for _ in stream:
                pass
    await idle(llama)


async def test_too_many_are_refused_with_a_hint(llama: Served) -> None:
    """Eight places and a queue of four: of twenty at once, eight are turned away."""
    calls = [
        llama.client.chat(QUESTION, min_tokens=100, max_tokens=100, timeout=60) for _ in range(20)
    ]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, seom.Overloaded)]
    assert len(refused) == 8 and sum(isinstance(end, seom.Reply) for end in ends) == 12
    assert all(end.retry_after > 0 for end in refused)
    await llama.replica.check()
    await idle(llama)
