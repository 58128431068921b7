"""The asyncio client on language models: what `Client` does, and what only a loop can do."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from seom import (
    AsyncClient,
    Cancelled,
    Client,
    DeadlineExceeded,
    FinishReason,
    Internal,
    NotFound,
    Tool,
    Unavailable,
    UnusableAnswer,
)

from .server import Server, wait_until
from .test_tools import add, fail, find_event


async def test_replies_are_the_same(aclient: AsyncClient, client: Client, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"jpeg")
    for prompt in ("Plan a picnic.", [photo, "Tag it."], [{"role": "user", "content": "Hello."}]):
        there, here = await aclient.chat(prompt, n=2), client.chat(prompt, n=2)
        assert (there.answers, there.usage, there.messages) == (
            here.answers,
            here.usage,
            here.messages,
        )
        assert there.timing.ttft_ms == 30.0
    assert (await aclient.complete("Once upon a time")).text == " there was a girl"
    assert (await aclient.score("Once upon a time")).total == -1.5


async def test_photos_files_are_read(aclient: AsyncClient, server: Server, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"jpeg")
    await aclient.chat([photo, "Write a memo."])
    assert server.last.request.messages[0].parts[0].image.encoded == b"jpeg"
    async with aclient.chat_stream([photo, "Write a memo."]) as stream:
        assert (await anext(stream)).text == "Two"
    assert server.last.request.messages[0].parts[0].image.encoded == b"jpeg"
    with pytest.raises(FileNotFoundError, match="no such file"):
        async with aclient.chat_stream([tmp_path / "none.jpg"]):
            pass


async def test_schemas(aclient: AsyncClient) -> None:
    assert (await aclient.chat("Tag it.", schema=dict)).parsed == {"tags": ["cat", "dog"]}
    reply = await aclient.chat("Tag it badly.", schema=dict)
    with pytest.raises(UnusableAnswer, match='"tags": "cat'):
        _ = reply.parsed


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"temprature": 1}, "temprature"), ({"schema": 5}, "schema"), ({"tools": add}, "tools")],
)
async def test_what_cannot_be_said(
    settings: dict[str, Any], says: str, aclient: AsyncClient, server: Server
) -> None:
    with pytest.raises(TypeError, match=says):
        await aclient.chat("Hello.", **settings)
    with pytest.raises(TypeError, match=says):
        aclient.chat_stream("Hello.", **settings)
    assert not server.seen


async def test_tools_may_be_asynchronous(aclient: AsyncClient) -> None:
    async def later(a: int) -> int:
        await asyncio.sleep(0)
        return a + 1

    threads: list[int] = []

    def blocking() -> str:
        threads.append(threading.get_ident())
        return "done"

    question = 'call later {"a": 1}\ncall blocking {}\ncall later {}\ncall other {}'
    reply = await aclient.chat(question, tools=[later, blocking])
    two, done, missing, other = reply.text.split("; ", 3)
    assert (two, done) == ("2", "done")
    assert missing == "error: missing a required argument: 'a'"
    assert other.startswith("error: there is no tool 'other'")
    assert threads != [threading.get_ident()]
    async with aclient.chat_stream(question, tools=[later, blocking]) as stream:
        assert [each.finish_reason async for each in stream if each.finish_reason] == [
            FinishReason.TOOL_CALLS,
            FinishReason.STOP,
        ]
    assert stream.reply.text == reply.text
    assert stream.reply.messages == reply.messages


async def test_tools_that_fail(aclient: AsyncClient) -> None:
    async def refuse() -> None:
        raise LookupError("no")

    reply = await aclient.chat("call refuse {}\ncall fail {}", tools=[refuse, fail])
    assert reply.text == "error: LookupError: no; error: LookupError: no reason"
    with pytest.raises(LookupError):
        await aclient.chat("call refuse {}", tools=[refuse], raise_tool_errors=True)
    with pytest.raises(UnusableAnswer, match="after 2 rounds"):
        await aclient.chat("Hello.", model="insistent", tools=[refuse], max_rounds=2)
    unrun = await aclient.chat("When is grandma's birthday?", tools=[Tool("find_event")])
    assert unrun.tool_calls[0].name == "find_event"
    assert (await aclient.chat("When is grandma's birthday?", tools=[find_event])).text


async def test_a_stream(aclient: AsyncClient, server: Server) -> None:
    async with aclient.chat_stream("Plan a picnic.", model="m") as stream:
        assert stream.reply.text == ""
        pieces = [delta.text async for delta in stream]
    assert "".join(pieces) == stream.reply.text == "Bread, cheese and a blanket."
    assert stream.reply.timing.per_token_ms == 2.0
    assert server.last.remaining is not None
    assert 590 < server.last.remaining <= 602
    assert server.last.metadata["application"] == "m"
    async with aclient.complete_stream([1, 2], timeout=20) as stream:
        assert [delta.text async for delta in stream] == [" 1", " 2", ""]
    assert (server.last.remaining or 99) <= 20.1


async def test_many_streams_at_once(aclient: AsyncClient) -> None:
    async def ask(n: int) -> str:
        async with aclient.chat_stream(f"number {n}") as stream:
            return "".join([delta.text async for delta in stream])

    said = await asyncio.gather(*(ask(n) for n in range(20)))
    assert said == [f"You said: number {n}" for n in range(20)]


async def test_leaving_the_block_cancels(aclient: AsyncClient, server: Server) -> None:
    async with aclient.chat_stream("Hello.", model="endless") as stream:
        async for _ in stream:
            break
    assert await asyncio.to_thread(server.cancelled.wait, 5)
    with pytest.raises(Cancelled):
        await anext(stream)


@pytest.mark.parametrize("model", ["endless", "slow"])
async def test_cancelling_the_task_cancels_the_call(
    model: str, aclient: AsyncClient, server: Server
) -> None:
    async def ask() -> None:
        async with aclient.chat_stream("Hello.", model=model) as stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(ask())
    assert await asyncio.to_thread(wait_until, lambda: server.seen)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.cancelled.wait, 5)


async def test_a_stream_is_read_in_its_block_and_once(aclient: AsyncClient) -> None:
    stream = aclient.chat_stream("Hello.")
    with pytest.raises(RuntimeError, match="within its block"):
        await anext(stream)
    async with stream:
        pass
    with pytest.raises(RuntimeError, match="read once"):
        async with stream:
            pass


async def test_a_lost_replica_is_unavailable(aclient: AsyncClient) -> None:
    async with aclient.chat_stream("Plan a picnic.", model="lost") as stream:
        assert (await anext(stream)).text == "Bread,"
        with pytest.raises(Unavailable, match="ended the stream before its end"):
            await anext(stream)
        assert stream.reply.text == "Bread,"


async def test_so_is_a_lost_server(server: Server) -> None:
    async with AsyncClient(server.address) as aclient:
        async with aclient.chat_stream("Hello.", model="endless") as stream:
            await anext(stream)
            await asyncio.to_thread(server.stop)
            with pytest.raises(Unavailable):
                async for _ in stream:
                    pass


async def test_a_closed_client_is_cancelled(aclient: AsyncClient) -> None:
    async with aclient.chat_stream("Hello.", model="endless") as stream:
        await anext(stream)
        await aclient.close()
        with pytest.raises(Cancelled):
            async for _ in stream:
                pass


@pytest.mark.parametrize(("model", "error"), [("broken", Internal), ("missing", NotFound)])
async def test_other_ends_are_raised(
    model: str, error: type[Exception], aclient: AsyncClient
) -> None:
    for ask in (aclient.chat_stream, aclient.complete_stream):
        with pytest.raises(error):
            async with ask("Hello there.", model=model) as stream:
                async for _ in stream:
                    pass


async def test_the_deadline(aclient: AsyncClient) -> None:
    async with aclient.chat_stream("Hello.", model="endless", timeout=0.3) as stream:
        with pytest.raises(DeadlineExceeded, match=r"0\.3 s"):
            async for _ in stream:
                pass
