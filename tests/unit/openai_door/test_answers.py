"""Answers of chat models, whole and in chunks, and completions likewise."""

from __future__ import annotations

from typing import Any

import pytest

from serving.models.chat.types import Chat, Completion
from serving.openai import answers, texts
from serving.openai.asked import Asked
from serving.runtimes.vllm.types import Sampling, ToolCallDelta, Usage

from .replies import USAGE, events, piece, weighed

CALLS = (
    piece(calls=(ToolCallDelta(0, "call-1", "find", ""),)),
    piece(calls=(ToolCallDelta(0, None, None, '{"who":'),)),
    piece(calls=(ToolCallDelta(0, None, None, ' "ann"}'), ToolCallDelta(1, "c2", "add", "{}"))),
    piece(finish="tool_calls", usage=USAGE),
)
TOKENS = (
    weighed(("b", -2.5, 3), ("a", -0.1, 1), ("c", -1.0, 2)),
    weighed(("é", -0.2, 1), ("f", -3.0, 2)),
)


def chat(usage: bool = False, several: bool = True, **sampling: Any) -> Asked[Chat]:
    return Asked("llama", Chat((), Sampling(**sampling)), True, usage, several)


def completion(prompt: str = "Once", echo: bool = False, **sampling: Any) -> Asked[Completion]:
    return Asked("llama", Completion(prompt, Sampling(**sampling), None, echo), True, True)


def chunks(asked: Asked[Any], *pieces: Any, kind: Any = answers.Chunks) -> list[Any]:
    made = kind(asked, "id-1")
    return events(b"".join([*map(made.of, pieces), made.end()]))


def whole(asked: Asked[Any], *pieces: Any, kind: Any = answers.Whole) -> dict[str, Any]:
    made = kind(asked, "id-1")
    for each in pieces:
        made.add(each)
    found: dict[str, Any] = made.object()
    return found


def test_chunks_of_a_text():
    first, second, done = chunks(chat(), piece("섬\ud800"), piece("", finish="stop", usage=USAGE))
    assert done == "[DONE]"
    assert first["object"] == "chat.completion.chunk" and first["id"] == second["id"] == "id-1"
    assert first["model"] == "llama" and first["created"] > 1.7e9
    delta = {"role": "assistant", "content": "섬?"}
    assert first["choices"] == [{"index": 0, "delta": delta, "finish_reason": None}]
    assert second["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]


def test_usage_comes_where_it_was_asked_for():
    *_, last, done = chunks(chat(usage=True), piece("a", finish="stop", usage=USAGE))
    assert last["choices"] == [] and done == "[DONE]"
    assert last["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
    }


def test_a_piece_without_anything_is_no_event():
    made = answers.Chunks(chat(), "id-1")
    assert made.of(piece()) != b""  # it has the role
    assert made.of(piece()) == b""
    assert made.of(piece(index=1)) != b""


def test_chunks_of_tool_calls():
    *pieces, _ = chunks(chat(), *CALLS)
    deltas = [chunk["choices"][0]["delta"] for chunk in pieces]
    function = {"name": "find", "arguments": ""}
    opening = {"index": 0, "id": "call-1", "type": "function", "function": function}
    assert deltas[0] == {"role": "assistant", "content": "", "tool_calls": [opening]}
    assert deltas[1] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"who":'}}]}
    assert [call["index"] for call in deltas[2]["tool_calls"]] == [0, 1]
    assert pieces[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("several", [True, False])
def test_whole_tool_calls(several):
    found = whole(chat(several=several), *CALLS)
    (choice,) = found["choices"]
    message = choice["message"]
    assert message["content"] is None and choice["finish_reason"] == "tool_calls"
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["find", "add"][
        : 1 + several
    ]
    assert message["tool_calls"][0] == {
        "id": "call-1",
        "type": "function",
        "function": {"name": "find", "arguments": '{"who": "ann"}'},
    }


def test_several_whole_answers():
    found = whole(
        chat(n=2),
        piece("b", index=1),
        piece("a", index=0, reasoning="hm"),
        piece("B", index=1, finish="length"),
        piece("", index=0, finish="stop", usage=USAGE),
    )
    assert found["object"] == "chat.completion" and found["usage"]["total_tokens"] == 9
    first, second = found["choices"]
    assert first["message"] == {
        "role": "assistant",
        "content": "a",
        "refusal": None,
        "reasoning": "hm",
    }
    assert first["finish_reason"] == "stop" and first["logprobs"] is None
    assert second["message"]["content"] == "bB" and second["finish_reason"] == "length"


def test_logprobs_of_a_chat():
    (choice,) = whole(chat(logprobs=2), piece("bé", logprobs=TOKENS))["choices"]
    content = choice["logprobs"]["content"]
    assert [token["token"] for token in content] == ["b", "é"]
    assert content[1]["bytes"] == [0xC3, 0xA9] and content[0]["logprob"] == -2.5
    # The chosen one is told there only if it is among the likeliest.
    assert [t["token"] for t in content[0]["top_logprobs"]] == ["a", "c"]
    chunk, _ = chunks(chat(logprobs=0), piece("bé", logprobs=TOKENS))
    told = chunk["choices"][0]["logprobs"]["content"]
    assert [token["top_logprobs"] for token in told] == [[], []]


def test_chunks_of_a_completion():
    pieces = (
        piece(" upon"),
        piece(" a", index=1),
        piece(" time", finish="stop", usage=Usage(1, 0, 3)),
    )
    *found, last, _ = chunks(completion(echo=True), *pieces, kind=texts.Pieces)
    assert [(c["choices"][0]["index"], c["choices"][0]["text"]) for c in found] == [
        (0, "Once upon"),
        (1, "Once a"),
        (0, " time"),
    ]
    assert found[0]["object"] == "text_completion" and last["usage"]["total_tokens"] == 4
    assert found[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_whole_completion_with_logprobs():
    pieces = (piece("b", logprobs=TOKENS[:1]), piece("é", logprobs=TOKENS[1:], finish="stop"))
    (choice,) = whole(completion(logprobs=1), *pieces, kind=texts.Whole)["choices"]
    assert choice == {
        "index": 0,
        "text": "bé",
        "logprobs": {
            "tokens": ["b", "é"],
            "token_logprobs": [-2.5, -0.2],
            "top_logprobs": [{"a": -0.1}, {"é": -0.2}],
            "text_offset": [0, 1],
        },
        "finish_reason": "stop",
    }
    found = chunks(completion(logprobs=1), *pieces, kind=texts.Pieces)
    assert [c["choices"][0]["logprobs"]["text_offset"] for c in found[:2]] == [[0], [1]]
