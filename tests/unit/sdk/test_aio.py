"""The asyncio client: what `Client` does, and what only a loop can do to it."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seom import (
    AsyncClient,
    Cancelled,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    InferRequest,
    InferResult,
    InvalidArgument,
    SeomError,
    Unavailable,
)
from seom._faces import AsyncFaceMethods, FaceMethods

from .server import OTHER_CODES, Server, wait_until
from .test_client import CALLS
from .test_streams import request


def public(kind: type) -> dict[str, Any]:
    return {
        name: member
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") and callable(member)
    }


def test_both_clients_take_the_same_arguments() -> None:
    sync, aio = public(Client), public(AsyncClient)
    assert sync.keys() == aio.keys()
    assert {"detect", "infer", "infer_stream", "models", "close"} <= sync.keys()
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    streams = {"infer_stream", "detect_video", "chat_stream", "complete_stream"}
    streams |= {"synthesize", "animate"}
    streams |= {"gallery", "galleries"}  # and what is asked of the server later
    for name in sync.keys() - streams:
        assert inspect.signature(sync[name]) == inspect.signature(aio[name]), name
        assert inspect.iscoroutinefunction(aio[name]), name
    for name in streams:
        here, there = (inspect.signature(each[name]).parameters for each in (sync, aio))
        assert list(here) == list(there)
    sync, aio = public(FaceMethods), public(AsyncFaceMethods)
    assert sync.keys() == aio.keys() == {"detect", "embed", "verify"}
    for name in sync:
        assert inspect.signature(sync[name]) == inspect.signature(aio[name]), name
        assert inspect.iscoroutinefunction(aio[name]), name


@pytest.mark.parametrize("name", CALLS)
async def test_every_call_has_a_deadline_an_id_and_its_models_name(
    name: str, aclient: AsyncClient, server: Server
) -> None:
    call, model = CALLS[name]
    await call(aclient)
    assert server.last.remaining is not None
    assert 5 < server.last.remaining <= 10.1
    await call(aclient, timeout=3)
    assert server.last.remaining is not None
    assert 0 < server.last.remaining <= 3.1
    assert server.last.metadata.get("application", "") == model
    assert len(server.last.metadata["x-request-id"]) == 32


async def test_answers_are_the_same(aclient: AsyncClient, client: Client, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"jpeg")
    found, expected = await aclient.detect(photo), client.detect(photo)
    assert (found.objects, found.size) == (expected.objects, expected.size)
    result = await aclient.infer("double", {"x": np.ones((1, 4), np.float32)}, request_id="r")
    assert result.id == "r"
    assert (result["x"] == 2).all()
    assert (result.timing.device_ms, result.timing.batch_size) == (2.0, 4)
    assert (result.timing.network_ms or 0) < (result.timing.round_trip_ms or 0)
    assert await aclient.models() == client.models()
    assert await aclient.health("double") == client.health("double")
    assert await aclient.config("double") == client.config("double")
    assert await aclient.statistics() == client.statistics()


async def test_many_at_once(aclient: AsyncClient) -> None:
    async def ask(n: int) -> InferResult:
        return await aclient.infer("double", {"x": np.full((1, 4), n, np.float32)})

    results = await asyncio.gather(*(ask(n) for n in range(50)))
    assert [result["x"][0, 0] for result in results] == [2 * n for n in range(50)]


@pytest.mark.parametrize("code", OTHER_CODES)
async def test_errors_are_the_same(code: str, server: Server) -> None:
    with Client(server.address, retries=False) as client, pytest.raises(SeomError) as expected:
        client.detect(b"jpeg", model=code)
    async with AsyncClient(server.address, retries=False) as aclient:
        with pytest.raises(SeomError) as caught:
            await aclient.detect(b"jpeg", model=code)
    assert type(caught.value) is type(expected.value)
    assert (caught.value.message, caught.value.status) == (
        expected.value.message,
        expected.value.status,
    )
    assert caught.value.request_id == server.last.metadata["x-request-id"]


async def test_details_and_deadlines(aclient: AsyncClient) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await aclient.detect(b"")
    assert dict(caught.value.fields) == {"image": "is empty"}
    with pytest.raises(DeadlineExceeded, match=r"0\.2 s"):
        await aclient.detect(b"jpeg", model="slow", timeout=0.2)
    with pytest.raises(FileNotFoundError, match="no such file"):
        await aclient.detect("nowhere.jpg")


async def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with AsyncClient(f"127.0.0.1:{port}", timeout=5) as client:
        with pytest.raises(ConnectionFailed, match=f"127.0.0.1:{port}"):
            await client.live()


async def test_retries(server: Server) -> None:
    server.unavailable = 2
    async with AsyncClient(server.address) as client:
        assert await client.live()
    assert len(server.seen) == 3


async def test_cancelling_a_task_cancels_its_call(aclient: AsyncClient, server: Server) -> None:
    task = asyncio.create_task(aclient.detect(b"jpeg", model="slow"))
    await asyncio.to_thread(wait_until, lambda: server.seen)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert await aclient.live(), "the client goes on"


async def test_close_gives_up_calls_under_way(server: Server) -> None:
    client = AsyncClient(server.address)
    task = asyncio.create_task(client.detect(b"jpeg", model="slow"))
    await asyncio.to_thread(wait_until, lambda: server.seen)
    await client.close()
    await client.close()
    with pytest.raises(Cancelled):
        await task
    with pytest.raises(RuntimeError, match="closed"):
        await client.live()


def test_one_loop_one_client(server: Server) -> None:
    client = AsyncClient(server.address)  # outside of any loop
    other = asyncio.new_event_loop()

    async def use() -> None:
        assert await client.live()
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(other.run_until_complete, client.live())
        await client.close()

    asyncio.run(use())
    other.close()


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_stream(asynchronous: bool, aclient: AsyncClient, server: Server) -> None:
    async def requests() -> AsyncIterator[InferRequest]:
        for n in range(20):
            yield request(n)

    source: Any = requests() if asynchronous else (request(n) for n in range(20))
    results = [result async for result in aclient.infer_stream(source)]
    assert [result["x"][0, 0] for result in results] == [2 * n for n in range(20)]
    assert server.seen[0].metadata["application"] == "double"
    assert server.seen[0].remaining is not None
    assert [result async for result in aclient.infer_stream([])] == []


async def test_errors_in_a_stream(aclient: AsyncClient) -> None:
    requests = [request(1), request(2, "reject"), request(3)]
    good, bad, after = [result async for result in aclient.infer_stream(requests)]
    assert isinstance(bad.error, InvalidArgument)
    assert good.error is after.error is None

    results = aclient.infer_stream([request(1), request(2, "CANCELLED")])
    assert (await anext(results)).id == "r1"
    with pytest.raises(Unavailable, match="ended the stream"):
        await anext(results)


async def test_what_the_requests_raise_comes_after_earlier_results(aclient: AsyncClient) -> None:
    def requests() -> Iterator[InferRequest]:
        yield request(1)
        raise LookupError("no second one")

    seen: list[str] = []
    with pytest.raises(LookupError, match="no second one"):
        async for result in aclient.infer_stream(requests()):
            assert result.error is None
            seen.append(result.id)
    assert seen == ["r1"]


async def test_leaving_a_stream_cancels_it(aclient: AsyncClient, server: Server) -> None:
    async def endless() -> AsyncIterator[InferRequest]:
        while True:
            yield request(1)
            await asyncio.sleep(0.01)

    results = aclient.infer_stream(endless())
    assert (await anext(results)).id == "r1"
    await results.aclose()
    assert await asyncio.to_thread(server.cancelled.wait, 5)
