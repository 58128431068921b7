"""The way to a server: its address, the channel's options, and who may see the token.

Refuses to send a token in the clear to another machine.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import grpc

from seom import call, methods

VERSION = "0.1.0"
DEFAULT_ADDRESS = "127.0.0.1:8001"
DEFAULT_PORT = 8001
DEFAULT_TIMEOUT = 30.0

_INT32_MAX = 2**31 - 1
_SCHEMES = ("dns", "ipv4", "ipv6", "unix", "unix-abstract", "xds")


@dataclass(frozen=True)
class Connection:
    """Where a client connects and what each of its calls carries."""

    address: str
    token: str | None = field(repr=False)
    timeout: float
    retries: bool
    credentials: Any = field(repr=False)  # grpc.ChannelCredentials, or None in the clear

    def open(self, flavour: ModuleType) -> Any:
        """A channel of `grpc` or `grpc.aio`; connects with its first call."""
        options = channel_options(retries=self.retries, loopback=is_loopback(self.address))
        if self.credentials is None:
            return flavour.insecure_channel(self.address, options=options)
        return flavour.secure_channel(self.address, self.credentials, options=options)

    def envelope(
        self,
        model: str,
        timeout: float | None,
        metadata: call.Metadata | None,
        request_id: str = "",
    ) -> call.Envelope:
        return call.envelope(
            self.address,
            self.token,
            self.timeout if timeout is None else timeout,
            model,
            request_id,
            metadata,
        )


def connection(
    address: str | None,
    token: str | None,
    timeout: float,
    *,
    tls: bool,
    root_certificates: bytes | None,
    insecure: bool,
    retries: bool,
) -> Connection:
    """Settles where to connect, from arguments first and the environment second.

    Raises ValueError for an address or token that cannot be, and for a token that
    would go unencrypted to another machine.
    """
    address = _address(address or os.environ.get("SEOM_ADDRESS") or DEFAULT_ADDRESS)
    token = os.environ.get("SEOM_TOKEN") if token is None else token
    if token and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise ValueError("token: holds blanks, line ends or characters outside ASCII")
    secure = tls or root_certificates is not None
    if token and not (secure or insecure or is_loopback(address)):
        raise ValueError(
            f"token: would travel unencrypted to {address}; use tls=True, "
            "or insecure=True if the network itself is trusted"
        )
    credentials = grpc.ssl_channel_credentials(root_certificates) if secure else None
    return Connection(address, token or None, call.seconds(timeout), retries, credentials)


def channel_options(*, retries: bool = True, loopback: bool = False) -> list[tuple[str, int | str]]:
    """What the SDK asks of gRPC's core, each for a reason."""
    options: list[tuple[str, int | str]] = [
        ("grpc.primary_user_agent", f"seom-python/{VERSION}"),
        # Tensors and pictures are large; the server's own limits are the ones that hold.
        ("grpc.max_send_message_length", _INT32_MAX),
        ("grpc.max_receive_message_length", _INT32_MAX),
        # A standard server disconnects clients that ping more than once in 5 minutes.
        # The timeout is also TCP's: a dead peer is noticed within it while data is unread.
        ("grpc.keepalive_time_ms", 310_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 0),
        # A restarted server is found again soon; the default waits up to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 3_000),
        ("grpc.enable_retries", int(retries)),
    ]
    if retries:
        options += [
            ("grpc.service_config", json.dumps(service_config())),
            # Beyond this buffer (256 KiB by default: one photo) a call is not retried.
            ("grpc.per_rpc_retry_buffer_size", _INT32_MAX),
        ]
    if loopback:
        options.append(("grpc.enable_http_proxy", 0))
    return options


def service_config() -> dict[str, Any]:
    """Three tries of an idempotent call after UNAVAILABLE, unless too many calls fail."""
    idempotent = [
        {"service": method.service, "method": method.name}
        for method in methods.ALL
        if method.idempotent
    ]
    return {
        "methodConfig": [
            {
                "name": idempotent,
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
        "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
    }


def is_loopback(address: str) -> bool:
    """Whether what is sent to an address stays on this machine; no if in doubt."""
    scheme, rest = _split(address)
    if scheme.startswith("unix"):
        return True
    if scheme == "dns":
        rest = rest.removeprefix("///")  # dns://server/name asks somebody else
    elif scheme not in ("", "ipv4", "ipv6"):
        return False
    return all(_is_loopback_host(_host(each)) for each in rest.split(","))


def _address(address: str) -> str:
    """`host:port` for gRPC; a host alone gets the default port."""
    address = address.strip()
    if match := re.match(r"(https?|grpcs?)://", address):
        raise ValueError(
            f"address: write host:port without {match[0]}"
            + (" and use tls=True" if match[1] in ("https", "grpcs") else "")
        )
    scheme, rest = _split(address)
    if not rest or any(char.isspace() for char in address):
        raise ValueError(f"address: {address!r} is none; write host:port")
    if scheme:
        return address
    try:
        if ipaddress.ip_address(rest).version == 6:
            rest = f"[{rest}]"
    except ValueError:
        pass
    return rest if re.search(r"[^:\]]:\d+$|\]:\d+$", rest) else f"{rest}:{DEFAULT_PORT}"


def _split(address: str) -> tuple[str, str]:
    """The scheme of gRPC's naming, or "", and the rest."""
    scheme, colon, rest = address.partition(":")
    return (scheme, rest) if colon and scheme in _SCHEMES else ("", address)


def _host(address: str) -> str:
    """Without the port and an IPv6 address's brackets."""
    bare_v6 = address.count(":") > 1 and "]" not in address
    return (address if bare_v6 else re.sub(r":\d+$", "", address)).strip("[]")


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
