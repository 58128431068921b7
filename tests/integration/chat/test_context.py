"""What does not fit the context: named by the request's own field, and told how long it was."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import numpy as np
import pytest

import seom
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

CONTEXT = 512
SENTENCE = "섬에는 등대가 있습니다. "
LONG = SENTENCE * 200
# No tokens of the vocabulary, whose longest has 16 characters, are few enough for this one.
ENDLESS = SENTENCE * 4000


async def beyond(call: Awaitable[Any]) -> tuple[list[str], dict[str, str]]:
    with pytest.raises(seom.InvalidArgument) as caught:
        await call
    assert caught.value.reason == "CONTEXT"
    return [field for field, _ in caught.value.fields], caught.value.metadata


def counted(actual: int) -> dict[str, str]:
    return {"limit": str(CONTEXT), "actual": str(actual)}


AT_LEAST = {"limit": str(CONTEXT), "actual_at_least": str(CONTEXT + 1)}


async def test_a_texts_tokens_are_counted(llama: Served) -> None:
    tokenizer = llama.engine.llm.renderer.tokenizer
    tokens = len(tokenizer(LONG)["input_ids"])
    assert tokens > CONTEXT + 1
    assert await beyond(llama.client.complete(LONG)) == (["text"], counted(tokens))
    assert await beyond(llama.client.score(LONG)) == (["text"], counted(tokens))

    turns = [{"role": "user", "content": LONG}]
    prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    tokens = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    assert await beyond(llama.client.chat(LONG)) == (["messages"], counted(tokens))


async def test_a_text_too_long_to_be_tokenised(llama: Served) -> None:
    assert await beyond(llama.client.chat(ENDLESS)) == (["messages"], AT_LEAST)
    assert await beyond(llama.client.complete(ENDLESS)) == (["text"], AT_LEAST)
    assert await beyond(llama.client.score(ENDLESS)) == (["text"], AT_LEAST)


@pytest.mark.parametrize("tokens", [CONTEXT, CONTEXT + 1, 3 * CONTEXT])
async def test_token_ids(llama: Served, tokens: int) -> None:
    ids = [300] * tokens
    expected = (["token_ids"], counted(tokens))
    assert await beyond(llama.client.complete(ids)) == expected
    assert await beyond(llama.client.complete(ids, max_tokens=4)) == expected
    assert await beyond(llama.client.score(ids)) == expected


async def test_what_fits_is_answered(llama: Served) -> None:
    ids = [300] * (CONTEXT - 1)
    reply = await llama.client.complete(ids)
    assert reply.usage.completion_tokens == 1
    assert len((await llama.client.score(ids)).tokens) == CONTEXT - 2


@pytest.mark.parametrize(
    "wanted", [{"max_tokens": 13}, {"min_tokens": 13}, {"min_tokens": 13, "regex": "[a-z]{99}"}]
)
async def test_an_answer_there_is_no_room_for(llama: Served, wanted: dict[str, Any]) -> None:
    field = f"sampling.{next(iter(wanted))}"
    ids = [300] * (CONTEXT - 12)
    assert await beyond(llama.client.complete(ids, **wanted)) == ([field], counted(CONTEXT + 1))


async def test_pictures_become_tokens_later(llava: Served) -> None:
    photo = np.zeros((32, 32, 3), np.uint8)
    fields, told = await beyond(llava.client.chat([photo, LONG]))
    assert fields == ["messages"] and set(told) == {"limit", "actual_at_least"}
    assert int(told["actual_at_least"]) > CONTEXT + 1
