"""What breaks, breaks alone: redeployment under load, killed replicas, crashes, leftovers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from seom import Client, SeomError, Unavailable
from serving.cluster.state import ClusterHome, Process, descendants
from tests.conftest import RunningCluster, new_cluster
from tests.small_models import write_repository

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

ROW = np.float32([[1, 2, 3, 4]])
ROWS = {"identity": ROW, "bytes8": np.uint8([[1, 2, 3, 4]])}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """A cluster these tests may hurt: two models, two replicas of one."""
    repository = write_repository(tmp_path_factory.mktemp("repository"))
    settings = repository / "cpu" / "identity" / "model.yaml"
    settings.write_text(settings.read_text().replace("{cpus: 0.1}", "{cpus: 0.1, replicas: 2}"))
    running = new_cluster(repository)
    try:
        running.up("--models", "identity,bytes8,slow")
        yield running
    finally:
        if list(running.home.glob("*/state.json")):  # the last test leaves nothing to end
            running.down()
        shutil.rmtree(running.home, ignore_errors=True)


@pytest.fixture
def home(own: RunningCluster, monkeypatch: pytest.MonkeyPatch) -> ClusterHome:
    monkeypatch.setenv("SEOM_HOME", str(own.home))
    return ClusterHome(own.port)


def replicas(home: ClusterHome, model: str) -> list[int]:
    state = home.running()
    assert state is not None
    return sorted(
        process.pid
        for process in descendants(state.supervisor.pid)
        if (alive := process.find()) and f"ServeReplica:{model}:" in " ".join(alive.cmdline())
    )


def settled(home: ClusterHome, model: str, count: int, patience: float = 60) -> list[int]:
    """The model's replicas once there are `count`: none draining, none missing."""
    deadline = time.monotonic() + patience
    while len(found := replicas(home, model)) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return found


class Load:
    """Unary calls at a fixed rate from several threads; counts how each ended."""

    def __init__(self, address: str, rate: float, model: str = "identity") -> None:
        self._address, self._model = address, model
        self._interval = 4 / rate
        self._stop = threading.Event()
        self.ended: Counter[str] = Counter()
        self.failures: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        with Client(self._address, timeout=20, retries=False) as seom:
            due = time.monotonic()
            while not self._stop.is_set():
                due += self._interval
                try:
                    row = ROWS[self._model]
                    assert np.array_equal(seom.infer(self._model, {"input": row})["output"], row)
                    self.ended["OK"] += 1
                except SeomError as error:
                    self.ended[error.status] += 1
                    self.failures.append((time.monotonic(), f"{error.status}: {error.message}"))
                self._stop.wait(max(0.0, due - time.monotonic()))


class LongStream(threading.Thread):
    """One stream that goes on until it is told to stop, a message every 0.2 s."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._ended = threading.Event()
        self.answers = 0
        self.failure: str | None = None

    def run(self) -> None:
        def requests() -> Iterator[object]:
            from seom import InferRequest

            while not self._ended.wait(0.2):
                yield InferRequest("identity", {"input": ROW})

        try:
            with Client(self._address, timeout=20, retries=False) as seom:
                for answer in seom.infer_stream(requests(), timeout=120):
                    if answer.error is not None:
                        self.failure = str(answer.error)
                    self.answers += 1
        except Exception as error:
            self.failure = repr(error)

    def stop(self) -> None:
        self._ended.set()
        self.join(30)


def test_redeploying_under_load_loses_nothing(own: RunningCluster, home: ClusterHome) -> None:
    before = settled(home, "identity", 2)
    streams = [LongStream(own.address) for _ in range(10)]
    for stream in streams:
        stream.start()
    with Load(own.address, rate=100) as load, Client(own.address, timeout=90) as admin:
        time.sleep(1)
        for _ in range(2):
            admin.load("identity")
        time.sleep(1)
    for stream in streams:
        stream.stop()
    assert [stream.failure for stream in streams] == [None] * 10
    assert min(stream.answers for stream in streams) > 5
    assert set(load.ended) == {"OK"}, (load.ended, load.failures[:5])
    assert load.ended["OK"] > 300
    assert not set(before) & set(settled(home, "identity", 2))


def test_a_killed_replica_fails_its_own_calls_only(own: RunningCluster, home: ClusterHome) -> None:
    victim, _ = settled(home, "identity", 2)
    with Load(own.address, rate=100) as load, Load(own.address, 50, "bytes8") as other:
        time.sleep(1)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        time.sleep(8)
    assert set(other.ended) == {"OK"}, other.failures
    assert set(load.ended) <= {"OK", "UNAVAILABLE"}, load.ended
    # At most those in flight at the moment of the kill, and none once it was noticed.
    assert load.ended["UNAVAILABLE"] <= 8, load.failures
    recovered = max((at for at, _ in load.failures), default=killed) - killed
    print(f"last failure {recovered * 1e3:.0f} ms after the kill, {load.ended}")
    assert recovered < 3
    settled(home, "identity", 2)
    print(f"second replica back after {time.monotonic() - killed:.1f} s")


def test_a_stream_on_a_killed_replica_ends_unavailable(
    own: RunningCluster, home: ClusterHome
) -> None:
    from seom import InferRequest

    def endless() -> Iterator[object]:
        while True:
            yield InferRequest("bytes8", {"input": np.uint8([[1, 2, 3, 4]])})
            time.sleep(0.1)

    with Client(own.address, timeout=20) as seom:
        answers = seom.infer_stream(endless(), timeout=60)
        next(answers)
        (only,) = settled(home, "bytes8", 1)
        os.kill(only, signal.SIGKILL)
        with pytest.raises(Unavailable):
            for _ in answers:
                pass
        deadline = time.monotonic() + 60
        while True:
            try:
                seom.infer("bytes8", {"input": np.uint8([[1, 2, 3, 4]])})
                break
            except Unavailable:
                assert time.monotonic() < deadline
                time.sleep(0.2)


def test_statistics_never_go_backwards(own: RunningCluster, home: ClusterHome) -> None:
    def count(seom: Client) -> int:
        (entry,) = seom.statistics("identity")
        return entry.success.count

    with Client(own.address, timeout=90) as seom:
        first = seen = count(seom)
        for _ in range(3):
            for _ in range(10):
                seom.infer("identity", {"input": ROW})
            now = count(seom)
            assert now >= seen
            seen = now
            seom.load("identity")
        # A replica that is draining tells its last calls when it ends.
        deadline = time.monotonic() + 30
        while (now := count(seom)) < first + 30 and time.monotonic() < deadline:
            assert now >= seen
            seen = now
            time.sleep(0.1)
        assert now == first + 30


def test_up_works_after_a_crash(own: RunningCluster, home: ClusterHome) -> None:
    state = home.running()
    assert state is not None
    family = [state.supervisor, *descendants(state.supervisor.pid)]
    os.kill(state.supervisor.pid, signal.SIGKILL)
    own.up("--models", "identity,bytes8,slow")
    assert not [process for process in family if process.find()]
    with Client(own.address) as seom:
        assert seom.ready()


def test_down_leaves_no_process_and_no_port(own: RunningCluster, home: ClusterHome) -> None:
    """The last of them, for nothing is started anew."""
    state = home.running()
    assert state is not None
    family: list[Process] = [state.supervisor, *descendants(state.supervisor.pid)]
    ports = {
        connection.laddr.port
        for process in family
        if (alive := process.find())
        for connection in listening(alive)
    }
    assert own.port in ports
    own.down()
    assert not [process for process in family if process.find()]
    for port in ports:
        with socket.socket() as probe:
            probe.settimeout(1)
            assert probe.connect_ex(("127.0.0.1", port)) != 0, port
    assert not list(own.home.glob("*/state.json"))


def listening(process: psutil.Process) -> list[psutil._common.sconn]:
    try:
        return [c for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
