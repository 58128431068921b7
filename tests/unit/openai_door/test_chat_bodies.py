"""Bodies of /v1/chat/completions: what becomes of each field, and what is refused by its name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from serving.errors import InvalidArgument, Unimplemented
from serving.images.picture import Picture
from serving.models.chat.types import Chat, Turn
from serving.openai import chat, document
from serving.openai.asked import Asked
from serving.runtimes.vllm.types import Constraint, Text, Tool, ToolCall

HELLO = {"role": "user", "content": "Hello"}
FIND = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Finds.",
        "parameters": {"type": "object", "properties": {"who": {"type": "string"}}},
        "strict": True,
    },
}
CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "find", "arguments": '{"who": "grandma"}'},
}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "llama", "messages": [HELLO], **fields}


def parse(**fields: Any) -> Asked[Chat]:
    return chat.parse(document.read(json.dumps(body(**fields)).encode()))


def wrong(**fields: Any) -> list[str]:
    with pytest.raises(InvalidArgument) as refused:
        parse(**fields)
    return [path for path, _ in refused.value.fields]


def test_the_least_there_can_be():
    asked = parse()
    assert asked.model == "llama" and not asked.streamed and asked.several
    assert asked.item == Chat((Turn("user", (Text("Hello"),)),), asked.item.sampling)
    assert asked.item.sampling.max_tokens is None and asked.item.sampling.temperature is None


def test_sampling():
    sampling = parse(
        temperature=0.5, top_p=0.9, n=2, seed=7, stop="END", max_completion_tokens=9,
        presence_penalty=-1, frequency_penalty=1, top_k=3, min_p=0.1, min_tokens=2,
        repetition_penalty=1.1, logprobs=True, top_logprobs=4,
    ).item.sampling  # fmt: skip
    assert (sampling.temperature, sampling.top_p, sampling.n, sampling.seed) == (0.5, 0.9, 2, 7)
    assert (sampling.stop, sampling.max_tokens, sampling.min_tokens) == (("END",), 9, 2)
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (-1.0, 1.0)
    assert (sampling.top_k, sampling.min_p, sampling.repetition_penalty) == (3, 0.1, 1.1)
    assert sampling.logprobs == 4


def test_logprobs_without_alternatives():
    assert parse(logprobs=True).item.sampling.logprobs == 0
    assert parse(logprobs=False).item.sampling.logprobs is None


def test_null_is_the_same_as_nothing():
    assert parse(temperature=None, tools=None, stop=None, logit_bias=None, stream=None) == parse()


def test_an_adapter_is_in_the_models_name():
    asked = chat.parse(body(model="llama@2:formal"))
    assert asked.item.adapter == "formal" and asked.model == "llama@2:formal"


def test_a_conversation_with_a_tool():
    item = parse(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "When?"}], "name": "ann"},
            {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None},
            {"role": "tool", "content": "in May", "tool_call_id": "call-1"},
        ],
        tools=[FIND],
        tool_choice={"type": "function", "function": {"name": "find"}},
        parallel_tool_calls=False,
    )
    assert item.item.turns == (
        Turn("system", (Text("Be brief."),)),
        Turn("user", (Text("When?"),)),
        Turn("assistant", (), (ToolCall("call-1", "find", '{"who": "grandma"}'),)),
        Turn("tool", (Text("in May"),), (), "call-1"),
    )
    assert item.item.tools == (Tool("find", "Finds.", FIND["function"]["parameters"]),)  # type: ignore[index]
    assert item.item.choice == "find" and not item.several


def test_an_answer_may_be_sent_back_as_it_came():
    answer = {"role": "assistant", "content": "Hi", "refusal": None, "reasoning": "Hm."}
    turns = parse(messages=[HELLO, answer, HELLO]).item.turns
    assert turns[1] == Turn("assistant", (Text("Hi"),))


def test_a_picture_comes_as_its_bytes():
    url = "data:image/png;base64," + base64.b64encode(b"\x89PNG bytes").decode()
    part = {"type": "image_url", "image_url": {"url": url, "detail": "low"}}
    content = [{"type": "text", "text": "What is it?"}, part]
    (turn,) = parse(messages=[{"role": "user", "content": content}]).item.turns
    path = "messages[0].content[1].image_url.url"
    assert turn.parts == (Text("What is it?"), Picture(encoded=b"\x89PNG bytes", field=path))


@pytest.mark.parametrize(
    "url",
    [
        "//169.254.169.254/latest",
        "data:text/html;base64,AAAA",
        "data:image/png,AAAA",
        "data:image/png;base64,",
        "data:image/png;base64,A*AA",
        "data:image/png;base64,AAA",
        "",
        5,
    ],
)
def test_what_is_no_picture_here(url):
    part = {"type": "image_url", "image_url": {"url": url}}
    assert wrong(messages=[{"role": "user", "content": [part]}]) == [
        "messages[0].content[0].image_url.url"
    ]


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "HTTPS://a.example/b.png", "file:///etc/passwd", "ftp:a"]
)
def test_a_picture_by_its_address(url):
    part = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(Unimplemented, match="data: URI"):
        parse(messages=[{"role": "user", "content": [part]}], n=99)


def test_formats():
    assert parse(response_format={"type": "text"}).item.sampling.constraint is None
    json_object = parse(response_format={"type": "json_object"}).item.sampling.constraint
    assert json_object == Constraint("json", '{"type": "object"}')
    schema = {"type": "object", "properties": {"섬": {"type": "string"}}}
    named = {"name": "x", "schema": schema, "strict": True}
    form = {"type": "json_schema", "json_schema": named}
    constraint = parse(response_format=form).item.sampling.constraint
    assert constraint and constraint.kind == "json" and json.loads(str(constraint.value)) == schema


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"regex": "[a-z]+"}, Constraint("regex", "[a-z]+")),
        ({"choice": ["yes", "no"]}, Constraint("choice", ("yes", "no"))),
        ({"grammar": 'root ::= "x"'}, Constraint("grammar", 'root ::= "x"')),
        ({"json": {"type": "object"}}, Constraint("json", '{"type":"object"}')),
    ],
)
def test_other_structures(given, constraint):
    assert parse(structured_outputs=given).item.sampling.constraint == constraint


def test_streams():
    asked = parse(stream=True, stream_options={"include_usage": True})
    assert asked.streamed and asked.usage
    assert wrong(stream_options={"include_usage": True}) == ["stream_options"]
    assert wrong(stream=True, stream_options={"chunk": 1}) == ["stream_options.chunk"]


def deep(levels: int) -> Any:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def patterned(pattern: str) -> Any:
    schema = {"type": "string", "pattern": pattern}
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def tool(name: str, about: dict[str, Any]) -> Any:
    parameters = {"type": "object", "properties": {"a": about}}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


SCHEMA = "response_format.json_schema.schema"


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"model": None}, ["model"]),
        ({"model": 5}, ["model"]),
        ({"messages": None}, ["messages"]),
        ({"messages": []}, ["messages"]),
        ({"messages": "hi"}, ["messages"]),
        ({"messages": ["hi"]}, ["messages[0]"]),
        ({"messages": [{"role": "god", "content": "x"}]}, ["messages[0].role"]),
        ({"messages": [{"content": "x"}]}, ["messages[0].role"]),
        ({"messages": [{"role": "user"}]}, ["messages[0].content"]),
        ({"messages": [{"role": "user", "content": 5}]}, ["messages[0].content"]),
        ({"messages": [{"role": "user", "content": []}]}, ["messages[0].content"]),
        ({"messages": [{**HELLO, "cache_salt": "x"}]}, ["messages[0].cache_salt"]),
        ({"messages": [{**HELLO, "tool_calls": [CALL]}]}, ["messages[0].tool_calls"]),
        ({"messages": [HELLO, {"role": "system", "content": "x"}, HELLO]}, ["messages[1].role"]),
        ({"messages": [HELLO, {"role": "assistant", "content": "x"}]}, ["messages"]),
        (
            {"messages": [HELLO, {"role": "tool", "content": "x", "tool_call_id": "call-9"}]},
            ["messages[1].tool_call_id"],
        ),
        ({"messages": [HELLO] * 5000}, ["messages"]),
        (
            {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {}}]}]},
            ["messages[0].content[0].type"],
        ),
        ({"temperature": -1}, ["temperature"]),
        ({"temperature": "hot"}, ["temperature"]),
        ({"temperature": True}, ["temperature"]),
        ({"top_p": 0}, ["top_p"]),
        ({"top_p": 1.5}, ["top_p"]),
        ({"presence_penalty": 1e9}, ["presence_penalty"]),
        ({"n": 2**31 - 1}, ["n"]),
        ({"n": 0}, ["n"]),
        ({"seed": 2**32}, ["seed"]),
        ({"max_tokens": 0}, ["max_tokens"]),
        ({"max_completion_tokens": -1}, ["max_completion_tokens"]),
        ({"max_tokens": 5, "max_completion_tokens": 5}, ["max_tokens"]),
        ({"min_tokens": 9, "max_tokens": 5}, ["min_tokens"]),
        ({"logprobs": True, "top_logprobs": 21}, ["top_logprobs"]),
        ({"top_logprobs": 2}, ["top_logprobs"]),
        ({"logprobs": 2}, ["logprobs"]),
        ({"stop": ["a"] * 17}, ["stop"]),
        ({"stop": [""]}, ["stop[0]"]),
        ({"response_format": {"type": "yaml"}}, ["response_format.type"]),
        ({"response_format": {"type": "json_schema"}}, ["response_format.json_schema"]),
        ({"response_format": deep(20)}, [SCHEMA]),
        ({"response_format": patterned("(a+)+b")}, [SCHEMA]),
        ({"structured_outputs": {"regex": "(a+)+b"}}, ["structured_outputs.regex"]),
        ({"structured_outputs": {"json": {"pattern": "(a+)+b"}}}, ["structured_outputs.json"]),
        ({"structured_outputs": {}}, ["structured_outputs"]),
        ({"structured_outputs": {"regex": "a", "choice": ["a"]}}, ["structured_outputs"]),
        ({"structured_outputs": {"choice": [1]}}, ["structured_outputs.choice"]),
        (
            {"structured_outputs": {"structural_tag": "x", "regex": "a"}},
            ["structured_outputs.structural_tag"],
        ),
        ({"tools": [{"type": "function"}]}, ["tools[0].function"]),
        ({"tools": [{**FIND, "type": "web_search"}]}, ["tools[0].type"]),
        ({"tools": [FIND, FIND]}, ["tools[1].function.name"]),
        ({"tools": [tool("a", {"pattern": "(a+)+"})]}, ["tools[0].function.parameters"]),
        ({"tools": [tool(f"t{i}", {"title": "x" * 60000}) for i in range(9)]}, ["tools"]),
        ({"messages": [HELLO, {"role": "user", "content": "a" * 2**20}]}, ["messages"]),
        (
            {"messages": [{"role": "assistant", "tool_calls": [CALL] * 129}, HELLO]},
            ["messages[0].tool_calls"],
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            ["tools[0].function.name"],
        ),
        ({"tool_choice": "required"}, ["tool_choice"]),
        ({"tool_choice": "any"}, ["tool_choice"]),
        (
            {"tool_choice": {"type": "function", "function": {"name": "find"}}},
            ["tool_choice.function.name"],
        ),
        ({"tools": [FIND], "response_format": {"type": "json_object"}}, ["response_format"]),
        # What engines and OpenAI's own service take, and this one does not.
        ({"logit_bias": {"5": 100}}, ["logit_bias"]),
        ({"cache_salt": "x"}, ["cache_salt"]),
        ({"chat_template": "{{ x }}"}, ["chat_template"]),
        ({"chat_template_kwargs": {}}, ["chat_template_kwargs"]),
        ({"mm_processor_kwargs": {}}, ["mm_processor_kwargs"]),
        ({"prompt_embeds": "x"}, ["prompt_embeds"]),
        ({"priority": 1}, ["priority"]),
        ({"request_id": "x"}, ["request_id"]),
        ({"functions": []}, ["functions"]),
        ({"store": True}, ["store"]),
        ({"service_tier": "priority"}, ["service_tier"]),
        ({"wéird\n" * 40: 1}, [("w_ird_" * 40)[:64]]),
    ],
)
def test_what_is_refused_is_named(fields, paths):
    assert wrong(**fields) == paths


def test_a_schema_may_not_be_deeper_than_a_body():
    with pytest.raises(InvalidArgument, match="the body is nested deeper"):
        parse(response_format=deep(40))


def test_all_that_is_wrong_is_told_at_once():
    assert wrong(n=0, seed=-1, nonsense=1, top_p=2) == ["top_p", "seed", "n", "nonsense"]


def test_a_models_words_become_the_bodys():
    asked = parse(max_completion_tokens=5, response_format={"type": "json_object"})
    error = InvalidArgument.field("max_tokens", "is too much", reason="CONTEXT")
    explained = asked.explain(error)
    assert explained.fields == (("max_completion_tokens", "is too much"),)
    assert explained.message == "max_completion_tokens: is too much"
    assert explained.reason == "CONTEXT"
    refused = asked.explain(InvalidArgument.field("structured_outputs", "is not accepted"))
    assert refused.fields[0][0] == "response_format"
    other = InvalidArgument.field("messages[0].content[1].image_url.url", "is cut off")
    assert asked.explain(other) is other
