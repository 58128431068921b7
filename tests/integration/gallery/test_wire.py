"""Past the edge, and past what a gRPC library would send: no way to another tenant's galleries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import psutil
import pytest

from seom.pb.v1 import gallery_pb2 as pb
from seom.pb.v1.gallery_pb2_grpc import GalleryServiceStub
from serving.cluster.state import ClusterHome, descendants
from serving.edge import Address
from tests.errors import details_of
from tests.integration.edge.frames import DATA, END_HEADERS, END_STREAM, HEADERS, RawChannel, framed
from tests.integration.gallery.tenants import FORGED, OTHER, Guarded, Metadata, Two

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


def ports(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """On which the cluster's replicas listen, control's among them."""
    monkeypatch.setenv("SEOM_HOME", str(guarded.cluster.home))
    state = ClusterHome(guarded.cluster.port).running()
    assert state is not None
    return [
        connection.laddr.port
        for process in descendants(state.supervisor.pid)
        if (alive := process.find()) and "ServeReplica" in " ".join(alive.cmdline())
        for connection in alive.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]


def test_a_replicas_own_port_wants_the_edges_secret(
    guarded: Guarded, two: Two, unharmed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged: list[Metadata] = [
        [("x-seom-tenant", "acme"), ("x-seom-scopes", "infer"), ("x-seom-models", "*")],
        FORGED["all the edge says"],
        [*FORGED["all the edge says"], ("x-seom-edge", "")],
    ]
    refused = 0
    for port in ports(guarded, monkeypatch):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            for metadata in forged:
                for request in two.calls("kim"):
                    # A replica's other ports speak HTTP/1, or Ray's own, and know no such call.
                    try:
                        error = _direct(channel, request, metadata)
                    except AssertionError as answered:
                        raise AssertionError(f"port {port}") from answered
                    if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                        break
                    assert details_of(error).reason == "NOT_THROUGH_EDGE"
                    refused += 1
    # Two replicas of faces, one of identity, two of control.
    assert refused == 5 * len(forged) * 11


def _direct(channel: grpc.Channel, request: Any, metadata: Metadata) -> grpc.RpcError:
    method = getattr(GalleryServiceStub(channel), type(request).__name__.removesuffix("Request"))
    try:
        answer = method(request, metadata=metadata, timeout=5)
        list(answer) if isinstance(request, pb.ExportGalleryRequest) else None
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"answered: {answer}")


# As no library sends it ---------------------------------------------------------------

PATH = "/seom.v1.GalleryService/GetPerson"


def get(gallery: str) -> bytes:
    request = pb.GetPersonRequest(model_name="faces", gallery=gallery, person="Mina")
    return framed(request.SerializeToString())


def told(answer: bytes) -> pb.Person:
    return pb.GetPersonResponse.FromString(answer).person


@pytest.fixture
def raw(guarded: Guarded) -> Iterator[Callable[[], RawChannel]]:
    host, _, port = guarded.cluster.address.rpartition(":")
    opened: list[RawChannel] = []

    def connect() -> RawChannel:
        opened.append(RawChannel(Address(host, int(port))))
        return opened[-1]

    yield connect
    for each in opened:
        each.__exit__()


@pytest.mark.parametrize(
    "name", ["X-Seom-Tenant", "x-seom-tenant ", "x-seom-tenant\0", "x-Seom-tenant"]
)
def test_names_of_headers_that_are_none(
    two: Two, raw: Callable[[], RawChannel], unharmed: None, name: str
) -> None:
    plain = raw()
    plain.call(1, PATH, {"authorization": f"Bearer {OTHER}"})
    plain.data(1, get("kim"), end=True)
    assert told(plain.answer(1, 20)) == two.theirs, "the call itself is right"
    forged = raw()
    forged.call(1, PATH, {"authorization": f"Bearer {OTHER}", name: "acme"})
    forged.data(1, get("kim"), end=True)
    answer = forged.answer(1, 20)
    assert not answer or told(answer) == two.theirs


def test_headers_after_the_message(two: Two, raw: Callable[[], RawChannel], unharmed: None) -> None:
    channel = raw()
    channel.call(1, PATH, {"authorization": f"Bearer {OTHER}"})
    channel.data(1, get("kim"))
    channel.send(HEADERS, END_HEADERS | END_STREAM, 1, literal("x-seom-tenant", "acme"))
    answer = channel.answer(1, 20)
    assert not answer or told(answer) == two.theirs


def test_a_second_message_is_not_read(
    two: Two, raw: Callable[[], RawChannel], unharmed: None
) -> None:
    channel = raw()
    channel.call(1, PATH, {"authorization": f"Bearer {OTHER}"})
    channel.send(DATA, END_STREAM, 1, get("kim") + get("acme/kim"))
    answer = channel.answer(1, 20)
    assert not answer or told(answer) == two.theirs


def literal(name: str, value: str) -> bytes:
    """A header as HPACK's literal without indexing."""
    parts = (name.encode(), value.encode())
    return b"\0" + b"".join(bytes([len(part)]) + part for part in parts)
