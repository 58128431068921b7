"""Asking a language model: every form of a question, and every part of a reply."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from seom import (
    Client,
    FinishReason,
    InvalidArgument,
    Message,
    NotFound,
    ToolCall,
    Unavailable,
    UnusableAnswer,
    Usage,
)
from seom.messages import conversation

from .server import Server


class Tags(BaseModel):
    tags: list[str]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"jpeg")
    return file


def said(server: Server) -> list[tuple[int, list[str]]]:
    """The messages as they arrived: role, and each part's words or kind of picture."""
    return [
        (each.role, [part.text or part.image.WhichOneof("kind") for part in each.parts])
        for each in server.last.request.messages
    ]


SYSTEM, USER, ASSISTANT, TOOL = 1, 2, 3, 4


def test_a_question(client: Client, server: Server) -> None:
    reply = client.chat("Plan a picnic.", model="m", adapter="persona", system="Be brief.")
    assert (server.last.method, server.last.request.adapter) == ("Chat", "persona")
    assert server.last.metadata["application"] == "m"
    assert said(server) == [(SYSTEM, ["Be brief."]), (USER, ["Plan a picnic."])]
    assert reply.text == "Bread, cheese and a blanket."
    assert (reply.finish_reason, reply.model, reply.version) == ("STOP", "m", "1")
    assert reply.usage == Usage(5, 2, 5)
    assert reply.usage.total_tokens == 10
    assert (reply.parsed, reply.tool_calls, reply.reasoning, reply.logprobs) == (None, (), "", ())
    assert reply.messages == (Message("assistant", "Bread, cheese and a blanket."),)


def test_timing_knows_the_generation(client: Client) -> None:
    timing = client.chat("Hello.").timing
    assert (timing.queue_ms, timing.ttft_ms, timing.per_token_ms) == (4.0, 30.0, 2.0)
    assert timing.total_ms == 3.0
    assert (timing.round_trip_ms or 0) > 0


def test_every_round_has_its_timing(client: Client) -> None:
    reply = client.chat("Hello.")
    assert reply.rounds == (reply.timing,)


def test_what_is_not_asked_for_is_not_sent(client: Client, server: Server) -> None:
    client.chat("Hello.", max_tokens=None, stop=())
    names = {field.name for field, _ in server.last.request.ListFields()}
    assert names <= {"messages", "sampling"}
    assert not server.last.request.sampling.ListFields()


def test_every_setting_arrives(client: Client, server: Server) -> None:
    client.chat(
        "Hello.",
        max_tokens=9,
        min_tokens=1,
        temperature=0.5,
        top_p=0.75,
        top_k=40,
        min_p=0.125,
        presence_penalty=-1,
        frequency_penalty=0.25,
        repetition_penalty=1.5,
        seed=-7,
        stop=["\n", "END"],
        n=2,
        logprobs=0,
    )
    sent = {field.name: value for field, value in server.last.request.sampling.ListFields()}
    assert sent.pop("stop") == ["\n", "END"]
    assert list(sent.values()) == [0.5, 0.75, 40, 0.125, -1, 0.25, 1.5, -7, 9, 1, 2, 0]
    client.chat("Hello.", stop="END")
    assert server.last.request.sampling.stop == ["END"]


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"temprature": 1}, TypeError, "temprature: is no argument; the settings .* top_p"),
        ({"max_tokens": "many"}, TypeError, "max_tokens: 'many' is of the wrong type"),
        ({"max_tokens": -1}, ValueError, "max_tokens: -1 is out of range"),
        ({"seed": 2**63}, ValueError, "seed"),
        ({"stop": 3}, TypeError, "stop: 3 is of the wrong type"),
        ({"schema": dict, "regex": "a"}, ValueError, "schema and regex: .* one form"),
        ({"schema": "{}"}, TypeError, "schema: give a pydantic model class"),
        ({"schema": int}, TypeError, "schema: give a pydantic model class"),
        ({"choice": "yes"}, TypeError, "choice: give a sequence"),
        ({"system": 5}, TypeError, "content"),
        ({"max_rounds": 0}, ValueError, "max_rounds"),
        ({"tool_choice": "dance"}, ValueError, "tool_choice: 'dance' is none of auto, none"),
        ({"timeout": 0}, ValueError, "timeout"),
    ],
)
def test_what_cannot_be_said_never_leaves(
    settings: dict[str, Any], error: type[Exception], says: str, client: Client, server: Server
) -> None:
    for ask in (client.chat, client.chat_stream):
        with pytest.raises(error, match=says):
            ask("Hello.", **settings)
    assert not server.seen


def test_photos_and_text(client: Client, server: Server, photo: Path) -> None:
    gray = np.zeros((4, 6), np.uint8)
    reply = client.chat([photo, b"png", gray, Image.new("RGB", (2, 2)), "Write a memo."])
    assert reply.text == "Two animals in the street."
    kinds = ["encoded", "encoded", "pixels", "pixels", "Write a memo."]
    assert said(server) == [(USER, kinds)]
    assert server.last.request.messages[0].parts[0].image.encoded == b"jpeg"


def test_a_str_among_parts_is_text(client: Client, server: Server, photo: Path) -> None:
    client.chat([str(photo), "What is this?"])
    assert said(server) == [(USER, [str(photo), "What is this?"])]


def test_a_conversation_goes_on(client: Client, server: Server) -> None:
    messages = [Message("user", "Plan a picnic.")]
    messages += client.chat(messages, system="Be brief.").messages
    client.chat([*messages, {"role": "user", "content": ["And", b"jpeg"]}], system="Be brief.")
    assert said(server) == [
        (SYSTEM, ["Be brief."]),
        (USER, ["Plan a picnic."]),
        (ASSISTANT, ["Bread, cheese and a blanket."]),
        (USER, ["And", "encoded"]),
    ]


def test_messages_of_tools_arrive_whole(client: Client, server: Server) -> None:
    call = ToolCall("c1", "add", '{"a": 1}')
    client.chat([Message("assistant", "", [call]), Message("tool", "2", tool_call_id="c1")])
    first, second = server.last.request.messages
    (sent,) = first.tool_calls
    assert (sent.id, sent.name, sent.arguments) == ("c1", "add", '{"a": 1}')
    assert (second.role, second.tool_call_id, list(first.parts)) == (TOOL, "c1", [])


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        ([], ValueError, "prompt: is empty"),
        (b"jpeg", TypeError, "not one bytes"),
        (5, TypeError, "not one int"),
        ([5], TypeError, "a part is text"),
        ([Message("user", "a"), "b"], TypeError, "mixed"),
        ([{"role": "boss", "content": "a"}], ValueError, r"messages\[0\]: role: 'boss' is none"),
        ([{"role": "user", "text": "a"}], TypeError, r"messages\[0\]: .*'text'.*keys are role"),
        ([{"role": "user", "content": {"a": 1}}], TypeError, "content: give text"),
        ([np.zeros((2, 2)), "a"], TypeError, "uint8"),
        ([Path("/no/such/file.jpg")], FileNotFoundError, "no such file"),
    ],
)
def test_a_prompt_that_is_none(
    prompt: Any, error: type[Exception], says: str, client: Client, server: Server
) -> None:
    with pytest.raises(error, match=says):
        client.chat(prompt)
    assert not server.seen


def test_one_system_message_only() -> None:
    with pytest.raises(ValueError, match="system"):
        conversation([Message("system", "a"), Message("user", "b")], "c")


def test_one_message_and_its_parts() -> None:
    (message,) = conversation(Message("user", b"jpeg"), None)
    assert message.parts == (b"jpeg",)


def test_an_answer_that_is_cut_off(client: Client) -> None:
    reply = client.chat("Plan a picnic.", max_tokens=2)
    assert (reply.text, reply.finish_reason) == ("Bread, cheese", FinishReason.LENGTH)


def test_several_answers(client: Client) -> None:
    reply = client.chat("Plan a picnic.", n=3, logprobs=1)
    assert [each.text[:3] for each in reply.answers] == ["Bre", "1: ", "2: "]
    first = reply.logprobs[0]
    assert (first.token, first.bytes, first.logprob) == ("Bread,", b"Bread,", -0.5)
    assert [each.token for each in first.top] == ["Bread,", "?"]


def test_reasoning(client: Client) -> None:
    assert client.chat("Hello.", model="thinker").reasoning == "Let me see."


def test_a_pydantic_model_gives_its_instances(client: Client, server: Server) -> None:
    reply = client.chat("Tag it.", schema=Tags)
    assert reply.parsed == Tags(tags=["cat", "dog"])
    assert reply.parsed is reply.answers[0].parsed
    assert '"tags"' in server.last.request.format.json_schema


def test_a_schema_gives_json(client: Client, server: Server) -> None:
    schema = {"type": "object", "properties": {"kind": {"type": "string"}}}
    assert client.chat("What?", schema=schema).parsed == {"kind": "cat"}
    assert client.chat("Tag it.", schema=dict).parsed == {"tags": ["cat", "dog"]}
    assert server.last.request.format.json_object


def test_the_other_forms(client: Client, server: Server) -> None:
    assert client.chat("Which?", choice=["yes", "no"]).text == "yes"
    assert list(server.last.request.format.choice.texts) == ["yes", "no"]
    assert client.chat("When?", regex=r"\d+").text == "2026-05-03"
    assert server.last.request.format.regex == r"\d+"
    client.chat("When?", grammar="root ::= [0-9]+")
    assert server.last.request.format.grammar == "root ::= [0-9]+"


@pytest.mark.parametrize("schema", [Tags, dict])
def test_text_that_does_not_fit_is_shown(schema: Any, client: Client) -> None:
    reply = client.chat("Tag it badly.", schema=schema)
    assert reply.text == '{"tags": "cat'
    for _ in range(2):
        with pytest.raises(
            UnusableAnswer, match=r"fit the schema: '\{\"tags\": \"cat' \("
        ) as error:
            _ = reply.parsed
        assert error.value.text == reply.text
        assert "\n" not in str(error.value)


def test_text_that_was_cut_off_says_so(client: Client) -> None:
    reply = client.chat("Tag it.", schema=Tags, max_tokens=1)
    with pytest.raises(UnusableAnswer, match=r"cut off at max_tokens: '\{\"tags\":'"):
        _ = reply.parsed


def test_a_model_that_json_fits_and_the_schema_does_not(client: Client) -> None:
    class Other(BaseModel):
        names: list[str]

    with pytest.raises(UnusableAnswer, match=r"names.*required"):
        _ = client.chat("Tag it.", schema=Other).parsed


def test_replies_pickle(client: Client) -> None:
    reply = client.chat("Tag it.", schema=Tags, logprobs=1)
    assert pickle.loads(pickle.dumps(reply)) == reply  # noqa: S301


def test_errors_are_as_elsewhere(client: Client) -> None:
    with pytest.raises(NotFound, match="missing"):
        client.chat("Hello.", model="missing")
    with pytest.raises(InvalidArgument):
        client.complete("Hello.", model="INVALID_ARGUMENT")


def test_a_whole_answer_is_asked_for_again(client: Client, server: Server) -> None:
    server.unavailable = 1
    assert client.chat("Plan a picnic.").text
    server.unavailable = 1
    with pytest.raises(Unavailable), client.chat_stream("Plan a picnic.") as stream:
        next(stream)


def test_complete(client: Client, server: Server) -> None:
    reply = client.complete("Once upon a time", adapter="a", max_tokens=2, regex=".*")
    assert reply.text == " there was"
    request = server.last.request
    assert (request.text, request.adapter, request.format.regex) == ("Once upon a time", "a", ".*")
    assert client.complete(np.array([1, 2])).text == " 1 2"
    assert list(server.last.request.token_ids.ids) == [1, 2]
    assert server.last.request.WhichOneof("prompt") == "token_ids"


def test_score(client: Client, server: Server) -> None:
    score = client.score("Once upon a time", model="m", adapter="a")
    assert (score.model, score.version, score.total) == ("m", "1", -1.5)
    assert [each.token for each in score.tokens] == [" upon", " a", " time"]
    assert score.perplexity == pytest.approx(np.exp(0.5))
    assert server.last.request.adapter == "a"
    assert score.timing.device_ms == 2.0
    assert np.isnan(client.score([5]).perplexity)
    assert score.usage.prompt_tokens == 4


@pytest.mark.parametrize(
    ("prompt", "error"),
    [([1.5], TypeError), (5, TypeError), ([-1], ValueError), ([2**32], ValueError)],
)
def test_a_prompt_that_is_neither_text_nor_tokens(
    prompt: Any, error: type[Exception], client: Client, server: Server
) -> None:
    for ask in (client.complete, client.complete_stream, client.score):
        with pytest.raises(error, match="prompt"):
            ask(prompt)
    assert not server.seen
