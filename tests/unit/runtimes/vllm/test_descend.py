"""A process started by an `Owner` dies with the process that holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from serving.runtimes.vllm.descend import Owner

# Stands for an engine: a spawned process that makes vLLM's plug-in call, tells who it is,
# stops itself, and would so live for ever.
_HOLDER = """
import multiprocessing, os, signal, time
from serving.runtimes.vllm import descend

def engine():
    descend.follow_parent()
    print(os.getpid(), flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)

if __name__ == "__main__":
    os.environ[descend.OWNER] = str(os.getpid())
    process = multiprocessing.get_context("spawn").Process(target=engine)
    owner = descend.Owner()
    owner.start(process.start)
    descend.follow_parent()  # the owner itself follows nobody
    time.sleep(600)
"""


def test_even_a_stopped_one(tmp_path: os.PathLike[str]) -> None:
    script = os.path.join(tmp_path, "holder.py")
    with open(script, "w") as file:
        file.write(_HOLDER)
    holder = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    engine = psutil.Process(int(holder.stdout.readline()))
    while engine.status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    engine.wait(timeout=5)


def test_start_hands_on_what_it_made_or_why_not() -> None:
    owner = Owner()
    assert owner.start(lambda: 7) == 7
    owner.release()
    with pytest.raises(ZeroDivisionError):
        Owner().start(lambda: 1 // 0)
