"""Answers that grow: read after the block, over gRPC and over HTTP, and summed up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.load import growth
from benchmarks.load.http import HttpLink
from benchmarks.load.record import Measured, Records, Row
from benchmarks.load.workload import Call, Closed, Workload
from benchmarks.stats.claims import Claim, judge
from benchmarks.stats.gates import Gates
from benchmarks.stats.summary import summarise
from seom.pb.v1 import chat_pb2

MS = 1_000_000


def deltas(*texts: str, tokens: int) -> list[tuple[int, bytes]]:
    """A ChatDelta each millisecond; the last one has the usage."""
    made = [chat_pb2.ChatDelta(text=text) for text in texts]
    made[-1].usage.completion_tokens = tokens
    return [(i * MS, delta.SerializeToString()) for i, delta in enumerate(made, start=1)]


def event(text: str = "", tokens: int = 0) -> bytes:
    body: dict[str, object] = {"choices": [{"delta": {"content": text}}], "usage": None}
    if tokens:
        body = {"choices": [], "usage": {"completion_tokens": tokens}}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def chunked(*bodies: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(body), body) for body in (*bodies, b""))


EVENTS = (event(), event("Hal"), event("lo") + event("!"), event(tokens=4), b"data: [DONE]\n\n")
CALL = Call("/a.b/C", (b"x",), form="deltas", tokens=4)


def test_a_streams_messages() -> None:
    found = growth.read("deltas", deltas("", "Hal", "lo", "", tokens=3))
    assert found == growth.Growth(first=2 * MS, pieces=2, tokens=3, text="Hallo")


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_events_however_they_are_cut(size: int) -> None:
    body = chunked(*EVENTS)
    pieces = [(at, body[at : at + size]) for at in range(0, len(body), size)]
    found = growth.read("events", pieces)
    assert (found.pieces, found.tokens, found.text) == (3, 4, "Hallo!")
    # It came with the last byte of its chunk: not with the role before it, nor later.
    end = body.index(b"Hal") + body[body.index(b"Hal") :].index(b"\n\n\r\n") + 3
    assert found.first == end - end % size


def test_an_answer_of_the_wrong_length_has_failed() -> None:
    row = Row(0, 0, 9 * MS, 9 * MS, 0, 1, 1)
    right = growth.complete(CALL, row, deltas("a", "b", tokens=4))
    assert (right.status, right.first, right.pieces, right.tokens) == (0, MS, 2, 4)
    assert growth.complete(CALL, row, deltas("a", "b", tokens=3)).status == 15
    assert growth.complete(CALL, row, deltas("", tokens=4)).status == 15
    assert growth.complete(CALL, row._replace(status=14), []).status == 14


def grown(begin_ms: float, first_ms: float, last_ms: float, tokens: int = 11) -> Row:
    begin, first, last = (int(ms * MS) for ms in (begin_ms, first_ms, last_ms))
    return Row(begin, begin, first, last, 0, 1, 1, tokens, tokens)


def test_tokens_count_where_they_came() -> None:
    # One inside, one that began before, one that ends after, one that is outside.
    rows = [grown(0, 10, 20), grown(-20, -5, 5), grown(80, 95, 105), grown(120, 130, 140)]
    measured = Measured(Records.of(rows), 0, 100 * MS, 0.1)
    assert measured.token_rate == pytest.approx((11 + 5 + 6) / 0.1)
    failed = [row._replace(status=15) for row in rows]
    assert Measured(Records.of(failed), 0, 100 * MS, 0.1).token_rate == 0


def test_time_from_token_to_token() -> None:
    records = Records.of([grown(0, 10, 30), grown(0, 10, 10, tokens=1)])
    assert (records.per_token_ns / MS).tolist() == [2.0]
    assert (records.first_ns / MS).tolist() == [10.0, 10.0]


def test_a_claim_may_be_of_a_further_statistic() -> None:
    workload = Workload("w", "w", CALL, Closed(2), "tokens", also=("ttft",))
    ours, theirs = (
        [
            Measured(Records.of([grown(0, first, 100) for _ in range(20)]), 0, 200 * MS, 0.1)
            for _ in range(3)
        ]
        for first in (10, 20)
    )
    cells = {
        ("w", name): summarise(workload, name, blocks, Gates(), 1)
        for name, blocks in (("ours", ours), ("theirs", theirs))
    }
    claims = [
        Claim("w", "ours", "theirs", "at least", 1.0),
        Claim("w", "ours", "theirs", "at most", 0.6, statistic="ttft"),
    ]
    tokens, first = judge(claims, cells)
    assert tokens.comparison is not None and first.comparison is not None
    assert tokens.comparison.value == pytest.approx(1.0)
    assert first.comparison.value == pytest.approx(0.5) and first.outcome == "PASS"
    growth_ = cells["w", "ours"].growth
    assert growth_ is not None and growth_.merged == 1.0
    assert growth_.first.at(0.5).value == pytest.approx(10 * MS)
    assert growth_.per_token.at(0.5).value == pytest.approx(9 * MS)
    assert growth_.tokens == pytest.approx(20 * 11 / 0.2)


# Over HTTP --------------------------------------------------------------------------


@asynccontextmanager
async def answering(*answers: bytes, pause_s: float = 0.0) -> AsyncIterator[str]:
    """A server that gives these bytes to each request in turn, then closes."""
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            await reader.readexactly(int(head.split(b"content-length: ")[1].split()[0]))
            body = left.pop(0)
            for at in range(0, len(body), 50):
                writer.write(body[at : at + 50])
                await writer.drain()
                await asyncio.sleep(pause_s)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
POST = Call("/v1", (b"{}", b"[]"), form="events", tokens=4)


async def test_answers_are_read_over_one_connection() -> None:
    good = HEAD + chunked(*EVENTS)
    refusal = b"HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\nwrong"
    async with answering(good, refusal, good, pause_s=0.001) as address:
        link = HttpLink(address)
        assert await link.ready(5)
        sender = link.sender(POST)
        for _ in range(3):
            await sender.send(0)
        await link.close()
    one, refused, again = sender.rows()
    assert (one.status, refused.status, again.status) == (0, 2, 0)
    assert one.tokens == again.tokens == 4 and one.pieces == 3
    assert one.sent < one.first < one.last <= refused.sent


async def test_a_server_that_goes_away_is_a_failure() -> None:
    async with answering(HEAD + b"5\r\nda") as address:
        link = HttpLink(address)
        sender = link.sender(POST)
        await sender.send(0)
        await link.close()
    (row,) = sender.rows()
    assert row.status == 14
    assert not await HttpLink("http://127.0.0.1:1").ready(1)


async def test_a_probe_gives_the_body_or_the_reason() -> None:
    refusal = b"HTTP/1.1 404 No\r\nContent-Length: 7\r\n\r\nno such"
    async with answering(HEAD + chunked(*EVENTS), refusal) as address:
        link = HttpLink(address)
        body = await link.probe(POST)
        assert isinstance(body, list)
        assert growth.read("events", [(1, piece) for piece in body]).text == "Hallo!"
        assert await link.probe(POST) == "404: no such"
        await link.close()
