"""EdgeConfig and its rendering into HAProxy's language; refuses what would open the door too wide.

`haproxy.cfg` beside this module is the text; this module only fills in its blanks.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template

from serving.edge import routes
from serving.edge.errors import EdgeError
from serving.edge.refusals import REFUSALS, Refusal
from serving.edge.runtime import map_path

# The name starts at byte 7: after the frame's 5, the field's tag and its length.
_HEAD = 7 + routes.LONGEST_ROUTE
_LADDER_STEP = 8
# HTTP/2's connection preface and an empty SETTINGS frame.
_GREETING = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))).hex()
# HAProxy binds its socket under a temporary name before it renames it; 108 is the
# system's limit for both.
_LONGEST_DIRECTORY = 70
_RANGES = {
    "slots": (1, 1000),
    "http_slots": (1, 1000),
    "servers_per_slot": (1, 1000),
    "threads": (1, 64),
    "max_connections": (1, 1_000_000),
    "max_message_bytes": (1024, 2**32 - 1),
    "first_message_s": (1, 24 * 3600),
}


@dataclass(frozen=True)
class EdgeConfig:
    """All the edge is told at start.

    `directory` is the edge's own: socket, maps, rendered configuration, log.
    `secret` is what replicas know the edge by. `http_address` opens the HTTP door (`web`),
    which has slots for as many applications as `http_slots` says. `details` maps a reason of
    `refusals.REFUSALS` to a base64 google.rpc.Status, sent as grpc-status-details-bin.
    Raises EdgeError when a value cannot be used.
    """

    directory: Path
    secret: str = field(repr=False)
    address: str = "127.0.0.1:8001"
    http_address: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    tokens: Path | None = None
    slots: int = 64
    http_slots: int = 16
    servers_per_slot: int = 16
    threads: int = max(1, (os.cpu_count() or 1) // 4)
    max_connections: int = 4096
    max_message_bytes: int = 64 * 2**20
    first_message_s: int = 600
    log_calls: bool = False
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise EdgeError(f"{name}: must be between {least} and {most}")
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,256}", self.secret):
            raise EdgeError("secret: 16 to 256 letters, digits, '_' or '-'")
        if (self.certificate is None) != (self.key is None):
            raise EdgeError("certificate and key: give both or neither")
        if not re.fullmatch(r"[A-Za-z0-9._/@+-]+", str(self.directory)):
            raise EdgeError(f"{self.directory}: only letters, digits and ./@_+- in this path")
        if not self.directory.is_absolute() or len(str(self.directory)) > _LONGEST_DIRECTORY:
            raise EdgeError(
                f"{self.directory}: must be absolute and at most {_LONGEST_DIRECTORY} characters, "
                "or its socket has no valid name"
            )
        if unknown := set(self.details) - set(REFUSALS):
            raise EdgeError(f"details: unknown {sorted(unknown)}; allowed: {sorted(REFUSALS)}")
        for reason, encoded in self.details.items():
            if not re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", encoded):
                raise EdgeError(f"details: {reason} is not base64")
        for address in (self.address, self.http_address):
            if address is not None:
                self._require_guarded(address)

    def _require_guarded(self, address: str) -> None:
        if self.tokens is None and not _is_loopback(_split(address)[0]):
            raise EdgeError(
                f"{address}: without a token file the edge listens on a loopback address "
                "only, as 127.0.0.1; configure tokens to open it"
            )

    @property
    def host(self) -> str:
        return _split(self.address)[0]

    @property
    def port(self) -> int:
        return _split(self.address)[1]

    @property
    def log(self) -> Path:
        return self.directory / "edge.log"

    @property
    def pem(self) -> Path:
        """Certificate and key in one file, as HAProxy wants them."""
        return self.directory / "edge.pem"


def render(config: EdgeConfig) -> str:
    """HAProxy's whole configuration as text."""
    text = (resources.files("serving.edge") / "haproxy.cfg").read_text()
    tls = f" ssl crt {config.pem} alpn h2 ssl-min-ver TLSv1.2" if config.certificate else ""
    return Template(text).substitute(
        {reason: _reply(refusal, config) for reason, refusal in REFUSALS.items()},
        directory=config.directory,
        max_connections=config.max_connections,
        threads=config.threads,
        max_message_bytes=config.max_message_bytes,
        first_message_s=config.first_message_s,
        greeting=_GREETING,
        head=_HEAD,
        bind=f"{config.address}{tls} tcp-ut 30s",
        control=routes.CONTROL_APPLICATION,
        secret=config.secret,
        servers=config.servers_per_slot,
        errors=_errors(config),
        silence=silence(config),
        methods=_methods(),
        grant=_grant(config),
        allowed=_allowed(config),
        ladder=_ladder(config),
        slots=slots(routes.SLOT, config.slots, "calls", config),
    )


def _reply(refusal: Refusal, config: EdgeConfig) -> str:
    return f"status 200 {_headers(refusal, config)}"


def _errors(config: EdgeConfig) -> str:
    return lines(
        f"http-error status {refusal.http} {_headers(refusal, config)}"
        for refusal in sorted(REFUSALS.values(), key=lambda refusal: refusal.http or 0)
        if refusal.http
    )


def _headers(refusal: Refusal, config: EdgeConfig) -> str:
    text = f'hdr grpc-status {refusal.status.value} hdr grpc-message "{refusal.message}"'
    if encoded := config.details.get(refusal.reason):
        text += f' hdr grpc-status-details-bin "{encoded}"'
    return text


def silence(config: EdgeConfig) -> str:
    if config.log_calls:
        return "    # Every call is logged."
    return (
        "    # The log is for what the edge refused or could not deliver.\n"
        "    http-response set-log-level silent"
    )


def _methods() -> str:
    return lines(
        (
            f"acl public_method path -m str {routes.PUBLIC_METHOD}",
            *(f"acl control_method path -m beg /{name}/" for name in routes.CONTROL_SERVICES),
            *(f"acl control_method path -m str {path}" for path in routes.CONTROL_METHODS),
            f"acl admin_method path,field(3,/) -m str {' '.join(routes.ADMIN_METHODS)}",
        )
    )


def _grant(config: EdgeConfig) -> str:
    # The one call that needs no token.
    probe = (
        "http-request set-var(txn.grant) \"str('anonymous;;')\" "
        "if public_method !{ var(txn.grant) -m found }"
    )
    return grant(config, _reply(REFUSALS["UNAUTHENTICATED"], config), probe)


def grant(config: EdgeConfig, refusal: str, *exceptions: str) -> str:
    """Who is calling: sets txn.grant to `tenant;scopes;models`, or answers `refusal`.

    exceptions: rules that grant something to a call without a token
    """
    if config.tokens is None:
        return lines(
            (
                "# No tokens are configured, so this door is on a loopback address.",
                "http-request set-var(txn.grant) \"str('default;infer,admin;*')\"",
            )
        )
    tokens = map_path(config.directory, "tokens")
    return lines(
        (
            "# Default-deny: the map holds digests of tokens.",
            "http-request set-var(txn.token) http_auth_bearer,sha2(256),hex",
            f"http-request set-var(txn.grant) var(txn.token),map({tokens})",
            *exceptions,
            f"http-request return {refusal} unless {{ var(txn.grant) -m found }}",
        )
    )


def _allowed(config: EdgeConfig) -> str:
    if config.tokens is None:
        return "    # (without tokens, always)"
    base = lines(("http-request set-var(txn.base) var(txn.model),field(1,@)",))
    return f"{base}\n{may_use(config, ('model', 'base'))}"


def may_use(config: EdgeConfig, names: Iterable[str]) -> str:
    """Sets txn.allowed where the token has one of the names, each in a variable of txn."""
    if config.tokens is None:
        return "    # (without tokens, always)"
    tokens = map_path(config.directory, "tokens")
    return lines(
        "http-request set-var(txn.allowed) bool(true) if "
        f"{{ var(txn.token),concat(/,txn.{name}),map({tokens}) -m found }}"
        for name in names
    )


def _ladder(config: EdgeConfig) -> str:
    steps = (*range(7 + _LADDER_STEP, _HEAD, _LADDER_STEP), _HEAD)
    wait = f"http-request wait-for-body time {config.first_message_s}s at-least"
    return lines(
        (
            f"{wait} {_HEAD} if split {{ var(txn.length) -m int ge {_HEAD - 5} }}",
            *(f"{wait} {step} if split {{ var(txn.need) -m int ge {step} }}" for step in steps),
        )
    )


def slots(kind: str, count: int, defaults: str, config: EdgeConfig) -> str:
    """Backends for applications to come, each with servers for its replicas."""
    servers = f"server-template server 1-{config.servers_per_slot}"
    return "\n".join(
        f"backend {kind}{number} from {defaults}\n    {servers} 0.0.0.0:0 disabled init-addr none\n"
        for number in range(1, count + 1)
    )


def lines(rules: Iterable[str]) -> str:
    return "\n".join(f"    {rule}" for rule in rules)


def _split(address: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+|\*):([0-9]{1,5})", address)
    if not match or not 0 < int(match[2]) < 65536:
        raise EdgeError(f"{address}: an address reads host:port, as 127.0.0.1:8001")
    return match[1].strip("[]"), int(match[2])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
