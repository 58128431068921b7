"""Speaks with a running HAProxy over its runtime socket; keeps no state of its own.

Every question is one connection and one command, so a restart of HAProxy between two
of them is nothing to recover from.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from pathlib import Path

from serving.edge.errors import EdgeError
from serving.edge.topology import Address

# A payload shares HAProxy's 64 KiB buffer with its command.
_PAYLOAD = 32 * 1024

_MAINTENANCE = 0x01 | 0x02 | 0x20  # forced, inherited, by resolution
_DRAINING = 0x08 | 0x10
_CONNECTION_COLUMNS = ("bkname/svname", "used_cur")
_STATE_COLUMNS = (
    "be_name",
    "srv_name",
    "srv_addr",
    "srv_port",
    "srv_admin_state",
    "srv_check_health",
)
_FULL_HEALTH = 2  # rise + fall - 1: the last check passed


def socket_path(directory: Path) -> Path:
    return directory / "haproxy.sock"


def map_path(directory: Path, name: str) -> Path:
    """A map's file, which is also what HAProxy calls the map."""
    return directory / f"{name}.map"


class State(Enum):
    """What HAProxy was told about a server."""

    FREE = "maint"  # nobody's: no calls, no checks
    DRAIN = "drain"  # checked, finishes its calls, gets no new ones
    READY = "ready"  # gets calls while its checks pass


@dataclass(frozen=True)
class Server:
    """One server of one backend as HAProxy sees it.

    `healthy` is true once a check has passed since the server left `FREE`.
    `calls` counts the calls it is answering now.
    """

    backend: str
    name: str
    address: Address
    state: State
    healthy: bool
    calls: int

    @property
    def path(self) -> str:
        return f"{self.backend}/{self.name}"


class Runtime:
    """HAProxy's runtime API; every method raises EdgeError when HAProxy says no or nothing."""

    def __init__(self, directory: Path, timeout_s: float = 5.0) -> None:
        self._directory = directory
        self._timeout = timeout_s

    def ask(self, command: str) -> str:
        """HAProxy's answer to one command."""
        answer = bytearray()
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._timeout)
                connection.connect(str(socket_path(self._directory)))
                connection.sendall(command.encode() + b"\n")
                while chunk := connection.recv(65536):
                    answer += chunk
        except OSError as error:
            raise EdgeError(f"HAProxy does not answer in {self._directory}: {error}") from error
        return answer.decode(errors="replace").strip()

    def tell(self, command: str, expected: str = "") -> str:
        """A command whose answer must match the pattern `expected`, by default be empty."""
        answer = self.ask(command)
        if not re.fullmatch(expected, answer):
            raise EdgeError(f"HAProxy refused {command.splitlines()[0]!r}: {answer}")
        return answer

    def process_id(self) -> int:
        match = re.search(r"^Pid: (\d+)$", self.ask("show info"), re.MULTILINE)
        if not match:
            raise EdgeError("HAProxy does not tell its process id")
        return int(match[1])

    # --- servers -------------------------------------------------------------------------

    def servers(self) -> list[Server]:
        """All servers of all backends, in HAProxy's order."""
        calls = {path: int(used) for path, used in self._table("conn", _CONNECTION_COLUMNS)}
        servers = []
        for row in self._table("state", _STATE_COLUMNS):
            backend, name, host, port, flags, health = row
            servers.append(
                Server(
                    backend=backend,
                    name=name,
                    address=Address(host, int(port)),
                    state=_state(int(flags)),
                    healthy=int(health) >= _FULL_HEALTH,
                    calls=calls.get(f"{backend}/{name}", 0),
                )
            )
        return servers

    def place(self, server: Server, address: Address) -> None:
        """Gives a FREE server an address and has it checked; it gets no calls yet."""
        host = ipaddress.ip_address(address.host)
        self.tell(
            f"set server {server.path} addr {host} port {address.port}", "(IP|port|no need).*"
        )
        self.set_state(server, State.DRAIN)

    def set_state(self, server: Server, state: State) -> None:
        self.tell(f"set server {server.path} state {state.value}")

    # --- maps ----------------------------------------------------------------------------

    def read_map(self, name: str) -> dict[str, str]:
        lines = self.ask(f"show map {map_path(self._directory, name)}").splitlines()
        try:
            return {key: value for _, key, value in (line.split(" ", 2) for line in lines)}
        except ValueError:
            raise EdgeError(f"HAProxy does not know the map {name}") from None

    def replace_map(self, name: str, entries: Mapping[str, str]) -> None:
        """All entries change at one instant: no lookup sees half of either map."""
        path = map_path(self._directory, name)
        answer = self.tell(f"prepare map {path}", r"New version created: \d+")
        version = answer.rsplit(" ", 1)[1]
        for payload in _payloads(entries):
            self.tell(f"add map @{version} {path} <<\n{payload}")
        self.tell(f"commit map @{version} {path}")

    def _table(self, kind: str, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The named columns of `show servers …`; a thousand rows, five times a second."""
        lines = self.ask(f"show servers {kind}").splitlines()
        header = next((line for line in lines if line.startswith("#")), "")
        names = header.lstrip("# ").split()
        if not set(columns) <= set(names):
            raise EdgeError(f"HAProxy's table of servers lacks {set(columns) - set(names)}")
        pick = itemgetter(*(names.index(column) for column in columns))
        return [pick(line.split()) for line in lines[lines.index(header) + 1 :] if line]


def _state(flags: int) -> State:
    if flags & _MAINTENANCE:
        return State.FREE
    return State.DRAIN if flags & _DRAINING else State.READY


def _payloads(entries: Mapping[str, str]) -> list[str]:
    """`key value` lines in pieces that fit HAProxy's buffer."""
    payloads = [""]
    for key, value in entries.items():
        line = f"{key} {value}\n"
        if len(payloads[-1]) + len(line) > _PAYLOAD:
            payloads.append("")
        payloads[-1] += line
    return [payload for payload in payloads if payload]
