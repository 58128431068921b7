"""A real story from real weights, and an engine that does not outlive its owner."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.chat_models import write_stories
from tests.conftest import ROOT

pytestmark = pytest.mark.timeout(240)


class Owner:
    """The process of `owner.py`, started and ended by these tests."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.integration.chat.owner", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    def told(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                told: dict[str, Any] = json.loads(line)
                return told
        raise AssertionError("the owner ended before its engine was ready")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def owner(data: Path, tmp_path: Path) -> Iterator[Owner]:
    language = data / "models" / "language"
    write_stories(language / "stories260K.bin", language / "tok512.bin", tmp_path / "stories")
    owner = Owner(tmp_path / "stories")
    try:
        yield owner
    finally:
        owner.end()


def test_story_and_the_owners_death(owner: Owner) -> None:
    told = owner.told()
    assert told["story"].startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play outside"
    )
    processes = [psutil.Process(pid) for pid in told["processes"]]
    engine = [process for process in processes if "VLLM" in process.name()]
    assert engine

    # A stopped process cannot end by itself; the kernel's signal reaches it all the same.
    for process in engine:
        process.send_signal(signal.SIGSTOP)
    killed = time.monotonic()
    owner.process.send_signal(signal.SIGKILL)
    while left := [p for p in processes if _runs(p)]:
        assert time.monotonic() - killed < 5, f"{left} outlive their owner"
        time.sleep(0.05)


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
