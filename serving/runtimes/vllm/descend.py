"""The engine's processes die with the process that started them, however it ends.

vLLM computes in processes of its own. When a replica is killed by SIGKILL or by the
kernel, nothing tells them, and they would hold their memory for ever. Linux can send a
process SIGKILL when its parent goes; each of them asks for that as its first deed, through
vLLM's own plug-in call, and so it also works while one is stopped or hangs.

The signal is tied to the *thread* that started the process. So an engine is started from
a thread that lives as long as the engine does: `Owner`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# The plug-in runs wherever vLLM is imported, in the owner too; this tells it where to act.
OWNER = "SEOM_ENGINE_OWNER"
_PR_SET_PDEATHSIG = 1


def follow_parent() -> None:
    """vLLM's entry point `vllm.general_plugins`: in an engine's process, die with its parent."""
    owner = os.environ.get(OWNER)
    if owner is None or owner == str(os.getpid()) or not sys.platform.startswith("linux"):
        return
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent.pid:  # it went before we asked
        os.kill(os.getpid(), signal.SIGKILL)


class Owner:
    """A thread that starts an engine's processes and then waits until they are no more."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def start(self, build: Callable[[], T]) -> T:
        """Runs `build` in the thread; returns what it returns, raises what it raises."""
        done = threading.Event()
        built: list[T] = []
        failed: list[BaseException] = []

        def run() -> None:
            try:
                built.append(build())
            except BaseException as error:
                failed.append(error)
                done.set()
                return
            done.set()
            self._over.wait()

        threading.Thread(target=run, name="engine-owner", daemon=True).start()
        done.wait()
        if failed:
            raise failed[0]
        return built[0]

    def release(self) -> None:
        """Ends the thread, and with it whatever it started that still runs."""
        self._over.set()
