"""What the edge answers by itself reaches every client as the right gRPC status."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from serving.edge import REFUSALS, Address, Topology

from .calls import DETECT, INFER, STREAM, Answer, call, message, refused
from .conftest import Island, free_port
from .frames import RawChannel, framed
from .replicas import Host, Replica

DETAILS = dict.fromkeys(REFUSALS, "CAgSBHRleHQ" + "A" * 1001)


@pytest.fixture(scope="module")
def island(open_edge: Callable[..., Island], topology: Topology) -> Island:
    topology = Topology(
        applications={**topology.applications, "starting": ()},
        routes={**topology.routes, "starting": "starting"},
        defaults=topology.defaults,
    )
    return open_edge(topology, max_message_bytes=2**20, first_message_s=1, details=DETAILS)


@pytest.fixture
def channel(island: Island) -> Iterator[grpc.Channel]:
    with island.channel() as channel:
        yield channel


def has_details(answer: Answer) -> bool:
    return len((answer.trailers or {}).get("grpc-status-details-bin", b"")) > 700


def test_every_refusal_is_a_status_and_a_printable_sentence() -> None:
    for reason, refusal in REFUSALS.items():
        assert reason == refusal.reason
        assert refusal.status.value != 0
        text = refusal.message.replace("%[", "[")
        assert text.isascii() and text.isprintable() and "%" not in text and '"' not in text


def test_a_model_without_replica_is_unavailable(channel: grpc.Channel) -> None:
    for metadata in ({}, {"application": "starting"}):
        answer = call(channel, message("starting", bytes(100_000)), metadata=metadata)
        assert answer.status == "UNAVAILABLE"
        assert answer.details == "no replica of 'starting' is ready"
        assert has_details(answer)


async def test_an_asyncio_client_sees_the_same(island: Island) -> None:
    async with grpc.aio.insecure_channel(island.edge.config.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(INFER)(message("starting"), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        stream = channel.stream_stream(STREAM)(iter([message("starting")]), timeout=5)
        assert await stream.code() is grpc.StatusCode.UNAVAILABLE
        assert await stream.details() == "no replica of 'starting' is ready"


@pytest.mark.parametrize("metadata", [{}, {"application": "m1"}, {"application": "m9"}])
def test_a_message_over_the_limit_is_refused(
    channel: grpc.Channel, metadata: dict[str, str]
) -> None:
    assert call(channel, message("m1", bytes(2**20 - 8)), metadata=metadata).size == 2**20
    for size in (2**20 - 7, 30 * 2**20):
        answer = call(channel, message("m1", bytes(size)), metadata=metadata)
        assert answer.status == "RESOURCE_EXHAUSTED"
        assert "1048576 bytes" in answer.details
        assert has_details(answer)
    assert call(channel, message("m1")).replica == "m1"


@pytest.mark.parametrize("metadata", [{}, {"application": "m1"}])
@pytest.mark.parametrize("length", [2**20 + 1, 2**31, 2**32 - 1])
def test_a_declared_length_is_refused_without_the_body(
    island: Island, metadata: dict[str, str], length: int
) -> None:
    with RawChannel(island.address) as raw:
        raw.call(1, INFER, metadata)
        raw.data(1, struct.pack(">BI", 0, length))
        begin = time.monotonic()
        assert raw.answer(1) == b""
        assert time.monotonic() - begin < 0.5


def test_a_call_without_a_first_message_ends(channel: grpc.Channel) -> None:
    def silence() -> Iterator[bytes]:
        time.sleep(3)
        yield message("m1")

    begin = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        next(channel.stream_stream(STREAM)(silence(), timeout=10))
    assert refused(caught.value).status == "DEADLINE_EXCEEDED"
    assert refused(caught.value).details == "no message came in time"
    assert 0.9 < time.monotonic() - begin < 2.5


@pytest.mark.parametrize(
    "path",
    [
        "/a",
        "/a/b/c",
        "//b",
        "/a/b?c=d",
        "/a/b/",
        "/a/%52epository",
        "/a/../b",
        "/ray.serve.RayServeAPIService/ListApplications",
    ],
)
def test_what_is_no_method_of_ours_is_unimplemented(channel: grpc.Channel, path: str) -> None:
    answer = call(channel, message("m1"), path, {"application": "m1"})
    assert answer.status == "UNIMPLEMENTED"
    assert has_details(answer)


@pytest.mark.parametrize("code", [3, 5, 8, 13, 14])
@pytest.mark.parametrize("flood", ["0", "1"])
def test_a_replica_s_own_error_passes_untouched(
    channel: grpc.Channel, code: int, flood: str
) -> None:
    stream = channel.unary_stream(INFER)(
        message("m1"), metadata=(("fail", str(code)), ("flood", flood)), timeout=5
    )
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    answer = refused(caught.value)
    assert caught.value.code().value[0] == code
    assert answer.details == "the replica's own words"
    assert (answer.trailers or {})["grpc-status-details-bin"] == bytes(3000)


def test_a_replica_lost_during_a_call_is_unavailable(island: Island, host: Host) -> None:
    replica = host.start("lost")
    before = island.topology
    island.change(
        applications={**before.applications, "lost": (replica.address,)},
        routes={**before.routes, "lost": "lost"},
    )
    island.settle()
    with island.channel() as channel:
        pending = channel.unary_unary(INFER).future(
            message("lost"), timeout=10, metadata=(("sleep-s", "5"),)
        )
        while not replica.seen:
            time.sleep(0.01)
        host.stop(replica)
        assert pending.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        assert call(channel, message("lost")).status == "UNAVAILABLE"
    island.change(applications=before.applications, routes=before.routes)
    island.settle()


def test_a_server_that_speaks_no_grpc_gets_no_calls(island: Island) -> None:
    """The second opinion: a port that accepts connections is not yet a replica."""
    before = island.topology
    with socket.create_server(("127.0.0.1", free_port())) as server:
        port = server.getsockname()[1]
        island.change(
            applications={**before.applications, "mute": (Address("127.0.0.1", port),)},
            routes={**before.routes, "mute": "mute"},
        )
        for _ in range(10):
            island.follower.sync()
            time.sleep(0.1)
        with island.channel() as channel:
            assert call(channel, message("mute")).status == "UNAVAILABLE"
    island.change(applications=before.applications, routes=before.routes)
    island.settle()


# --- not gRPC ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_plain_http_is_told_so(island: Island, method: str) -> None:
    connection = http.client.HTTPConnection(island.address.host, island.address.port, timeout=5)
    headers = {"content-type": "application/grpc"} if method == "POST" else {}
    connection.request(method, "/", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("content-type")) == (415, "text/plain")
    assert answer.read() == b"This address speaks gRPC over HTTP/2 only.\n"
    connection.close()


@pytest.mark.parametrize("content", ["application/json", "application/grpc-web", "text/plain"])
def test_http2_that_is_no_grpc_never_reaches_a_replica(
    island: Island, replicas: dict[str, Replica], content: str
) -> None:
    seen = {name: replica.seen for name, replica in replicas.items()}
    with RawChannel(island.address) as raw:
        raw.call(1, INFER, {"content-type": content, "application": "m1"})
        raw.data(1, framed(message("m1")), end=True)
        assert raw.answer(1) == b""
    assert seen == {name: replica.seen for name, replica in replicas.items()}


# --- the log -----------------------------------------------------------------------------


def test_the_log_names_refusals_and_keeps_secrets(island: Island) -> None:
    with island.channel() as channel:
        call(
            channel,
            message("starting"),
            DETECT,
            {"x-request-id": "find-me", "authorization": "Bearer not-for-the-log"},
        )
        call(channel, message("m1"), metadata={"x-request-id": "went-well"})
    text = ""
    deadline = time.monotonic() + 5
    while "find-me" not in text and time.monotonic() < deadline:
        text = island.edge.config.log.read_text()
    line = next(line for line in text.splitlines() if "find-me" in line)
    assert f"{DETECT} tenant=default application=starting" in line
    assert "http=200 grpc=14" in line
    assert "not-for-the-log" not in text
    assert island.edge.config.secret not in text
    assert "went-well" not in text


def test_all_calls_are_logged_on_request(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    island = open_edge(topology, log_calls=True)
    with island.channel() as channel:
        assert json.dumps(call(channel, message("m1")).replica) == '"m1"'
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if "application=m1 server=slot" in island.edge.config.log.read_text():
            return
    raise AssertionError(island.edge.config.log.read_text())
