"""Conversations through vLLM's renderer and parsers: templates, tools, pictures."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from serving.errors import InvalidArgument
from serving.runtimes.vllm.conversation import Conversations, _parsed
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.types import (
    Constraint,
    Conversation,
    Delta,
    Image,
    Message,
    ReplyDelta,
    Sampling,
    Text,
    Tool,
    ToolCall,
)
from tests.chat_models.language import SCRIPT
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

GREEDY = Sampling(temperature=0.0, max_tokens=60)
QUESTION = Message("user", (Text("할머니 생신은 언제예요?"),))
SAID = "".join(SCRIPT["<|says|>"])
SCHEMA = {
    "type": "object",
    "properties": {"who": {"enum": ["grandma", "grandpa"]}},
    "required": ["who"],
    "additionalProperties": False,
}
TOOL = Tool("find_event", "Finds a day in the family's calendar.", SCHEMA)


@pytest.fixture
def engine(scripted: Served) -> Engine:
    return scripted.engine


@pytest.fixture
def conversations(engine: Engine) -> Conversations:
    conversations = Conversations(engine)
    conversations.warm_up()
    return conversations


async def reply(
    conversations: Conversations, conversation: Conversation, tenant: str = "a"
) -> list[ReplyDelta]:
    return [delta async for delta in conversations.reply(conversation, tenant=tenant)]


def text_of(deltas: list[ReplyDelta]) -> str:
    return "".join(delta.text for delta in deltas)


def calls_of(deltas: list[ReplyDelta]) -> list[tuple[str, str]]:
    """Name and arguments of each call, put together from their pieces."""
    calls: dict[int, list[str]] = {}
    for piece in (call for delta in deltas for call in delta.tool_calls):
        call = calls.setdefault(piece.index, ["", ""])
        call[0] += piece.name or ""
        call[1] += piece.arguments
    return [(name, arguments) for name, arguments in calls.values()]


async def test_text(conversations: Conversations) -> None:
    deltas = await reply(conversations, Conversation((QUESTION,), GREEDY))
    assert text_of(deltas) == SAID
    assert deltas[-1].finish == "stop"


async def test_reasoning_is_told_apart(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    options = engine.options.model_copy(update={"reasoning_parser": "deepseek_r1"})
    monkeypatch.setattr(engine, "options", options)
    deltas = await reply(Conversations(engine), Conversation((QUESTION,), GREEDY, thinking=True))
    assert "".join(delta.reasoning for delta in deltas) == "섬이라… 등대?"
    assert text_of(deltas) == SAID


@pytest.mark.parametrize("tools", [(), (TOOL,)], ids=["reasoning", "tools"])
async def test_merged_deltas_say_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tools: tuple[Tool, ...]
) -> None:
    """The engine merges what a reader has not taken yet, wherever that may be cut."""
    if not tools:
        options = engine.options.model_copy(update={"reasoning_parser": "deepseek_r1"})
        monkeypatch.setattr(engine, "options", options)
    conversations = Conversations(engine)
    asked = Conversation((QUESTION,), GREEDY, tools, thinking=None if tools else True)
    said = await reply(conversations, asked)
    raw = [delta.raw for delta in said]
    rendered = await conversations.render(asked, "a")

    def told(deltas: list[ReplyDelta]) -> tuple[str, str, list[tuple[str, str]]]:
        return "".join(d.reasoning for d in deltas), text_of(deltas), calls_of(deltas)

    places = range(1, len(raw))
    for cut in [(), *((place,) for place in places), *itertools.combinations(places, 2)]:
        parser = conversations._parser(rendered)
        pairs = itertools.pairwise((0, *cut, len(raw)))
        merged = [_parsed(parser, rendered, together(raw[one:other])) for one, other in pairs]
        assert told(merged) == told(said), cut


def together(deltas: list[Delta]) -> Delta:
    tokens = tuple(token for delta in deltas for token in delta.token_ids)
    return replace(deltas[-1], text="".join(delta.text for delta in deltas), token_ids=tokens)


async def test_tool_calls_are_parsed_out_of_the_text(conversations: Conversations) -> None:
    deltas = await reply(conversations, Conversation((QUESTION,), GREEDY, (TOOL,)))
    ((name, arguments),) = calls_of(deltas)
    assert name == "find_event" and json.loads(arguments) == {"who": "grandma"}
    assert text_of(deltas) == "" and deltas[-1].finish == "tool_calls"
    ids = [call.id for delta in deltas for call in delta.tool_calls if call.id]
    assert len(ids) == 1


async def test_a_tools_result_goes_back_into_the_prompt(conversations: Conversations) -> None:
    call = ToolCall("c1", "find_event", '{"who": "grandma"}')
    asked = Message("assistant", (), (call,))
    told = Message("tool", (Text("5 May"),), tool_call_id="c1")
    deltas = await reply(conversations, Conversation((QUESTION, asked, told), GREEDY, (TOOL,)))
    assert text_of(deltas) == SAID and deltas[-1].finish == "stop"
    rendered = await conversations.render(
        Conversation((QUESTION, asked, told), GREEDY, (TOOL,)), "a"
    )
    assert "5 May" in rendered.prompt["prompt"] and "grandma" in rendered.prompt["prompt"]


@pytest.mark.parametrize("choice", ["required", "find_event"])
async def test_a_call_can_be_demanded(conversations: Conversations, choice: str) -> None:
    deltas = await reply(conversations, Conversation((QUESTION,), GREEDY, (TOOL,), choice))
    ((name, arguments),) = calls_of(deltas)
    assert name == "find_event" and json.loads(arguments)["who"] in ("grandma", "grandpa")


async def test_or_forbidden(conversations: Conversations) -> None:
    deltas = await reply(conversations, Conversation((QUESTION,), GREEDY, (TOOL,), "none"))
    assert calls_of(deltas) == [] and text_of(deltas) == SAID


async def test_a_schema_holds_in_a_conversation(conversations: Conversations) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}'
    sampling = Sampling(temperature=0.0, max_tokens=80, constraint=Constraint("json", schema))
    deltas = await reply(conversations, Conversation((QUESTION,), sampling))
    assert type(json.loads(text_of(deltas))["a"]) is bool


def picture(seed: int) -> Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (80, 70, 3), np.uint8)
    return Image(pixels, f"picture {seed}")


async def test_pictures(seeing: Served) -> None:
    """Other pixels, another reply; the same picture again comes from the cache."""
    conversations = Conversations(seeing.engine)
    seen = seeing.engine.progress

    async def look(*pictures: Image, tenant: str = "a") -> tuple[list[int], int, int]:
        hits, queries = seen.image_hits, seen.image_queries
        turn = Message("user", (*pictures, Text("What is this?")))
        deltas = await reply(conversations, Conversation((turn,), GREEDY), tenant)
        ids = [token for delta in deltas for token in delta.raw.token_ids]
        return ids, seen.image_queries - queries, seen.image_hits - hits

    first, queries, hits = await look(picture(0))
    assert (queries, hits) == (1, 0)
    again, _, hits = await look(picture(0))
    assert again == first and hits == 1
    other, _, hits = await look(picture(1))
    assert other != first and hits == 0
    foreign, _, hits = await look(picture(0), tenant="b")
    assert foreign == first and hits == 0
    both, queries, hits = await look(picture(0), picture(1))
    assert both != first and (queries, hits) == (2, 2)
    with pytest.raises(InvalidArgument):
        await look(picture(0), picture(1), picture(2))
