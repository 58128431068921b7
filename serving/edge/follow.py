"""Keeps HAProxy's servers and maps equal to what runs in the cluster; never reloads, never guesses.

Make before break: a new replica is checked before it gets calls, names move to it
after that, and only then are the replaced ones drained. All state is read back from
HAProxy each time, so a follower or an HAProxy that starts anew is nothing special.

The life of a server:

    FREE ──address──▶ DRAIN ──check passed──▶ READY ──not listed──▶ DRAIN ──idle──▶ FREE
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from serving.edge import routes
from serving.edge.runtime import Runtime, Server, State
from serving.edge.topology import Address, Topology

logger = logging.getLogger(__name__)

MAPS = ("models", "defaults", "applications")
_LOOK_EVERY = 5


class Follower:
    """Reconciles HAProxy with what `read` says, once (`sync`) or until stopped (`run`).

    `read` must raise when it cannot tell what runs; an empty Topology means that
    nothing is deployed, and is obeyed.
    """

    def __init__(self, runtime: Runtime, read: Callable[[], Topology]) -> None:
        self._runtime = runtime
        self._read = read
        self._stopped = threading.Event()
        self._said: set[str] = set()

    def run(self, interval_s: float = 0.2) -> None:
        """Reconciles until `stop`; an error is logged, and the next round tries again.

        While nothing changes HAProxy is only looked at now and then: that finds one
        that was restarted, and servers that have finished their last calls.
        """
        settled, seen, unchanged = False, None, 0
        while not self._stopped.is_set():
            try:
                topology = self._read()
                unchanged = unchanged + 1 if settled and topology == seen else 0
                if unchanged % _LOOK_EVERY == 0:
                    settled, seen = self._reconcile(topology), topology
            except Exception as error:
                settled = False
                self._say({f"the edge could not be brought up to date: {error!r}"})
            self._stopped.wait(interval_s)

    def stop(self) -> None:
        self._stopped.set()

    def sync(self) -> bool:
        """One round, which waits for nothing; true when nothing was left to do.

        Raises EdgeError when HAProxy does not answer, and whatever `read` raises.
        """
        return self._reconcile(self._read())

    def _reconcile(self, topology: Topology) -> bool:
        reconciliation = _Round(self._runtime, topology)
        settled = reconciliation.run()
        self._say(reconciliation.problems)
        return settled

    def _say(self, problems: set[str]) -> None:
        """Logs a problem when it appears, not in every round."""
        for problem in sorted(problems - self._said):
            logger.warning("%s", problem)
        self._said = problems


class _Round:
    """One reconciliation. Its view of HAProxy is read once and kept true as it acts."""

    def __init__(self, runtime: Runtime, topology: Topology) -> None:
        self.problems: set[str] = set()
        self._runtime = runtime
        self._done = True
        self._maps = {name: runtime.read_map(name) for name in MAPS}
        # An application's two sides, gRPC and HTTP, are two entries here, for what follows.
        self._backends = dict(self._maps["applications"])  # application or side → backend
        self._servers: dict[str, list[Server]] = defaultdict(list)
        for server in runtime.servers():
            self._servers[server.backend].append(server)
        self._wanted = self._addresses(topology)
        self._routes = self._valid_names(topology.routes, routes.ROUTE)
        self._default_routes = self._valid_names(topology.defaults, routes.SERVICE)

    def run(self) -> bool:
        self._assign()
        for application, backend in self._backends.items():
            if application in self._wanted:
                self._dismiss(backend, self._wanted[application])
                self._admit(application, backend)
        self._point()
        self._drain()
        return self._done and not self.problems

    # --- what is wanted ------------------------------------------------------------------

    def _addresses(self, topology: Topology) -> dict[str, list[Address]]:
        # Control is never undeployed: its last replicas keep the calls while it restarts.
        wanted: dict[str, list[Address]] = {routes.CONTROL_APPLICATION: []}
        for application, addresses in topology.applications.items():
            if not re.fullmatch(r"[A-Za-z0-9._@-]{1,128}", application):
                self.problems.add(f"application {application!r}: the edge cannot use this name")
                continue
            wanted[application] = self._valid_addresses(application, addresses)
            if application in topology.http:
                side = routes.web_side(application)
                wanted[side] = self._valid_addresses(side, topology.http[application])
        return wanted

    def _valid_addresses(self, side: str, addresses: Iterable[Address]) -> list[Address]:
        valid = []
        for address in dict.fromkeys(addresses):
            try:
                host = str(ipaddress.ip_address(address.host))
            except ValueError:
                self.problems.add(f"{side}: {address} has no IP address")
            else:
                valid.append(Address(host, address.port))
        return valid

    def _valid_names(self, names: Mapping[str, str], form: re.Pattern[str]) -> dict[str, str]:
        valid = {}
        for name, application in names.items():
            if not form.fullmatch(name):
                self.problems.add(f"route {name!r}: must match {form.pattern}")
            elif application not in self._wanted:
                self.problems.add(f"route {name}: there is no application {application!r}")
            else:
                valid[name] = application
        return valid

    # --- slots ---------------------------------------------------------------------------

    def _assign(self) -> None:
        """Gives every wanted application a backend; one that had its backend keeps it."""
        free = {kind: self._free_slots(kind) for kind in (routes.SLOT, routes.WEB_SLOT)}
        for application in self._wanted:
            if application in self._backends:
                continue
            kind = routes.WEB_SLOT if routes.is_web_side(application) else routes.SLOT
            if backend := routes.CONTROL_BACKENDS.get(application) or next(free[kind], None):
                self._backends[application] = backend
            else:
                self.problems.add(
                    f"{application}: all slots are taken, so its calls are refused; "
                    "start the edge with more slots"
                )

    def _free_slots(self, kind: str) -> Iterator[str]:
        taken = set(self._backends.values())
        for backend, servers in self._servers.items():
            idle = all(server.state is State.FREE for server in servers)
            if re.fullmatch(rf"{kind}\d+", backend) and backend not in taken and idle:
                yield backend

    # --- servers -------------------------------------------------------------------------

    def _dismiss(self, backend: str, addresses: list[Address]) -> None:
        """Frees servers that were drained earlier and have finished their calls."""
        for server in list(self._servers[backend]):
            leaving = server.state is State.DRAIN and server.address not in addresses
            if leaving and server.calls == 0:
                self._set(server, State.FREE)

    def _admit(self, application: str, backend: str) -> None:
        """Places new replicas, and gives calls to those whose check has passed."""
        present = {s.address: s for s in self._servers[backend] if s.state is not State.FREE}
        missing = 0
        for address in self._wanted[application]:
            server = present.get(address)
            if server is None:
                missing += not self._place(backend, address)
            elif server.state is State.DRAIN and server.healthy:
                self._set(server, State.READY)
            elif not server.healthy:
                self._done = False
        if missing:
            self._make_room(application, backend, missing)

    def _place(self, backend: str, address: Address) -> bool:
        self._done = False
        for server in self._servers[backend]:
            if server.state is State.FREE:
                self._runtime.place(server, address)
                self._keep(replace(server, address=address, state=State.DRAIN, healthy=False))
                return True
        return False

    def _make_room(self, application: str, backend: str, missing: int) -> None:
        """Drains replaced servers before their time, at most half of those that serve."""
        leaving = [
            server
            for server in self._servers[backend]
            if server.address not in self._wanted[application] and server.state is not State.FREE
        ]
        if not leaving:
            self.problems.add(
                f"{application}: {missing} of its {len(self._wanted[application])} replicas get "
                "no calls; start the edge with more servers per slot"
            )
        serving = [server for server in leaving if _serves(server)]
        for server in leaving:
            if server.state is State.READY and not _serves(server):
                self._set(server, State.DRAIN)
        for server in serving[: min(missing, len(serving) // 2)]:
            self._set(server, State.DRAIN)

    # --- names ---------------------------------------------------------------------------

    def _point(self) -> None:
        """Moves names to applications that serve, and forgets those that are gone."""
        models = self._move("models", self._routes)
        defaults = self._move("defaults", self._default_routes)
        leaving = {*models.values(), *defaults.values()} - self._wanted.keys()
        needed = {*self._wanted, *leaving, *map(routes.web_side, leaving)}
        # A name must never point at an application that has no entry.
        self._write("applications", self._backends)
        self._write("models", models)
        self._write("defaults", defaults)
        self._backends = {a: b for a, b in self._backends.items() if a in needed}
        self._write("applications", self._backends)

    def _move(self, map_name: str, wanted: Mapping[str, str]) -> dict[str, str]:
        moved = {}
        for name, application in wanted.items():
            old = self._maps[map_name].get(name, application)
            if old != application and self._is_up(old) and not self._is_up(application):
                self._done = False
                application = old
            moved[name] = application
        return moved

    def _is_up(self, application: str) -> bool:
        """Whether it serves at every door it is to serve at."""
        side = routes.web_side(application)
        sides = (application, side) if side in self._wanted else (application,)
        return all(
            any(_serves(server) for server in self._servers[self._backends.get(each, "")])
            for each in sides
        )

    def _write(self, name: str, entries: Mapping[str, str]) -> None:
        if self._maps[name] != entries:
            self._runtime.replace_map(name, entries)
            self._maps[name] = dict(entries)
            self._done = False

    # --- the end of servers --------------------------------------------------------------

    def _drain(self) -> None:
        """Takes calls from replaced servers once a successor serves, and from orphans."""
        owners = {backend: application for application, backend in self._backends.items()}
        for backend in list(self._servers):
            owner = owners.get(backend)
            if owner is None:
                self._dismiss(backend, [])
                leaving = self._servers[backend]
            elif owner not in self._wanted:
                continue  # its names have not moved yet
            else:
                wanted = self._wanted[owner]
                leaving = [s for s in self._servers[backend] if s.address not in wanted]
                if all(s in leaving for s in self._servers[backend] if _serves(s)):
                    # Never drain the last that serves.
                    self._done &= not any(s.state is State.READY for s in leaving)
                    continue
            for server in list(leaving):
                if server.state is State.READY:
                    self._set(server, State.DRAIN)

    def _set(self, server: Server, state: State) -> None:
        self._done = False
        self._runtime.set_state(server, state)
        self._keep(replace(server, state=state))

    def _keep(self, server: Server) -> None:
        servers = self._servers[server.backend]
        servers[[s.name for s in servers].index(server.name)] = server


def _serves(server: Server) -> bool:
    return server.state is State.READY and server.healthy
