"""Answers in pieces: what they add up to, and every way a stream can end."""

from __future__ import annotations

import threading

import pytest

from seom import (
    Cancelled,
    Client,
    DeadlineExceeded,
    Delta,
    FinishReason,
    Internal,
    NotFound,
    Tool,
    Unavailable,
    UnusableAnswer,
    Usage,
)

from .server import Server, wait_until
from .test_tools import add, fail


def test_the_pieces_are_the_answer(client: Client, server: Server) -> None:
    with client.chat_stream("Plan a picnic.", model="m", adapter="a", seed=1) as stream:
        deltas = list(stream)
    assert [each.text for each in deltas] == ["Bread,", " cheese", " and", " a", " blanket.", ""]
    assert {each.finish_reason for each in deltas[:-1]} == {None}
    assert [each.role for each in deltas] == ["assistant", *[None] * 5]
    assert deltas[-1] == Delta("", finish_reason=FinishReason.STOP)
    request = server.last.request
    assert (server.last.method, request.adapter, request.sampling.seed) == ("ChatStream", "a", 1)
    assert server.last.metadata["application"] == "m"
    whole, reply = client.chat("Plan a picnic.", model="m"), stream.reply
    assert (reply.answers, reply.usage, reply.model, reply.version, reply.messages) == (
        (whole.answers, whole.usage, whole.model, whole.version, whole.messages)
    )
    timing = reply.timing
    assert (timing.ttft_ms, timing.per_token_ms, timing.queue_ms) == (30.0, 2.0, 4.0)
    assert (timing.round_trip_ms or 0) > 0


def test_a_stream_has_a_deadline_of_its_own(client: Client, server: Server) -> None:
    with client.chat_stream("Hello.") as stream:
        next(stream)
    assert server.last.remaining is not None
    assert 590 < server.last.remaining <= 602
    with client.complete_stream("Hello.", timeout=20, metadata={"x-tenant": "t"}) as stream:
        next(stream)
    assert server.last.remaining is not None
    assert server.last.remaining <= 20.1
    assert server.last.metadata["x-tenant"] == "t"


def test_several_answers_grow_side_by_side(client: Client) -> None:
    with client.chat_stream("Plan a picnic.", n=2, logprobs=1) as stream:
        deltas = list(stream)
    assert {each.index for each in deltas} == {0, 1}
    assert stream.reply.answers == client.chat("Plan a picnic.", n=2, logprobs=1).answers
    assert len(stream.reply.answers[1].logprobs) == 6
    assert deltas[0].logprobs[0].token == "Bread,"


def test_reasoning_and_schema(client: Client) -> None:
    with client.chat_stream("Tag it.", model="thinker", schema=dict) as stream:
        first = next(stream)
        assert (first.reasoning, first.text) == ("Let me see.", "")
        with pytest.raises(UnusableAnswer):
            _ = stream.reply.parsed
        list(stream)
    assert stream.reply.reasoning == "Let me see."
    assert stream.reply.parsed == {"tags": ["cat", "dog"]}


def test_the_reply_so_far(client: Client) -> None:
    with client.chat_stream("Plan a picnic.") as stream:
        assert stream.reply.text == ""
        next(stream)
        next(stream)
        assert stream.reply.text == "Bread, cheese"
        assert (stream.reply.finish_reason, stream.reply.usage) == ("UNKNOWN", Usage())
        assert stream.reply.timing.ttft_ms is None
    assert stream.reply.text == "Bread, cheese", "it is there after the block, too"


def test_an_answer_without_a_word(client: Client) -> None:
    with client.chat_stream("Be silent.") as stream:
        assert [each.finish_reason for each in stream] == [FinishReason.STOP]
    assert stream.reply.text == ""


def test_leaving_the_block_cancels(client: Client, server: Server) -> None:
    with client.chat_stream("Hello.", model="endless") as stream:
        for _ in stream:
            break
        assert not server.cancelled.is_set()
    assert server.cancelled.wait(5)
    with pytest.raises(Cancelled):
        list(stream)


def test_so_does_an_error_in_the_block(client: Client, server: Server) -> None:
    with pytest.raises(LookupError), client.chat_stream("Hello.", model="endless") as stream:
        next(stream)
        raise LookupError
    assert server.cancelled.wait(5)


def test_leaving_before_the_first_piece(client: Client, server: Server) -> None:
    with client.chat_stream("Hello.", model="slow"):
        assert wait_until(lambda: server.seen)
    assert server.cancelled.wait(5)


def test_leaving_from_another_thread(client: Client, server: Server) -> None:
    caught: list[BaseException] = []
    with client.chat_stream("Hello.", model="slow") as stream:

        def read() -> None:
            try:
                next(stream)
            except BaseException as error:
                caught.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        assert wait_until(lambda: server.seen)
    reader.join(5)
    assert [type(each) for each in caught] == [Cancelled]


def test_giving_up_within_the_block(client: Client, server: Server) -> None:
    with client.chat_stream("Hello.", model="endless") as stream:
        next(stream)
        stream.cancel()
        with pytest.raises(Cancelled):
            list(stream)
    assert server.cancelled.wait(5)
    with client.chat_stream("Hello.", model="endless") as stream:
        stream.cancel()
        with pytest.raises(Cancelled):
            list(stream)


def test_a_stream_is_read_in_its_block_and_once(client: Client, server: Server) -> None:
    stream = client.chat_stream("Hello.")
    with pytest.raises(RuntimeError, match="within its block"):
        next(stream)
    with pytest.raises(RuntimeError, match="within its block"):
        _ = stream.reply
    assert not server.seen
    with stream:
        list(stream)
        assert list(stream) == []
    with pytest.raises(RuntimeError, match="read once"), stream:
        pass


def test_a_lost_replica_is_unavailable(client: Client) -> None:
    with client.chat_stream("Plan a picnic.", model="lost") as stream:
        assert next(stream).text == "Bread,"
        with pytest.raises(Unavailable, match="ended the stream before its end"):
            list(stream)
        assert stream.reply.text == "Bread,"


def test_so_is_a_lost_server(server: Server) -> None:
    with Client(server.address) as client:
        with client.chat_stream("Hello.", model="endless") as stream:
            next(stream)
            server.stop()
            with pytest.raises(Unavailable):
                list(stream)


def test_a_closed_client_is_cancelled(client: Client) -> None:
    with client.complete_stream("Hello.", model="endless") as stream:
        next(stream)
        client.close()
        with pytest.raises(Cancelled):
            list(stream)


@pytest.mark.parametrize(
    ("model", "error"), [("broken", Internal), ("missing", NotFound), ("INTERNAL", Internal)]
)
def test_other_ends_are_raised(model: str, error: type[Exception], client: Client) -> None:
    for ask in (client.chat_stream, client.complete_stream):
        with pytest.raises(error), ask("Hello there.", model=model) as stream:
            list(stream)


def test_the_deadline(client: Client) -> None:
    with client.chat_stream("Hello.", model="endless", timeout=0.3) as stream:
        with pytest.raises(DeadlineExceeded, match=r"0\.3 s"):
            list(stream)


def test_complete_stream(client: Client, server: Server) -> None:
    with client.complete_stream("Once upon a time", max_tokens=2, choice=["a"]) as stream:
        assert [each.text for each in stream][:2] == [" there", " was"]
    assert stream.reply.text == " there was"
    request = server.last.request
    assert (server.last.method, request.format.choice.texts) == ("CompleteStream", ["a"])
    with client.complete_stream([1, 2]) as stream:
        list(stream)
    assert stream.reply.text == " 1 2"


def test_tools_run_between_the_rounds(client: Client, server: Server) -> None:
    with client.chat_stream('call add {"a": 1}', tools=[add]) as stream:
        deltas = list(stream)
    pieces = [each.tool_calls[0] for each in deltas if each.tool_calls]
    assert [(each.id, each.name, each.arguments_json) for each in pieces] == [
        ("call-0", "add", '{"a"'),
        ("", "", ": 1}"),
    ]
    reasons = [each.finish_reason for each in deltas if each.finish_reason]
    assert reasons == [FinishReason.TOOL_CALLS, FinishReason.STOP]
    whole = client.chat('call add {"a": 1}', tools=[add])
    assert (stream.reply.text, stream.reply.messages) == ("2", whole.messages)
    assert stream.reply.usage == whole.usage
    assert [each.method for each in server.seen[:2]] == ["ChatStream"] * 2


def test_tools_that_are_not_run_end_the_stream(client: Client) -> None:
    with client.chat_stream('call add {"a": 1}', tools=[Tool("add")]) as stream:
        list(stream)
    assert stream.reply.tool_calls[0].arguments == {"a": 1}


@pytest.mark.parametrize("raises", [True, False])
def test_what_goes_wrong_between_the_rounds(raises: bool, client: Client) -> None:
    error = LookupError if raises else UnusableAnswer
    with client.chat_stream(
        "Hello.", model="insistent", tools=[fail], raise_tool_errors=raises, max_rounds=2
    ) as stream:
        with pytest.raises(error):
            list(stream)
