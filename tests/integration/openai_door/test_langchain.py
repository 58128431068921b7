"""LangChain's ChatOpenAI and OpenAIEmbeddings against a whole cluster."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from PIL import Image
from pydantic import BaseModel, SecretStr

from tests.conftest import RunningCluster

from .conftest import Opened

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

QUESTION = "Plan a picnic."


class Tags(BaseModel):
    """Tags of a place."""

    place: bool
    mood: bool


@tool
def add_event(near: bool) -> str:
    """Adds an event."""
    return "added, near" if near else "added"


def chat(opened: Opened, model: str = "llama", **settings: Any) -> ChatOpenAI:
    return ChatOpenAI(
        model=model,
        base_url=f"{opened.url}/v1",
        api_key=SecretStr("everything"),
        temperature=0,
        max_retries=0,
        **settings,
    )


@pytest.fixture
def llama(opened: Opened) -> Iterator[ChatOpenAI]:
    # Random weights would put white space between JSON's tokens for ever, if that cost nothing.
    yield chat(opened, max_completion_tokens=200, frequency_penalty=2)


def test_an_answer_and_its_stream(llama: ChatOpenAI) -> None:
    messages = [SystemMessage("Be brief."), HumanMessage(QUESTION)]
    answer = llama.invoke(messages)
    chunks = list(llama.stream(messages))
    assert answer.text and "".join(chunk.text for chunk in chunks) == answer.text
    assert answer.usage_metadata and answer.usage_metadata["output_tokens"] <= 200


async def test_an_answer_of_an_adapter(opened: Opened) -> None:
    formal = chat(opened, "llama:formal", max_completion_tokens=12)
    base = chat(opened, max_completion_tokens=12)
    assert (await formal.ainvoke(QUESTION)).text != (await base.ainvoke(QUESTION)).text


def test_tools(llama: ChatOpenAI) -> None:
    bound = llama.bind_tools([add_event], tool_choice="add_event")
    answer = bound.invoke(QUESTION)
    (call,) = answer.tool_calls
    assert call["name"] == "add_event" and isinstance(call["args"]["near"], bool)
    said = ToolMessage(add_event.invoke(call["args"]), tool_call_id=call["id"])
    assert llama.invoke([HumanMessage(QUESTION), answer, said]).text is not None


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(llama: ChatOpenAI, method: Any) -> None:
    found = llama.with_structured_output(Tags, method=method).invoke(QUESTION)
    assert isinstance(found, Tags)


def test_a_picture(cluster: RunningCluster) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    parts: Any = [
        {"type": "text", "text": "Write a memo."},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    llava = chat(Opened(cluster), "llava", max_completion_tokens=8)
    assert llava.invoke([HumanMessage(parts)]).text


def test_embeddings(opened: Opened) -> None:
    # Else it would send token ids of a tokenizer of OpenAI's.
    embedder = OpenAIEmbeddings(
        model="embedder",
        base_url=f"{opened.url}/v1",
        api_key=SecretStr("everything"),
        check_embedding_ctx_length=False,
    )
    one, two = embedder.embed_documents(["a lighthouse", "등대"])
    assert len(one) == len(two) == len(embedder.embed_query("a lighthouse"))
    assert np.allclose(one, embedder.embed_query("a lighthouse"), atol=1e-4)
