"""The process that owns a cluster: it starts everything, keeps the edge true, ends it.

    python -m serving.cluster.supervisor …     what `seom up --detach` leaves running

Ray and HAProxy are its children and do not outlive it; what a crash leaves behind
all the same is ended by the next start, by process id and start time.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from serving.cluster import ray
from serving.cluster.choice import chosen
from serving.cluster.settings import Settings
from serving.cluster.state import ClusterHome, ClusterState, Process, descendants, end
from serving.cluster.topology import TopologyReader
from serving.edge.config import EdgeConfig
from serving.edge.errors import EdgeError
from serving.edge.follow import Follower
from serving.edge.process import Edge
from serving.repository.config import ConfigError, ModelConfig
from serving.repository.weights import WeightsError, ensure_all
from serving.services.refusals import refusal_details

Report = Callable[[str], None]

_CHECK_S = 0.5
_SETTLE_S = 30.0
_JOIN_S = 5.0


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
        self._ending = False
        self._secret = secrets.token_hex(32)

    def run(self) -> None:
        """Starts the cluster and serves until SIGTERM or SIGINT, at any moment of it.

        Must be called on the main thread. Raises ClusterError.
        """
        self._heed_signals()
        try:
            with self._home.exclusive():
                self._serve()
        except KeyboardInterrupt:
            return  # before there was anything to end
        except BlockingIOError:
            raise ClusterError(
                f"a cluster is already up on port {self._settings.port}; `seom down` ends it"
            ) from None
        except (ConfigError, EdgeError, PermissionError, WeightsError) as error:
            raise ClusterError(str(error)) from None
        except ClusterError:
            raise
        except Exception as error:
            with self._home.log.open("a") as log:
                traceback.print_exc(file=log)
            words = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise ClusterError(f"{words}; `seom logs` says more") from error

    def _heed_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        """Ends whatever `run` is at; once, so that nothing breaks into the clean-up.

        KeyboardInterrupt, because asyncio and Ray pass it on; an exception they do not
        know could be swallowed there. An Event would be no better: to set it in a
        handler deadlocks with the same thread's wait.
        """
        if not self._ending:
            self._ending = True
            raise KeyboardInterrupt

    def _serve(self) -> None:
        self._clean_up_after_crash()
        state = ClusterState(
            supervisor=Process.of(psutil.Process()),
            address=self._settings.address,
            profile=self._settings.profile,
            repository=str(self._settings.repository.resolve()),
        )
        edge: Edge | None = None
        follower: Follower | None = None
        following: threading.Thread | None = None
        try:
            self._home.write(state)
            configs = self._models()
            edge = self._edge()
            self._report("starting the edge")
            edge.start()
            self._start_ray(configs)
            state.children = descendants(os.getpid())
            self._home.write(state)
            settings = self._settings
            http = settings.http_address is not None
            reader = TopologyReader(settings.repository, settings.profile, http=http)
            follower = Follower(edge.runtime, reader)
            self._deploy(configs)
            self._settle(follower)
            following = threading.Thread(target=follower.run, name="follower", daemon=True)
            following.start()
            state.children = descendants(os.getpid())
            state.phase = "ready"
            self._home.write(state)
            web = f", HTTP on {settings.http_address}" if settings.http_address else ""
            self._report(f"ready on {settings.address}{web}")
            self._watch(edge)
        except KeyboardInterrupt:
            state.phase = "stopping"
            self._home.write(state)
        except BaseException as error:
            self._ending = True
            state.phase = "failed"
            state.message = str(error)
            self._home.write(state)
            raise
        finally:
            self._end(edge, follower, following, state)

    def _models(self) -> list[ModelConfig]:
        configs = chosen(self._settings)
        for config in configs:
            self._report(f"weights of {config.application}")
            ensure_all(config)
        return configs

    def _edge(self) -> Edge:
        settings = self._settings
        return Edge(
            EdgeConfig(
                address=settings.address,
                http_address=settings.http_address,
                directory=self._home.edge,
                secret=self._secret,
                tokens=settings.tokens,
                certificate=settings.tls_certificate,
                key=settings.tls_key or settings.tls_certificate,
                details=refusal_details(),
            )
        )

    def _start_ray(self, configs: list[ModelConfig]) -> None:
        self._report("starting Ray")
        self._home.ray.mkdir(mode=0o700, exist_ok=True)
        try:
            ray.start(
                self._home.ray,
                cpus=sum(c.resources.cpus * c.resources.replicas for c in configs),
                gpus=sum(c.resources.gpus * c.resources.replicas for c in configs),
                drain_s=self._settings.drain_s,
            )
        except SystemExit:
            # Ray has put a handler of its own, which exits, in place of ours.
            self._ending = True
            raise KeyboardInterrupt from None
        finally:
            self._heed_signals()

    def _deploy(self, configs: list[ModelConfig]) -> None:
        from serving.cluster.deploy import control, deploy

        settings = self._settings
        names = ", ".join(config.application for config in configs)
        self._report(f"loading {names}")
        target = control(
            settings.repository,
            settings.profile,
            self._secret,
            required=[config.application for config in configs],
            reflects=settings.reflection,
            replicas=settings.control_replicas,
        )
        try:
            asyncio.run(deploy(configs, self._secret, beside=[target]))
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
        edited = _mtime(tokens) if tokens else 0
        trouble = ""
        while not self._ending:
            time.sleep(_CHECK_S)
            if not edge.alive:
                trouble = self._start_again(edge, trouble)
            if tokens and (now := _mtime(tokens)) != edited:
                edited = now
                try:
                    edge.reload_tokens()
                    self._report(f"tokens read again from {tokens}")
                except EdgeError as error:
                    self._report(f"tokens unchanged: {error}")

    def _start_again(self, edge: Edge, trouble: str) -> str:
        """One attempt; returns why it failed, which is told unless it is `trouble` already."""
        if not trouble:
            self._report("the edge has ended; starting it again")
        try:
            edge.start()
        except (EdgeError, OSError) as error:
            if str(error) != trouble:
                self._report(f"the edge does not start, it is tried again: {error}")
            return str(error)
        if trouble:
            self._report("the edge runs again")
        return ""

    def _end(
        self,
        edge: Edge | None,
        follower: Follower | None,
        following: threading.Thread | None,
        state: ClusterState,
    ) -> None:
        """Ends everything; a step that fails does not keep the others from being done."""
        self._report("stopping")
        with ExitStack() as last_first:
            if state.phase != "failed":
                last_first.callback(self._home.remove_state)
            last_first.callback(end, [*descendants(os.getpid()), *state.children])
            last_first.callback(ray.stop)
            if edge:
                last_first.callback(edge.stop)
            # It asks Ray, so Ray ends after it.
            if following and following.ident:
                last_first.callback(following.join, _JOIN_S)
            if follower:
                last_first.callback(follower.stop)
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

    try:
        Supervisor(decode(sys.argv[1]), report).run()
    except ClusterError as error:
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
