"""A chat model in a whole cluster: it stalls, dies and learns while other models answer.

The cluster is the one of all tests; what is hurt here is healed in the same test.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

import seom
from seom import Client, NotFound, SeomError
from serving.cluster.state import ClusterHome, descendants
from tests.chat_models.engines import is_engine
from tests.chat_models.language import write_adapter
from tests.conftest import RunningCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

ROW = np.float32([[1, 2, 3, 4]])
CHATS = 2  # the cluster's chat models: this one, and another that has an engine too
LONG = {"min_tokens": 400, "max_tokens": 400, "timeout": 120.0}


@pytest.fixture
def home(cluster: RunningCluster, monkeypatch: pytest.MonkeyPatch) -> ClusterHome:
    monkeypatch.setenv("SEOM_HOME", str(cluster.home))
    return ClusterHome(cluster.port)


class Beside(threading.Thread):
    """Calls of the other model, twenty a second; how each ended."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._stop_now = threading.Event()
        self.ended: Counter[str] = Counter()

    def run(self) -> None:
        with Client(self._address, timeout=20, retries=False) as client:
            while not self._stop_now.wait(0.05):
                try:
                    client.infer("identity", {"input": ROW})
                    self.ended["OK"] += 1
                except SeomError as error:
                    self.ended[error.status] += 1

    def stop(self) -> None:
        self._stop_now.set()
        self.join(30)


@pytest.fixture(autouse=True)
def other_models_do_not_notice(cluster: RunningCluster) -> Iterator[None]:
    beside = Beside(cluster.address)
    beside.start()
    try:
        yield
    finally:
        beside.stop()
    assert set(beside.ended) == {"OK"}, beside.ended


def processes(home: ClusterHome, kind: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """The cluster's living processes of one kind."""
    state = home.running()
    assert state is not None
    alive = (process.find() for process in descendants(state.supervisor.pid))
    return [process for process in alive if process and kind(process)]


def is_replica(process: psutil.Process) -> bool:
    try:
        return any("ServeReplica:llama:" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def replica(home: ClusterHome) -> psutil.Process:
    """The newest; an older one may still be ending."""
    return max(processes(home, is_replica), key=lambda process: process.create_time())


def engine(home: ClusterHome) -> psutil.Process:
    """The newest replica's."""
    (only,) = filter(is_engine, replica(home).children(recursive=True))
    return only


def until(true: Callable[[], bool], patience: float) -> float:
    """Seconds until it is; fails where that is too long."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < patience
        time.sleep(0.05)
    return time.monotonic() - begun


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def serving(client: Client) -> bool:
    return client.health("llama") is seom.Health.SERVING


def answers(client: Client) -> bool:
    try:
        return bool(client.chat("안녕", max_tokens=4, timeout=20).usage.completion_tokens)
    except SeomError:
        return False


def back_again(client: Client, home: ClusterHome, old: psutil.Process) -> None:
    """A replica has taken the place of the old one, and nothing is left of that."""
    seconds = until(lambda: answers(client), 120)
    until(lambda: not runs(old), 30)
    until(lambda: len(processes(home, is_engine)) == CHATS, 30)
    until(lambda: serving(client), 10)
    print(f"answers again after {seconds:.1f} s")


def list_adapters(cluster: RunningCluster, *names: str) -> None:
    settings = cluster.repository / "cpu" / "llama" / "model.yaml"
    kept = [
        line
        for line in settings.read_text().splitlines()
        if not line.startswith(("adapters:", "- {name:"))
    ]
    listed = [f"- {{name: {name}, folder: adapters/{name}, rank: 8}}" for name in names]
    settings.write_text("\n".join([*kept, "adapters:", *listed]) + "\n")


# Adapters ---------------------------------------------------------------------------


def test_one_more_adapter_while_a_stream_runs_through(
    cluster: RunningCluster, home: ClusterHome
) -> None:
    folder = cluster.repository / "cpu" / "llama" / "1" / "adapters"
    greedy = {"temperature": 0.0, "max_tokens": 16}
    before = engine(home).pid, replica(home).pid
    with Client(cluster.address, timeout=90, retries=False) as client:
        known = [client.chat("안녕", adapter=name, **greedy).text for name in (None, "formal")]
        with pytest.raises(NotFound):
            client.chat("안녕", adapter="third", **greedy)
        write_adapter(folder / "third", seed=3)
        list_adapters(cluster, "formal", "playful", "third")
        with pytest.raises(NotFound):  # written down is not loaded yet
            client.chat("안녕", adapter="third", **greedy)

        with client.chat_stream("안녕", adapter="formal", temperature=0.0, **LONG) as stream:
            pieces = iter(stream)
            next(pieces)
            client.load("llama")
            for _ in pieces:
                pass
        assert stream.reply.usage.completion_tokens == 400
        assert client.chat("안녕", adapter="third", **greedy).text not in known
        assert [
            client.chat("안녕", adapter=name, **greedy).text for name in (None, "formal")
        ] == known
    assert (engine(home).pid, replica(home).pid) == before


def test_an_unfit_adapter_changes_nothing(cluster: RunningCluster, home: ClusterHome) -> None:
    before = engine(home).pid
    list_adapters(cluster, "formal", "playful", "third", "nowhere")
    with Client(cluster.address, timeout=90, retries=False) as client:
        with pytest.raises(seom.FailedPrecondition, match="nowhere"):
            client.load("llama")
        assert client.chat("안녕", adapter="third", max_tokens=4).usage.completion_tokens
    list_adapters(cluster, "formal", "playful", "third")
    assert engine(home).pid == before


# Stalls and death -------------------------------------------------------------------


def test_a_killed_replica_takes_its_engine_with_it(
    cluster: RunningCluster, home: ClusterHome
) -> None:
    """And its successor knows what it has learnt, were it the moment before."""
    victim, orphan = replica(home), engine(home)
    write_adapter(cluster.repository / "cpu" / "llama" / "1" / "adapters" / "fourth", seed=4)
    list_adapters(cluster, "formal", "playful", "third", "fourth")
    with Client(cluster.address, timeout=60, retries=False) as client:
        with client.chat_stream("안녕", **LONG) as stream:
            next(iter(stream))
            client.load("llama")
            victim.send_signal(signal.SIGKILL)
            seconds = until(lambda: not runs(orphan), 5)
            print(f"the engine is gone after {seconds:.2f} s")
            with pytest.raises(SeomError) as ended:
                for _ in stream:
                    pass
        assert ended.value.status == "UNAVAILABLE"
        back_again(client, home, victim)
        for name in ("third", "fourth"):
            assert client.chat("안녕", adapter=name, max_tokens=4).usage.completion_tokens


def test_a_killed_engine_fails_its_calls_and_is_replaced(
    cluster: RunningCluster, home: ClusterHome
) -> None:
    old, victim = replica(home), engine(home)
    with Client(cluster.address, timeout=60, retries=False) as client:
        ends: list[tuple[str, float]] = []

        def ask(number: int) -> None:
            try:
                if number % 2:
                    client.chat(f"{number}", **LONG)
                else:
                    with client.chat_stream(f"{number}", **LONG) as stream:
                        for _ in stream:
                            pass
                ends.append(("OK", time.monotonic()))
            except SeomError as error:
                ends.append((error.status, time.monotonic()))

        asking = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
        with client.chat_stream("안녕", **LONG) as stream:
            for thread in asking:
                thread.start()
            next(iter(stream))
            killed = time.monotonic()
            victim.kill()
            with pytest.raises(SeomError) as ended:
                for _ in stream:
                    pass
        for thread in asking:
            thread.join(30)
        assert ended.value.status == "UNAVAILABLE"
        assert "UNAVAILABLE" in {status for status, _ in ends} <= {"UNAVAILABLE", "OK"}
        last = max(at for _, at in ends) - killed
        print(f"the last of {len(ends)} calls ended {last:.2f} s after the kill")
        assert last < 5
        seconds = until(lambda: not serving(client), 30)
        print(f"not serving after {seconds:.1f} s")
        back_again(client, home, old)


def test_a_stopped_engine_is_not_serving_within_30_seconds(
    cluster: RunningCluster, home: ClusterHome
) -> None:
    old, victim = replica(home), engine(home)
    with Client(cluster.address, timeout=60, retries=False) as client:
        assert serving(client)
        victim.send_signal(signal.SIGSTOP)
        seconds = until(lambda: not serving(client), 30)
        print(f"not serving after {seconds:.1f} s")
        back_again(client, home, old)
        assert not runs(victim)


def test_saturation_takes_nobody_out_of_service(cluster: RunningCluster, home: ClusterHome) -> None:
    before = engine(home).pid
    with Client(cluster.address, timeout=120, retries=False) as client:
        ends: Counter[str] = Counter()
        hints: list[float] = []

        def ask(number: int) -> None:
            try:
                client.chat(f"{number}", min_tokens=100, max_tokens=100)
                ends["OK"] += 1
            except seom.Overloaded as error:
                ends[error.status] += 1
                hints.append(error.retry_after or 0)

        asking = [threading.Thread(target=ask, args=(number,)) for number in range(160)]
        for thread in asking:
            thread.start()
        while any(thread.is_alive() for thread in asking):
            assert serving(client)
            time.sleep(0.2)
    assert sum(ends.values()) == 160 and ends["OK"] >= 72  # places and queue
    assert ends["RESOURCE_EXHAUSTED"] and min(hints) > 0
    assert engine(home).pid == before


def test_other_changes_start_anew(cluster: RunningCluster, home: ClusterHome) -> None:
    """More adapters than there is room for are such a change."""
    old, before = replica(home), engine(home).pid
    folder: Path = cluster.repository / "cpu" / "llama" / "1" / "adapters"
    many = [f"more{number}" for number in range(5)]
    for number, name in enumerate(many):
        write_adapter(folder / name, seed=10 + number)
    list_adapters(cluster, "formal", "playful", *many)
    with Client(cluster.address, timeout=120, retries=False) as client:
        client.load("llama")
        until(lambda: not runs(old), 30)  # calls may reach it as long as it drains
        for name in many:
            assert client.chat("안녕", adapter=name, max_tokens=4).usage.completion_tokens
        with pytest.raises(NotFound):
            client.chat("안녕", adapter="third", max_tokens=4)
    assert engine(home).pid != before
