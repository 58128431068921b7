"""Starts what is measured and ends it again: peers, our cluster, or nothing at all."""

from __future__ import annotations

import json
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.scenarios.scenario import TargetError

START_S = 120.0
STOP_S = 20.0


@contextmanager
def running(address: str) -> Iterator[str]:
    """A server somebody else started, and ends."""
    yield address


@contextmanager
def module(name: str, *arguments: str, start_s: float = START_S) -> Iterator[str]:
    """`python -m name …`, a peer that prints `{"port": N}` when it is ready."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end our servers in order
        )
        try:
            yield f"127.0.0.1:{_port(process, name, log, start_s)}"
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()


@contextmanager
def cluster(repository: Path, models: Sequence[str], start_s: float = START_S) -> Iterator[str]:
    """Our cluster by its own command, `seom up`, on a free port."""
    address = f"127.0.0.1:{free_port()}"
    seom = str(Path(sys.executable).with_name("seom"))
    # fmt: off
    up = [seom, "up", "--detach", "--repo", str(repository), "--profile", "cpu",
          "--models", ",".join(models), "--address", address]
    # fmt: on
    down = [seom, "down", "--address", address]
    try:
        _command(up, start_s)
        yield address
    finally:
        _command(down, 60.0)


def free_port() -> int:
    """A port of the loopback interface that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port(process: subprocess.Popen[bytes], name: str, log: IO[bytes], start_s: float) -> int:
    """Reads the peer's one line; other lines before it are not ours and are skipped."""
    assert process.stdout
    deadline = time.monotonic() + start_s
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            line = process.stdout.readline()
            if not line:
                raise TargetError(f"{name} ended before it was ready:\n{_last_lines(log)}")
            if line.startswith(b'{"port"'):
                return int(json.loads(line)["port"])
    raise TargetError(f"{name} was not ready within {start_s:.0f} s:\n{_last_lines(log)}")


def _last_lines(log: IO[bytes], lines: int = 12) -> str:
    log.seek(0)
    return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


def _command(command: list[str], limit_s: float) -> None:
    # To a file, not a pipe: what stays running in the background keeps it open.
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise TargetError(f"no command {command[0]}: is the SDK installed?") from None
        words = "seom " + " ".join(command[1:2])
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
            raise TargetError(f"`{words}` took over {limit_s:.0f} s:\n{_last_lines(log)}") from None
        if code:
            raise TargetError(f"`{words}` failed:\n{_last_lines(log)}")
