from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.load.generator import Generators
from benchmarks.scenarios import servers


@pytest.fixture(scope="module")
def generators() -> Iterator[Generators]:
    with Generators() as running:
        yield running


@pytest.fixture(scope="module")
def noop() -> Iterator[str]:
    """The address of a server that answers at once."""
    with servers.module("benchmarks.peers.noop") as address:
        yield address


class Stallable:
    """A no-op server whose process can be stopped and let go on."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.address = address
        self._process = process

    def stop(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@pytest.fixture
def stallable() -> Iterator[Stallable]:
    import json

    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.noop"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        port = json.loads(process.stdout.readline())["port"]
        yield Stallable(process, f"127.0.0.1:{port}")
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()
