"""The process that owns a cluster: it starts everything, keeps the edge true, ends it.

    python -m serving.cluster.supervisor …     what `seom up --detach` leaves running

Ray and HAProxy are its children and do not outlive it; what a crash leaves behind
all the same is ended by the next start, by process id and start time.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from serving.cluster import ray
from serving.cluster.settings import Settings
from serving.cluster.state import ClusterHome, ClusterState, Process, descendants, end
from serving.cluster.topology import TopologyReader
from serving.edge.config import EdgeConfig
from serving.edge.errors import EdgeError
from serving.edge.follow import Follower
from serving.edge.process import Edge
from serving.repository.config import ConfigError, ModelConfig
from serving.repository.scan import Repository
from serving.repository.weights import ensure
from serving.services.refusals import refusal_details

Report = Callable[[str], None]

_CHECK_S = 0.5
_SETTLE_S = 30.0


class ClusterError(Exception):
    """Why a cluster did not come up, in words for the person who started it."""


class Supervisor:
    """Runs one cluster in this process.

    report: told one line at every step of the start, for progress.
    """

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._home = ClusterHome(settings.port)
        self._stop = threading.Event()
        self._secret = secrets.token_hex(32)

    def run(self) -> None:
        """Starts the cluster and serves until `stop`; raises ClusterError."""
        try:
            with self._home.exclusive():
                self._serve()
        except BlockingIOError:
            raise ClusterError(
                f"a cluster is already up on port {self._settings.port}; `seom down` ends it"
            ) from None

    def stop(self) -> None:
        self._stop.set()

    def _serve(self) -> None:
        self._clean_up_after_crash()
        state = ClusterState(
            supervisor=Process.of(psutil.Process()),
            address=self._settings.address,
            profile=self._settings.profile,
            repository=str(self._settings.repository.resolve()),
        )
        self._home.write(state)
        edge: Edge | None = None
        follower: Follower | None = None
        try:
            configs = self._models()
            edge = self._start_edge()
            self._start_ray(configs)
            state.children = descendants(os.getpid())
            self._home.write(state)
            reader = TopologyReader(self._settings.repository, self._settings.profile)
            follower = Follower(edge.runtime, reader)
            self._deploy(configs)
            self._settle(follower)
            threading.Thread(target=follower.run, name="follower", daemon=True).start()
            state.children = descendants(os.getpid())
            state.phase = "ready"
            self._home.write(state)
            self._report(f"ready on {self._settings.address}")
            self._watch(edge)
        except BaseException as error:
            state.phase = "failed"
            state.message = str(error)
            self._home.write(state)
            raise
        finally:
            self._end(edge, follower, state)

    def _models(self) -> list[ModelConfig]:
        settings = self._settings
        try:
            every = Repository(settings.repository, settings.profile).models()
        except ConfigError as error:
            raise ClusterError(str(error)) from None
        configs = [c for c in every if c.enabled and not settings.models]
        for name in settings.models:
            chosen = [c for c in every if name in (c.name, c.application)]
            if not chosen:
                known = ", ".join(sorted({c.name for c in every})) or "none"
                raise ClusterError(
                    f"no model {name!r} in profile {settings.profile} of "
                    f"{settings.repository}; there are {known}"
                )
            configs += chosen
        if not configs:
            raise ClusterError(f"no models in {settings.repository / settings.profile}")
        for config in configs:
            if config.weights is not None:
                self._report(f"weights of {config.application}")
                ensure(config)
        return configs

    def _start_edge(self) -> Edge:
        settings = self._settings
        self._report("starting the edge")
        edge = Edge(
            EdgeConfig(
                address=settings.address,
                directory=self._home.edge,
                secret=self._secret,
                tokens=settings.tokens,
                certificate=settings.tls_certificate,
                key=settings.tls_key or settings.tls_certificate,
                details=refusal_details(),
            )
        )
        edge.start()
        return edge

    def _start_ray(self, configs: list[ModelConfig]) -> None:
        self._report("starting Ray")
        self._home.ray.mkdir(mode=0o700, exist_ok=True)
        ray.start(
            self._home.ray,
            cpus=sum(c.resources.cpus * c.resources.replicas for c in configs),
            gpus=sum(c.resources.gpus * c.resources.replicas for c in configs),
            drain_s=self._settings.drain_s,
        )

    def _deploy(self, configs: list[ModelConfig]) -> None:
        from serving.cluster.deploy import control, deploy

        settings = self._settings
        names = ", ".join(config.application for config in configs)
        self._report(f"loading {names}")
        target = control(
            settings.repository,
            settings.profile,
            self._secret,
            reflects=settings.reflection,
            replicas=settings.control_replicas,
        )
        try:
            deploy(configs, self._secret, beside=[target])
        except RuntimeError:
            raise ClusterError(
                f"not every model of {names} came up; `seom logs` says why"
            ) from None

    def _settle(self, follower: Follower) -> None:
        """Waits until the edge knows every replica."""
        deadline = time.monotonic() + _SETTLE_S
        while not follower.sync():
            if time.monotonic() > deadline:
                raise ClusterError("the edge does not reach the replicas; see `seom logs edge`")
            time.sleep(0.05)

    def _watch(self, edge: Edge) -> None:
        """Waits for the end; starts an edge anew that has died, reloads edited tokens."""
        tokens = self._settings.tokens
        edited = tokens.stat().st_mtime_ns if tokens else 0
        while not self._stop.wait(_CHECK_S):
            if not edge.alive:
                self._report("the edge has ended; starting it again")
                edge.start()
            if tokens and (now := _mtime(tokens)) != edited:
                edited = now
                try:
                    edge.reload_tokens()
                    self._report(f"tokens read again from {tokens}")
                except EdgeError as error:
                    self._report(f"tokens unchanged: {error}")

    def _end(self, edge: Edge | None, follower: Follower | None, state: ClusterState) -> None:
        self._report("stopping")
        children = descendants(os.getpid())
        if follower:
            follower.stop()
        if edge:
            edge.stop()
        ray.stop()
        end([*children, *state.children])
        if state.phase == "ready":
            self._home.remove_state()
        self._report("stopped")

    def _clean_up_after_crash(self) -> None:
        left = self._home.read()
        if left is not None:
            end(left.children)
            self._home.remove_state()


def _mtime(file: Path) -> int:
    """0 while an editor replaces the file."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def main() -> None:
    """The detached supervisor: settings as JSON in argv, progress as lines on stdout."""

    def report(line: str) -> None:
        print(f"{time.strftime('%T')} {line}", flush=True)

    supervisor = Supervisor(decode(sys.argv[1]), report)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    try:
        supervisor.run()
    except Exception as error:
        print(f"failed: {error}", flush=True)
        raise SystemExit(1) from None


_PATHS = ("repository", "tokens", "tls_certificate", "tls_key")


def encode(settings: Settings) -> str:
    """Settings as `decode` reads them."""
    return json.dumps(asdict(settings), default=str)


def decode(text: str) -> Settings:
    raw: dict[str, Any] = json.loads(text)
    raw |= {name: Path(raw[name]) for name in _PATHS if raw[name] is not None}
    raw["models"] = tuple(raw["models"])
    return Settings(**raw)


if __name__ == "__main__":
    main()
