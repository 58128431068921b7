"""TLS on the same port: gRPC by ALPN, nothing in the clear, nothing old."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from serving.edge import EdgeError, Topology

from .calls import INFER, answered, call, message
from .conftest import Island


@pytest.fixture(scope="module")
def island(
    open_edge: Callable[..., Island], topology: Topology, certificate: tuple[Path, Path]
) -> Island:
    return open_edge(topology, certificate=certificate[0], key=certificate[1])


@pytest.fixture
def channel(island: Island, certificate: tuple[Path, Path]) -> Iterator[grpc.Channel]:
    credentials = grpc.ssl_channel_credentials(certificate[0].read_bytes())
    with grpc.secure_channel(f"localhost:{island.address.port}", credentials) as channel:
        yield channel


def test_calls_are_routed_over_tls(channel: grpc.Channel) -> None:
    assert call(channel, message("m1", bytes(600_000))).replica == "m1"
    assert call(channel, message("m9")).replica == "_control"


async def test_asyncio_clients_too(island: Island, certificate: tuple[Path, Path]) -> None:
    credentials = grpc.ssl_channel_credentials(certificate[0].read_bytes())
    target = f"localhost:{island.address.port}"
    async with grpc.aio.secure_channel(target, credentials) as channel:
        assert answered(await channel.unary_unary(INFER)(message("m2"), timeout=5)).replica == "m2"


def test_plain_text_is_not_served(island: Island) -> None:
    with island.channel() as channel:
        assert call(channel, message("m1"), timeout_s=2).status == "UNAVAILABLE"


def test_a_stranger_s_certificate_is_not_trusted(island: Island) -> None:
    with grpc.secure_channel(
        f"localhost:{island.address.port}", grpc.ssl_channel_credentials()
    ) as channel:
        assert call(channel, message("m1"), timeout_s=2).status == "UNAVAILABLE"


def test_http2_is_negotiated_and_tls_1_1_is_not(island: Island) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with socket.create_connection((island.address.host, island.address.port)) as plain:
        with context.wrap_socket(plain) as connection:
            assert connection.selected_alpn_protocol() == "h2"
            assert connection.version() == "TLSv1.3"
    with pytest.warns(DeprecationWarning):
        context.minimum_version, context.maximum_version = (
            ssl.TLSVersion.TLSv1,
            ssl.TLSVersion.TLSv1_1,
        )
    with socket.create_connection((island.address.host, island.address.port)) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain)


def test_the_key_is_readable_by_its_owner_alone(island: Island) -> None:
    assert (island.edge.config.directory / "edge.pem").stat().st_mode & 0o077 == 0


def test_a_missing_or_broken_certificate_is_named(
    open_edge: Callable[..., Island], certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(EdgeError, match=r"absent\.pem: cannot be read"):
        open_edge(certificate=tmp_path / "absent.pem", key=certificate[1])
    with pytest.raises(EdgeError, match=r"HAProxy refuses its configuration: .*edge\.pem"):
        open_edge(certificate=certificate[0], key=certificate[0])
