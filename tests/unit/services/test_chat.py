"""ChatService's messages: every field arrives, what is wrong is named, answers are put together."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from seom.pb.v1 import chat_pb2 as pb
from seom.pb.v1 import common_pb2
from serving.errors import InvalidArgument
from serving.models.chat.types import Chat
from serving.runtimes.vllm.types import (
    Constraint,
    Delta,
    EngineTimes,
    ReplyDelta,
    Text,
    ToolCallDelta,
    Usage,
)
from serving.services.chat import in_its_words, parse_chat, parse_complete, parse_score
from serving.services.chat_answers import Deltas, Whole
from serving.timing import Timeline

USER, ASSISTANT, TOOL, SYSTEM = (
    pb.Message.USER,
    pb.Message.ASSISTANT,
    pb.Message.TOOL,
    pb.Message.SYSTEM,
)
JPEG = common_pb2.Image(encoded=b"jpeg")
SCHEMA = json.dumps({"type": "object", "properties": {"who": {"type": "string"}}})


def said(role: Any, text: str = "hello", **fields: Any) -> pb.Message:
    return pb.Message(role=role, parts=[pb.Part(text=text)], **fields)


def patterned(*patterns: str) -> str:
    properties = {f"p{i}": {"pattern": pattern} for i, pattern in enumerate(patterns)}
    return json.dumps({"type": "object", "properties": properties})


def asked(**fields: Any) -> pb.ChatRequest:
    return pb.ChatRequest(messages=[said(USER)], **fields)


def refused(request: Any, parse: Callable[[Any], Any] = parse_chat) -> list[str]:
    with pytest.raises(InvalidArgument) as raised:
        parse(request)
    return [path for path, _ in raised.value.fields]


def test_every_field_arrives() -> None:
    request = pb.ChatRequest(
        adapter="persona",
        messages=[
            said(SYSTEM, "Be kind."),
            pb.Message(role=USER, parts=[pb.Part(image=JPEG), pb.Part(text="Who?")]),
            pb.Message(
                role=ASSISTANT,
                tool_calls=[pb.ToolCall(id="c1", name="find", arguments='{"who": "mina"}')],
            ),
            said(TOOL, "3 May", tool_call_id="c1"),
        ],
        sampling=pb.Sampling(
            temperature=0.5,
            top_p=0.9,
            top_k=40,
            min_p=0.1,
            presence_penalty=1,
            frequency_penalty=-1,
            repetition_penalty=1.5,
            seed=7,
            max_tokens=20,
            min_tokens=2,
            stop=["\n"],
            n=2,
            logprobs=3,
        ),
        tools=[pb.Tool(name="find", description="Finds.", parameters=SCHEMA)],
        tool_choice=pb.ToolChoice(name="find"),
    )
    chat = parse_chat(request)
    assert isinstance(chat, Chat)
    assert [turn.role for turn in chat.turns] == ["system", "user", "assistant", "tool"]
    assert chat.turns[0].parts == (Text("Be kind."),)
    (picture,) = chat.pictures
    assert picture.field == "messages[1].parts[0].image.encoded"
    assert chat.turns[2].tool_calls[0].name == "find" and chat.turns[3].tool_call_id == "c1"
    sampling = chat.sampling
    assert sampling.temperature == 0.5 and sampling.top_k == 40 and sampling.seed == 7
    assert (sampling.max_tokens, sampling.min_tokens, sampling.n) == (20, 2, 2)
    assert (sampling.stop, sampling.logprobs) == (("\n",), 3)
    assert (chat.choice, chat.adapter, chat.tools[0].name) == ("find", "persona", "find")


def test_what_is_absent_is_the_models_own() -> None:
    sampling = parse_chat(asked()).sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (None, None, None)
    assert (sampling.n, sampling.logprobs, sampling.constraint) == (1, None, None)


@pytest.mark.parametrize(
    ("form", "constraint"),
    [
        (pb.Format(json_schema=SCHEMA), Constraint("json", SCHEMA)),
        (pb.Format(json_object=True), Constraint("json", '{"type": "object"}')),
        (pb.Format(regex="[0-9]+"), Constraint("regex", "[0-9]+")),
        (pb.Format(choice=pb.Choices(texts=["a", "b"])), Constraint("choice", ("a", "b"))),
        (pb.Format(grammar='root ::= "a"'), Constraint("grammar", 'root ::= "a"')),
    ],
)
def test_formats(form: pb.Format, constraint: Constraint) -> None:
    assert parse_chat(asked(format=form)).sampling.constraint == constraint


CALLS = [pb.ToolCall(id=f"c{i}", name="find", arguments="{}") for i in range(129)]
NAN, DEEP = float("nan"), "[" * 1000 + "]" * 1000


@pytest.mark.parametrize(
    ("request_", "paths"),
    [
        (pb.ChatRequest(), ["messages"]),
        (pb.ChatRequest(messages=[said(USER)] * 4097), ["messages"]),
        (pb.ChatRequest(messages=[pb.Message(role=USER)]), ["messages[0].parts"]),
        (pb.ChatRequest(messages=[said(9)]), ["messages[0].role"]),
        (pb.ChatRequest(messages=[said(0)]), ["messages[0].role"]),
        (pb.ChatRequest(messages=[said(USER), said(SYSTEM), said(USER)]), ["messages[1].role"]),
        (pb.ChatRequest(messages=[said(USER), said(ASSISTANT)]), ["messages"]),
        (
            pb.ChatRequest(messages=[said(USER), said(TOOL, tool_call_id="x")]),
            ["messages[1].tool_call_id"],
        ),
        (
            pb.ChatRequest(
                messages=[pb.Message(role=SYSTEM, parts=[pb.Part(image=JPEG)]), said(USER)]
            ),
            ["messages[0].parts[0].image"],
        ),
        (
            pb.ChatRequest(messages=[pb.Message(role=USER, parts=[pb.Part()])]),
            ["messages[0].parts[0]"],
        ),
        (asked(adapter="../x"), ["adapter"]),
        (asked(adapter="/etc/passwd"), ["adapter"]),
        (asked(adapter="https://elsewhere.example/a"), ["adapter"]),
        (asked(adapter="persona\n"), ["adapter"]),
        (asked(adapter="a" * 64), ["adapter"]),
        (asked(sampling=pb.Sampling(temperature=NAN)), ["sampling.temperature"]),
        (asked(sampling=pb.Sampling(temperature=-1)), ["sampling.temperature"]),
        (asked(sampling=pb.Sampling(top_p=0)), ["sampling.top_p"]),
        (asked(sampling=pb.Sampling(top_p=1.5)), ["sampling.top_p"]),
        (asked(sampling=pb.Sampling(repetition_penalty=1e9)), ["sampling.repetition_penalty"]),
        (asked(sampling=pb.Sampling(max_tokens=0)), ["sampling.max_tokens"]),
        (asked(sampling=pb.Sampling(min_tokens=9, max_tokens=3)), ["sampling.min_tokens"]),
        (asked(sampling=pb.Sampling(n=2**31 - 1)), ["sampling.n"]),
        (asked(sampling=pb.Sampling(n=0)), ["sampling.n"]),
        (asked(sampling=pb.Sampling(seed=-1)), ["sampling.seed"]),
        (asked(sampling=pb.Sampling(logprobs=21)), ["sampling.logprobs"]),
        (asked(sampling=pb.Sampling(stop=[""])), ["sampling.stop[0]"]),
        (asked(sampling=pb.Sampling(stop=["a"] * 17)), ["sampling.stop"]),
        (asked(format=pb.Format()), ["format"]),
        (asked(format=pb.Format(json_schema="{")), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema='{"a": NaN}')), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema=DEEP)), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema='{"a":' * 99 + "{}" + "}" * 99)),
         ["format.json_schema"]),
        (asked(format=pb.Format(json_schema=" " * 2**20)), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema='{"$ref": "file:///etc/passwd"}')),
         ["format.json_schema"]),
        (asked(format=pb.Format(regex="a" * 5000)), ["format.regex"]),
        (asked(format=pb.Format(regex="")), ["format.regex"]),
        (asked(format=pb.Format(regex="(a+)+b")), ["format.regex"]),
        (asked(format=pb.Format(json_schema=patterned("(a+)+b"))), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema=patterned(*["a{900}"] * 3))), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema=patterned(*["a" * 900] * 5))), ["format.json_schema"]),
        (asked(format=pb.Format(json_schema='{"patternProperties": {"(a+)+": {}}}')),
         ["format.json_schema"]),
        (asked(tools=[pb.Tool(name="a"), pb.Tool(name="b", parameters=patterned("(a+)+b"))]),
         ["tools[1].parameters"]),
        (asked(tools=[pb.Tool(name=f"t{i}", parameters=patterned("a" * 900)) for i in range(5)]),
         ["tools[4].parameters"]),
        (asked(tools=[pb.Tool(name=f"t{i}", parameters=SCHEMA + " " * 60000) for i in range(9)]),
         ["tools"]),
        (pb.ChatRequest(messages=[said(USER, "a" * 2**19), said(USER, "b" * (2**19 + 1))]),
         ["messages"]),
        (pb.ChatRequest(messages=[pb.Message(role=ASSISTANT, tool_calls=CALLS), said(USER)]),
         ["messages[0].tool_calls"]),
        (asked(format=pb.Format(choice=pb.Choices())), ["format.choice.texts"]),
        (asked(format=pb.Format(choice=pb.Choices(texts=["a", ""]))), ["format.choice.texts[1]"]),
        (asked(tools=[pb.Tool(name="no spaces")]), ["tools[0].name"]),
        (asked(tools=[pb.Tool(name="a"), pb.Tool(name="a")]), ["tools[1].name"]),
        (asked(tools=[pb.Tool(name="a", parameters="[]")]), ["tools[0].parameters"]),
        (asked(tools=[pb.Tool(name="a", parameters='{"type": "string"}')]),
         ["tools[0].parameters"]),
        (asked(tool_choice=pb.ToolChoice(name="a")), ["tool_choice.name"]),
        (asked(tool_choice=pb.ToolChoice(mode=pb.ToolChoice.REQUIRED)), ["tool_choice.mode"]),
        (asked(tool_choice=pb.ToolChoice(mode=77)), ["tool_choice.mode"]),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(request_: pb.ChatRequest, paths: list[str]) -> None:
    assert refused(request_) == paths


def test_all_that_is_wrong_is_named_at_once() -> None:
    request = asked(sampling=pb.Sampling(temperature=9, n=99), tools=[pb.Tool(name="?")])
    assert set(refused(request)) == {"sampling.temperature", "sampling.n", "tools[0].name"}


def test_prompts() -> None:
    assert parse_complete(pb.CompleteRequest(text="Once")).prompt == "Once"
    ids = pb.CompleteRequest(token_ids=pb.TokenIds(ids=[1, 2]))
    assert parse_complete(ids).prompt == (1, 2)
    assert refused(pb.CompleteRequest(), parse_complete) == ["text"]
    assert refused(pb.ScoreRequest(text=""), parse_score) == ["text"]
    assert refused(pb.CompleteRequest(text="a", adapter="../x"), parse_complete) == ["adapter"]
    assert refused(pb.ScoreRequest(text="a", adapter="../x"), parse_score) == ["adapter"]
    assert refused(pb.ScoreRequest(token_ids=pb.TokenIds()), parse_score) == ["token_ids.ids"]


def test_prompts_have_bounds() -> None:
    long, many = "a" * 2**20, pb.TokenIds(ids=[1] * 2**20)
    assert len(parse_complete(pb.CompleteRequest(text=long)).prompt) == 2**20
    assert len(parse_complete(pb.CompleteRequest(token_ids=many)).prompt) == 2**20
    many.ids.append(1)
    assert refused(pb.CompleteRequest(text=long + "a"), parse_complete) == ["text"]
    assert refused(pb.CompleteRequest(token_ids=many), parse_complete) == ["token_ids.ids"]
    assert refused(pb.ScoreRequest(text=long + "a"), parse_score) == ["text"]
    assert refused(pb.ScoreRequest(token_ids=many), parse_score) == ["token_ids.ids"]


def test_as_much_as_there_may_be() -> None:
    asking = pb.Message(role=ASSISTANT, tool_calls=CALLS[:128])
    tools = [pb.Tool(name=f"t{i}", parameters=SCHEMA + " " * 60000) for i in range(8)]
    request = pb.ChatRequest(messages=[asking, said(USER, "a" * 2**20)], tools=tools)
    assert len(parse_chat(request).tools) == 8


@pytest.mark.parametrize(
    ("request_", "engines", "callers"),
    [
        (asked(), "input_tokens", "messages"),
        (pb.CompleteRequest(text="a"), "input_tokens", "text"),
        (pb.CompleteRequest(token_ids=pb.TokenIds(ids=[1])), "input_tokens", "token_ids"),
        (pb.ScoreRequest(token_ids=pb.TokenIds(ids=[1])), "input_tokens", "token_ids"),
        (asked(), "max_tokens", "sampling.max_tokens"),
        (asked(format=pb.Format(regex="a")), "request", "format.regex"),
        (asked(), "tools", "tools"),
    ],
)
def test_the_engines_words_become_the_requests(request_: Any, engines: str, callers: str) -> None:
    found = InvalidArgument.field(engines, "is wrong", reason="WHY", metadata={"limit": "1"})
    told = in_its_words(found, request_)
    assert dict(told.fields) == {callers: "is wrong"}
    assert (told.reason, told.metadata["limit"]) == ("WHY", "1")


# Answers ----------------------------------------------------------------------------


def piece(text: str = "", *, index: int = 0, finish: Any = None, **fields: Any) -> ReplyDelta:
    calls = fields.pop("calls", ())
    raw = Delta(index, text, (1,), finish=finish, **fields)
    return ReplyDelta(index, text, "", calls, finish, raw)


END = {"usage": Usage(5, 2, 4), "times": EngineTimes(1000, 2000, 3000)}


def test_a_stream_tells_usage_and_times_at_its_end_alone() -> None:
    deltas = Deltas(Timeline())
    first = deltas.of(piece("Hel"))
    assert first.text == "Hel" and not first.HasField("usage") and not deltas.ended
    assert first.role == pb.Message.ASSISTANT
    last = deltas.of(piece("lo", finish="stop", **END))
    assert deltas.ended and last.finish_reason == pb.FINISH_REASON_STOP
    assert (last.usage.prompt_tokens, last.usage.cached_tokens) == (5, 2)
    assert last.usage.completion_tokens == 4
    assert last.role == pb.Message.ROLE_UNSPECIFIED
    assert last.generation.first_token_ns > 0 and last.generation.per_token_ns > 0


def test_every_answer_says_once_who_speaks() -> None:
    deltas = Deltas(Timeline())
    pieces = [piece("a"), piece("b", index=1), piece("c")]
    told = [deltas.of(each).role for each in pieces]
    assert told == [pb.Message.ASSISTANT, pb.Message.ASSISTANT, pb.Message.ROLE_UNSPECIFIED]


def test_answers_are_put_together_from_their_pieces() -> None:
    whole = Whole(Timeline())
    whole.add(piece("a"))
    whole.add(piece("x", index=1))
    whole.add(piece("b", finish="length"))
    call = ToolCallDelta(0, "c1", "find", '{"who":')
    whole.add(piece(index=1, calls=(call,)))
    rest = ToolCallDelta(0, None, None, ' "mina"}')
    whole.add(piece(index=1, calls=(rest,), finish="tool_calls", **END))
    response = whole.response()
    assert [answer.text for answer in response.answers] == ["ab", "x"]
    assert response.answers[0].finish_reason == pb.FINISH_REASON_LENGTH
    (found,) = response.answers[1].tool_calls
    assert (found.id, found.name, found.arguments) == ("c1", "find", '{"who": "mina"}')
    assert response.answers[1].finish_reason == pb.FINISH_REASON_TOOL_CALLS
    assert response.usage.completion_tokens == 4
