"""Where a client connects, what its channel is told, and who may see the token."""

from __future__ import annotations

import datetime
import ipaddress
import json
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from seom import Client, ConnectionFailed, Unavailable, methods
from seom.channel import channel_options, is_loopback, service_config

from .server import Server


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (None, "127.0.0.1:8001"),
        ("edge:9000", "edge:9000"),
        (" edge ", "edge:8001"),
        ("10.1.2.3", "10.1.2.3:8001"),
        ("::1", "[::1]:8001"),
        ("[::1]", "[::1]:8001"),
        ("[::1]:9000", "[::1]:9000"),
        ("dns:///edge:9000", "dns:///edge:9000"),
        ("unix:/run/seom.sock", "unix:/run/seom.sock"),
    ],
)
def test_addresses(given: str | None, used: str) -> None:
    assert Client(given).address == used


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://edge:8001", "without http://"),
        ("https://edge", "tls=True"),
        ("two words", "host:port"),
        ("dns:", "host:port"),
        (" ", "host:port"),
    ],
)
def test_what_is_no_address(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Client(address)


def test_the_environment_is_asked_second(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(token="from-env")
    try:
        monkeypatch.setenv("SEOM_ADDRESS", server.address)
        monkeypatch.setenv("SEOM_TOKEN", "from-env")
        with Client() as client:
            assert client.address == server.address
            assert client.live()
        assert Client("edge:1", token="").address == "edge:1"
        with Client(token="") as client, pytest.raises(Exception, match="no valid token"):
            client.live()
        assert "authorization" not in server.last.metadata
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("address", "stays"),
    [
        ("localhost:8001", True),
        ("127.0.0.1:8001", True),
        ("127.8.9.10:8001", True),
        ("[::1]:8001", True),
        ("unix:/run/seom.sock", True),
        ("unix-abstract:seom", True),
        ("dns:///localhost:8001", True),
        ("dns:localhost:8001", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", True),
        ("ipv6:[::1]:8001", True),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("dns://8.8.8.8/localhost:8001", False),
        ("localhost.evil.example:8001", False),
        ("127.0.0.1.evil.example:8001", False),
        ("10.0.0.1:8001", False),
        ("[2001:db8::1]:8001", False),
        ("0.0.0.0:8001", False),
        ("edge:8001", False),
        ("xds:///localhost", False),
    ],
)
def test_a_token_stays_on_this_machine_unless_encrypted(address: str, stays: bool) -> None:
    assert is_loopback(address) is stays
    if stays:
        Client(address, token="s3cret")
        return
    with pytest.raises(ValueError, match="unencrypted") as caught:
        Client(address, token="s3cret")
    assert "s3cret" not in str(caught.value)
    Client(address)
    Client(address, token="s3cret", tls=True)
    Client(address, token="s3cret", insecure=True)


@pytest.mark.parametrize("token", ["two words", "line\n", "\x00", "토큰"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        Client(token=token)
    assert token not in str(caught.value)


def test_a_token_is_never_shown() -> None:
    client = Client(token="s3cret")
    assert "s3cret" not in repr(client) + repr(vars(client))


def test_options_are_what_servers_tolerate() -> None:
    options: dict[str, Any] = dict(channel_options())
    assert options["grpc.max_send_message_length"] == 2**31 - 1
    assert options["grpc.max_receive_message_length"] == 2**31 - 1
    # gRPC servers end connections that ping more often than every five minutes.
    assert options["grpc.keepalive_time_ms"] > 300_000
    assert options["grpc.keepalive_permit_without_calls"] == 0
    assert "grpc.service_config" not in dict(channel_options(retries=False))
    assert dict(channel_options(retries=False))["grpc.enable_retries"] == 0


def test_service_config() -> None:
    config = json.loads(json.dumps(service_config()))
    (entry,) = config["methodConfig"]
    assert entry["retryPolicy"] == {
        "maxAttempts": 3,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    assert config["retryThrottling"] == {"maxTokens": 10, "tokenRatio": 0.1}
    names = {(name["service"], name["method"]) for name in entry["name"]}
    assert len(names) == len(entry["name"]) == 26
    assert ("seom.v1.DetectionService", "Detect") in names
    refused = {method.name for method in methods.ALL if not method.idempotent}
    assert refused == {
        "Animate",
        "ChatStream",
        "CompleteStream",
        "DeleteGallery",
        "DeletePerson",
        "DeletePhotograph",
        "DetectVideo",
        "ExportGallery",
        "ModelStreamInfer",
        "RenamePerson",
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "Synthesize",
    }


@pytest.mark.parametrize("size", [10, 3 * 2**20], ids=["small", "large"])
def test_an_idempotent_call_is_sent_again(size: int, server: Server) -> None:
    """Large too: gRPC gives up retries beyond 256 KiB, unless told otherwise."""
    server.unavailable = 2
    with Client(server.address) as client:
        assert client.detect(bytes(size)).model == "yolox"
    assert len(server.seen) == 3
    assert len({seen.metadata["x-request-id"] for seen in server.seen}) == 1


def test_three_times_and_no_more(server: Server) -> None:
    server.unavailable = 100
    with Client(server.address) as client, pytest.raises(Unavailable, match="starting"):
        client.live()
    assert len(server.seen) == 3


def test_retries_can_be_switched_off(server: Server) -> None:
    server.unavailable = 1
    with Client(server.address, retries=False) as client, pytest.raises(Unavailable):
        client.live()
    assert len(server.seen) == 1


@pytest.mark.parametrize("name", ["load", "unload"])
def test_what_changes_the_server_is_sent_once(name: str, server: Server) -> None:
    server.unavailable = 1
    with Client(server.address) as client, pytest.raises(Unavailable):
        getattr(client, name)("m")
    assert len(server.seen) == 1


def test_a_server_that_is_down_is_not_hammered(server: Server) -> None:
    """The throttle: half of 10 tokens gone, and calls are sent once each."""
    server.unavailable = 1000
    with Client(server.address) as client:
        for _ in range(10):
            with pytest.raises(Unavailable):
                client.live()
    assert len(server.seen) < 20


def self_signed() -> tuple[bytes, bytes]:
    """A key and a certificate for 127.0.0.1, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "seom test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return (
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        certificate.public_bytes(pem),
    )


def test_tls() -> None:
    key, certificate = self_signed()
    credentials = grpc.ssl_server_credentials([(key, certificate)])
    server = Server(credentials=credentials, token="s3cret")
    try:
        with Client(server.address, root_certificates=certificate, token="s3cret") as client:
            assert client.live()
        with Client(server.address, tls=True, retries=False) as client:
            with pytest.raises(ConnectionFailed):  # nobody vouches for this certificate
                client.live()
        with Client(server.address, retries=False) as client, pytest.raises(Unavailable):
            client.live()
    finally:
        server.stop()
