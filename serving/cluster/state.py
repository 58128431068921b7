"""What a running cluster leaves on disk: who it is, so that it can be stopped and found.

Each address has a folder of its own below the temporary directory. Processes are
known by id *and* start time, so that a recycled id is never signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Process:
    """One process of ours, recognisable after its id has been reused."""

    pid: int
    started: float
    name: str = ""

    @classmethod
    def of(cls, process: psutil.Process) -> Process:
        with process.oneshot():
            return cls(process.pid, process.create_time(), process.name())

    def find(self) -> psutil.Process | None:
        """The process if it still runs."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < 0.1 and process.status() != "zombie":
                return process
        except psutil.NoSuchProcess:
            pass
        return None


@dataclass
class ClusterState:
    """The content of state.json; `phase` is starting, ready, stopping or failed."""

    supervisor: Process
    address: str
    profile: str
    repository: str
    phase: str = "starting"
    message: str = ""
    children: list[Process] = field(default_factory=list)


class ClusterHome:
    """The folder of the cluster that listens on one port."""

    def __init__(self, port: int) -> None:
        chosen = os.environ.get("SEOM_HOME")
        # Anyone may make a folder of this name below /tmp; SEOM_HOME is the user's own word.
        self._default = None if chosen else Path(tempfile.gettempdir(), f"seom-{os.getuid()}")
        self.folder = (self._default or Path(chosen or "")) / str(port)
        self.edge = self.folder / "edge"
        self.ray = self.folder / "ray"
        self.log = self.folder / "supervisor.log"
        self._state = self.folder / "state.json"
        self._lock = self.folder / "lock"

    def create(self) -> None:
        """Makes the folder, for its owner alone; raises PermissionError for a foreign one."""
        if self._default:
            _make_private(self._default)
        _make_private(self.folder)

    def read(self) -> ClusterState | None:
        """The last cluster's state, running or not."""
        try:
            raw = json.loads(self._state.read_text())
        except (OSError, ValueError):
            return None
        raw["supervisor"] = Process(**raw["supervisor"])
        raw["children"] = [Process(**child) for child in raw["children"]]
        return ClusterState(**raw)

    def write(self, state: ClusterState) -> None:
        partial = self._state.with_suffix(".part")
        partial.write_text(json.dumps(asdict(state), indent=1))
        partial.replace(self._state)

    def remove_state(self) -> None:
        self._state.unlink(missing_ok=True)

    def running(self) -> ClusterState | None:
        """The state of a cluster whose supervisor is alive."""
        state = self.read()
        return state if state and state.supervisor.find() else None

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Holds the folder; raises BlockingIOError while another supervisor does."""
        self.create()
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield


def _make_private(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder}: is no folder of yours; remove it or set SEOM_HOME")
    folder.chmod(0o700)


def descendants(pid: int) -> list[Process]:
    """Everything a process has started, and they in turn."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(Process.of(child))
    return found


def end(processes: Iterable[Process], patience: float = 5.0) -> None:
    """Terminates processes that still run, kills those that will not end."""
    alive = [found for process in processes if (found := process.find())]
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(alive, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=patience)


def wait_until_gone(processes: Iterable[Process], patience: float) -> list[Process]:
    """Those that are still there after `patience` seconds."""
    deadline = time.monotonic() + patience
    left = [process for process in processes if process.find()]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if process.find()]
    return left
