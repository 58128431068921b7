"""The process: started once, seen alive, ended with its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import psutil
import pytest

from serving.edge import EdgeError, Topology
from serving.edge.config import render

from .calls import INFER, call, message, wait_until
from .conftest import SECRET, Island, free_port


def test_start_writes_private_files_and_answers(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    island = open_edge(topology)
    directory = island.edge.config.directory
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "haproxy.cfg").stat().st_mode & 0o777 == 0o600
    assert (directory / "edge.log").stat().st_mode & 0o777 == 0o600
    assert island.edge.alive and island.edge.pid
    command = psutil.Process(island.edge.pid).cmdline()
    assert SECRET not in " ".join(command)
    assert command[0].endswith("haproxy")

    island.edge.stop()
    assert not island.edge.alive and island.edge.pid is None
    island.edge.stop()

    island.edge.start()
    island.settle()
    with island.channel() as channel:
        assert call(channel, message("m1")).replica == "m1"


def test_starting_twice_is_refused(open_edge: Callable[..., Island], topology: Topology) -> None:
    island = open_edge(topology)
    with pytest.raises(EdgeError, match=f"already, as process {island.edge.pid}"):
        island.edge.start()
    with pytest.raises(EdgeError, match=f"already, as process {island.edge.pid}"):
        open_edge(directory=island.edge.config.directory)
    with island.channel() as channel:
        assert call(channel, message("m1")).replica == "m1"


@pytest.mark.parametrize("reuse", [0, 1])
def test_an_address_in_use_is_named(open_edge: Callable[..., Island], reuse: int) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, reuse)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EdgeError, match=f"^{address} is in use by another process$"):
            open_edge(address=address)


def test_two_edges_never_share_a_port(open_edge: Callable[..., Island]) -> None:
    address = open_edge().edge.config.address
    with pytest.raises(EdgeError, match="in use"):
        open_edge(address=address)


def test_haproxy_s_own_words_are_passed_on(
    open_edge: Callable[..., Island], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "serving.edge.process.render", lambda config: render(config) + "\n    nonsense here\n"
    )
    with pytest.raises(EdgeError, match=r"refuses its configuration: .*unknown keyword 'nonsense'"):
        open_edge()


def test_stop_lets_running_calls_finish(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    island = open_edge(topology)
    with island.channel() as channel:
        call(channel, message("m1"))
        running = channel.unary_unary(INFER).future(message("m1"), metadata=(("sleep-s", "1"),))
        time.sleep(0.2)
        begin = time.monotonic()
        island.edge.stop(grace_s=10)
        assert running.code() is grpc.StatusCode.OK
        assert 0.5 < time.monotonic() - begin < 5


def test_idle_clients_do_not_delay_stop(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    island = open_edge(topology)
    with island.channel() as channel:
        call(channel, message("m1"))
        begin = time.monotonic()
        island.edge.stop(grace_s=10)
        assert time.monotonic() - begin < 3


def test_stop_ends_what_does_not_finish(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    island = open_edge(topology)
    pid = island.edge.pid
    with island.channel() as channel:
        running = channel.unary_unary(INFER).future(message("m1"), metadata=(("sleep-s", "30"),))
        time.sleep(0.2)
        begin = time.monotonic()
        island.edge.stop(grace_s=0.3)
        assert time.monotonic() - begin < 2
        assert running.code() is grpc.StatusCode.UNAVAILABLE
    assert pid is not None and not psutil.pid_exists(pid)


def test_a_crash_is_seen_and_a_new_start_works(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    island = open_edge(topology)
    assert island.edge.pid is not None
    os.kill(island.edge.pid, signal.SIGKILL)
    wait_until(lambda: not island.edge.alive)
    island.edge.start()
    island.settle()
    with island.channel() as channel:
        assert call(channel, message("m1")).replica == "m1"


def test_the_edge_outlives_the_thread_that_started_it(open_edge: Callable[..., Island]) -> None:
    """The kernel's parent-death signal means the parent *thread*."""
    made: list[Island] = []
    thread = threading.Thread(target=lambda: made.append(open_edge()))
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert made[0].edge.alive


def test_a_killed_owner_leaves_no_haproxy(directory: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from serving.edge import Edge, EdgeConfig\n"
        "edge = Edge(EdgeConfig(directory=Path(sys.argv[1]), secret='x' * 20, "
        "address=sys.argv[2]))\n"
        "edge.start(); print(edge.pid, flush=True); time.sleep(60)"
    )
    arguments = [str(directory / "owned"), f"127.0.0.1:{free_port()}"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert psutil.pid_exists(pid)
        owner.kill()
        wait_until(lambda: not _runs(pid), 5)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
