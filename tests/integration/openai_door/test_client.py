"""The official client against a whole cluster."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from openai import OpenAI
from PIL import Image
from pydantic import BaseModel

from seom import Client

from .conftest import PLACES, Opened

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

HELLO: list[Any] = [{"role": "user", "content": "할머니 생신은 언제예요?"}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_completion_tokens": 12}
# Random weights would put white space between JSON's tokens for ever, if that cost nothing.
TERSE: dict[str, Any] = {"temperature": 0, "frequency_penalty": 2, "max_tokens": 200}
LONG: dict[str, Any] = {"max_tokens": 400, "extra_body": {"min_tokens": 400}}
FIND: Any = {
    "type": "function",
    "function": {
        "name": "find_event",
        "description": "Finds an event.",
        "parameters": {
            "type": "object",
            "properties": {"who": {"type": "string", "enum": ["grandma", "ann"]}},
            "required": ["who"],
            "additionalProperties": False,
        },
    },
}


class Tags(BaseModel):
    place: bool
    mood: bool


def picture(shade: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), shade, np.uint8)).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def refused(ask: Callable[[], Any]) -> tuple[int, str | None, str | None]:
    with pytest.raises(openai.APIStatusError) as error:
        ask()
    return error.value.status_code, error.value.code, error.value.param


# Answers ----------------------------------------------------------------------------


def test_an_answer_and_its_stream_say_the_same(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="llama", messages=HELLO, **GREEDY)
    choice = answer.choices[0]
    assert choice.message.content and choice.finish_reason in ("stop", "length")
    assert answer.model == "llama" and answer.usage and answer.usage.completion_tokens <= 12

    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    stream = client.chat.completions.create(model="llama", messages=HELLO, **options, **GREEDY)
    chunks = list(stream)
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == choice.message.content
    assert chunks[-1].usage.completion_tokens == answer.usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_grpc_door_says_it_too(client: OpenAI, opened: Opened) -> None:
    answer = client.chat.completions.create(model="llama", messages=HELLO, **GREEDY)
    with Client(opened.cluster.address, token="everything") as grpc:
        said = grpc.chat(HELLO[0]["content"], model="llama", temperature=0, max_tokens=12)
    assert said.text == answer.choices[0].message.content


def test_adapters_are_models_of_their_own(client: OpenAI) -> None:
    said = {
        name: client.chat.completions.create(model=name, messages=HELLO, **GREEDY).choices[0]
        for name in ("llama", "llama@1", "llama:formal", "llama:playful")
    }
    texts = {name: choice.message.content for name, choice in said.items()}
    assert texts["llama"] == texts["llama@1"] and len(set(texts.values())) == 3


def test_several_answers_and_logprobs(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="llama", messages=HELLO, n=2, seed=5, max_tokens=8, logprobs=True, top_logprobs=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice in answer.choices:
        assert choice.logprobs and choice.logprobs.content
        for token in choice.logprobs.content:
            assert token.logprob <= 0 and len(token.top_logprobs) == 2
            assert token.top_logprobs[0].logprob >= token.logprob


def test_a_stop_ends_an_answer(client: OpenAI) -> None:
    whole = client.chat.completions.create(model="llama", messages=HELLO, **GREEDY)
    text = whole.choices[0].message.content or ""
    stop = text[len(text) // 2]
    cut = client.chat.completions.create(model="llama", messages=HELLO, stop=stop, **GREEDY)
    assert cut.choices[0].message.content == text[: text.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


def test_json_by_a_schema(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="llama", messages=HELLO, response_format=Tags, **TERSE
    )
    assert isinstance(answer.choices[0].message.parsed, Tags)


def test_tools(client: OpenAI) -> None:
    ask: dict[str, Any] = {"model": "llama", "tools": [FIND], **TERSE}
    choice: Any = {"type": "function", "function": {"name": "find_event"}}
    answer = client.chat.completions.create(messages=HELLO, tool_choice=choice, **ask)
    (call,) = answer.choices[0].message.tool_calls or ()
    assert call.function.name == "find_event"
    assert json.loads(call.function.arguments)["who"] in ("grandma", "ann")

    told = [
        *HELLO,
        answer.choices[0].message,
        {"role": "tool", "tool_call_id": call.id, "content": "in May"},
    ]
    after = client.chat.completions.create(messages=told, tool_choice="none", **ask)
    assert after.choices[0].message.content is not None


def test_tools_in_a_stream(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="llama", messages=HELLO, tools=[FIND], tool_choice="required",
        parallel_tool_calls=False, stream=True, **TERSE,
    )  # fmt: skip
    pieces = [
        call
        for chunk in stream
        for call in chunk.choices[0].delta.tool_calls or ()
        if call.function
    ]
    names = [piece.function.name for piece in pieces if piece.function and piece.function.name]
    arguments = "".join(p.function.arguments or "" for p in pieces if p.function)
    assert names == ["find_event"] and pieces[0].id
    assert json.loads(arguments)["who"] in ("grandma", "ann")


def test_pictures(seeing: OpenAI) -> None:
    def describe(*shades: int) -> str | None:
        parts: Any = [{"type": "text", "text": "What is it?"}, *map(picture, shades)]
        messages: Any = [{"role": "user", "content": parts}]
        answer = seeing.chat.completions.create(model="llava", messages=messages, **GREEDY)
        return answer.choices[0].message.content

    assert describe(0) == describe(0) != describe(255)
    assert describe(0, 255) is not None


def test_completions(client: OpenAI) -> None:
    ask: dict[str, Any] = {"model": "llama:formal", "temperature": 0, "max_tokens": 8}
    whole = client.completions.create(prompt="Once upon a time", echo=True, **ask).choices[0]
    stream = client.completions.create(prompt=["Once upon a time"], stream=True, **ask)
    grown = "".join(chunk.choices[0].text for chunk in stream)
    assert whole.text == "Once upon a time" + grown
    weighed = client.completions.create(prompt=[5, 6, 7], logprobs=1, **ask).choices[0]
    assert weighed.logprobs and len(weighed.logprobs.tokens or ()) == 8


def test_embeddings(client: OpenAI) -> None:
    texts = ["할머니 생신", "a lighthouse"]
    found = client.embeddings.create(model="embedder", input=texts)
    plain = client.embeddings.create(model="embedder", input=texts, encoding_format="float")
    vectors = np.array([entry.embedding for entry in found.data])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors, [entry.embedding for entry in plain.data], atol=1e-6)
    assert found.usage.prompt_tokens > 2 and not np.allclose(vectors[0], vectors[1])


def test_models(client: OpenAI, opened: Opened) -> None:
    everything = ["embedder", "llama", "llama:formal", "llama:playful"]
    assert [model.id for model in client.models.list()] == everything
    assert client.models.retrieve("llama:formal").owned_by == "seom"
    assert refused(lambda: client.models.retrieve("nix"))[0] == 404
    with opened.client("narrow") as narrow:
        assert [model.id for model in narrow.models.list()] == everything[1:]
        assert refused(lambda: narrow.models.retrieve("embedder"))[0] == 404


def test_a_body_whose_model_comes_last(opened: Opened) -> None:
    """The edge sees the beginning alone; control finds the model."""
    body = {"messages": HELLO, "user": "x" * 1_000_000, "stream": True, "max_tokens": 6}
    content = json.dumps(body | {"model": "llama:formal"})
    headers = {"authorization": "Bearer everything", "content-type": "application/json"}
    url = f"{opened.url}/v1/chat/completions"
    answer = httpx.post(url, content=content, headers=headers, timeout=60)
    assert answer.status_code == 200 and answer.text.endswith("data: [DONE]\n\n")
    headers["authorization"] = "Bearer narrow"
    content = json.dumps(body | {"model": "embedder"})
    assert httpx.post(url, content=content, headers=headers).status_code == 403


# Refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "model", "expected"),
    [
        ("nobody", "llama", (401, "invalid_api_key", None)),
        ("admin", "llama", (403, "scope_missing", None)),
        ("narrow", "embedder", (403, "model_not_allowed", None)),
        ("narrow", "nix", (403, "model_not_allowed", None)),
        ("everything", "nix", (404, "model_not_found", None)),
        ("everything", "llama@7", (404, "model_not_found", None)),
        ("everything", "llama:nix", (404, "adapter_not_found", "model")),
        ("everything", "llama:../x", (400, "invalid_argument", "model")),
        ("everything", "llama:https://elsewhere.example/a", (400, "invalid_argument", "model")),
        ("everything", "embedder", (400, "wrong_family", "model")),
    ],
)
def test_who_may_ask_what(opened: Opened, token: str, model: str, expected: Any) -> None:
    with opened.client(token) as client:
        found = refused(lambda: client.chat.completions.create(model=model, messages=HELLO))
    assert found == expected


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"messages": []}, "invalid_argument", "messages"),
        ({"n": 99}, "invalid_argument", "n"),
        ({"max_completion_tokens": 512}, "invalid_argument", "max_completion_tokens"),
        ({"max_tokens": 511}, "context_length_exceeded", "max_tokens"),
        (
            {"messages": [{"role": "user", "content": "x " * 2000}]},
            "context_length_exceeded",
            "messages",
        ),
        (
            {"messages": [{"role": "user", "content": "x " * 20000}]},
            "context_length_exceeded",
            "messages",
        ),
        ({"extra_body": {"cache_salt": "x"}}, "invalid_argument", "cache_salt"),
        ({"logit_bias": {"5": 100}}, "invalid_argument", "logit_bias"),
        ({"logprobs": True, "top_logprobs": 21}, "invalid_argument", "top_logprobs"),
        ({"messages": [{"role": "user", "content": [picture(0)]}]}, "invalid_argument", "messages"),
        (
            {"extra_body": {"structured_outputs": {"regex": "([a-z]"}}},
            "invalid_argument",
            "structured_outputs",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "invalid_argument",
            "response_format.json_schema.schema",
        ),
    ],
)
def test_what_is_wrong_is_named(
    client: OpenAI, fields: dict[str, Any], code: str | None, param: str
) -> None:
    ask: dict[str, Any] = {"model": "llama", "messages": HELLO, **fields}
    status, found, named = refused(lambda: client.chat.completions.create(**ask))
    assert (status, named) == (400, param) and code in (None, found)


@pytest.mark.parametrize("ids", [512, 600])
def test_token_ids_beyond_the_context(client: OpenAI, ids: int) -> None:
    ask: dict[str, Any] = {"model": "llama", "prompt": [300] * ids, "max_tokens": 4}
    expected = (400, "context_length_exceeded", "prompt")
    assert refused(lambda: client.completions.create(**ask)) == expected
    with pytest.raises(openai.BadRequestError, match=f"has {ids} tokens.* 512"):
        client.completions.create(**ask)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1:{}/redirect?to=http://169.254.169.254/", 501),
        ("http://elsewhere.example\\@127.0.0.1:{}/a.png", 501),
        ("http://169.254.169.254/x", 501),
        ("file:///etc/passwd", 501),
        ("data:image/png;base64,AAAA", 400),
    ],
)
def test_a_picture_that_is_none(seeing: OpenAI, url: str, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        image = {"type": "image_url", "image_url": {"url": url.format(server.getsockname()[1])}}
        messages: Any = [{"role": "user", "content": [image]}]
        found, _, param = refused(
            lambda: seeing.chat.completions.create(model="llava", messages=messages)
        )
        with pytest.raises(BlockingIOError):
            server.accept()
    assert (found, param) == (status, "messages[0].content[0].image_url.url")


def test_a_deadline_ends_an_answer(client: OpenAI) -> None:
    deadline: Any = {"extra_headers": {"grpc-timeout": "300m"}}
    ask: dict[str, Any] = {"model": "llama", "messages": HELLO, **LONG, **deadline}
    expected = (504, "deadline_exceeded", None)
    assert refused(lambda: client.chat.completions.create(**ask)) == expected
    with pytest.raises(openai.APIError, match="the deadline passed"):
        list(client.chat.completions.create(stream=True, **ask))


def test_leaving_a_stream_frees_its_place(client: OpenAI) -> None:
    ask: dict[str, Any] = {"model": "llama", "messages": HELLO}
    refusals: list[openai.RateLimitError] = []
    enough = threading.Event()

    def read() -> None:
        """Takes a place or is refused, and leaves long before its answer ends."""
        while not enough.is_set():
            try:
                with client.chat.completions.create(stream=True, **ask, **LONG) as stream:
                    for _ in stream:
                        if enough.is_set():
                            return
            except openai.RateLimitError as error:
                refusals.append(error)
                enough.set()

    # One more than there is room for: whoever comes last finds no place.
    with ThreadPoolExecutor(PLACES + 1) as readers:
        reading = [readers.submit(read) for _ in range(PLACES + 1)]
        try:
            assert enough.wait(30)
        finally:
            enough.set()
        for each in reading:
            each.result(30)
    assert {error.code for error in refusals} == {"queue_full"}
    assert int(refusals[0].response.headers["retry-after"]) >= 1
    begin = time.monotonic()
    while not _answers(client, ask):
        assert time.monotonic() - begin < 10
        time.sleep(0.02)


def _answers(client: OpenAI, ask: dict[str, Any]) -> bool:
    try:
        return bool(client.chat.completions.create(**ask, max_tokens=1).choices)
    except openai.RateLimitError:
        return False
