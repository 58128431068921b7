"""The follower: HAProxy equals the topology, and no call is lost on the way there."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest

from serving.edge import Address, Follower, Topology
from serving.edge.runtime import Server, State

from .calls import INFER, call, message, wait_until
from .conftest import Island, free_port
from .replicas import Host, Replica


def topology(**applications: tuple[Replica | Address, ...]) -> Topology:
    """Every application under its own name."""
    return Topology(
        applications={
            name: tuple(r if isinstance(r, Address) else r.address for r in replicas)
            for name, replicas in applications.items()
        },
        routes={name: name for name in applications if name != "_control"},
        defaults={},
    )


def used(island: Island) -> dict[str, list[Server]]:
    """Servers in use by backend."""
    backends: dict[str, list[Server]] = {}
    for server in island.edge.runtime.servers():
        if server.state is not State.FREE:
            backends.setdefault(server.backend, []).append(server)
    return backends


@contextmanager
def load(island: Island, *names: str) -> Iterator[Counter[str]]:
    """Calls all the time; counts who answered, and failures under their status."""
    outcomes: Counter[str] = Counter()
    stopped = threading.Event()

    def work(channel: grpc.Channel, name: str) -> None:
        while not stopped.is_set():
            answer = call(channel, message(name), timeout_s=5, metadata={"sleep-s": "0.01"})
            outcomes[answer.replica or f"{answer.status}: {answer.details}"] += 1

    with island.channel() as channel:
        threads = [
            threading.Thread(target=work, args=(channel, name)) for name in names for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        try:
            yield outcomes
        finally:
            stopped.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def fleet(host: Host) -> Iterator[Callable[..., list[Replica]]]:
    """Starts replicas by name and stops them after the test."""
    running: list[Replica] = []

    def start(*names: str) -> list[Replica]:
        started = [host.start(name) for name in names]
        running.extend(started)
        return started

    yield start
    for replica in running:
        host.stop(replica)


def test_no_call_is_lost_over_many_swaps(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]], host: Host
) -> None:
    island = open_edge(topology(m=tuple(fleet("r0", "r1"))), servers_per_slot=4)
    with load(island, "m") as outcomes:
        old: list[Replica] = []
        for turn in range(1, 6):
            new = [host.start(f"r{turn}-{n}") for n in range(2)]
            island.change(applications={"m": tuple(replica.address for replica in new)})
            island.settle()
            for replica in old:
                host.stop(replica)  # at once: what is drained may go
            wait_until(lambda: island.follower.sync() and len(used(island)["slot1"]) == 2)
            old = new
            time.sleep(0.2)
    assert {name.split("-")[0] for name in outcomes} == {"r0", "r1", "r2", "r3", "r4", "r5"}
    assert sum(outcomes.values()) > 300
    for replica in old:
        host.stop(replica)


def test_names_move_without_a_lost_call(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    """A new version: the bare name goes from one application to another."""
    one, two = fleet("one", "two")
    island = open_edge(Topology({"m@1": (one.address,)}, {"m": "m@1"}, {}))
    with load(island, "m") as outcomes:
        island.change(applications={"m@2": (two.address,)}, routes={"m": "m@2"})
        island.settle()
        time.sleep(0.2)
    assert set(outcomes) == {"one", "two"}


def test_a_name_waits_until_its_new_application_serves(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]], host: Host
) -> None:
    (one,) = fleet("one")
    island = open_edge(Topology({"m@1": (one.address,)}, {"m": "m@1"}, {"x.Y": "m@1"}))
    later = Address("127.0.0.1", free_port())
    island.change(applications={"m@2": (later,)}, routes={"m": "m@2"}, defaults={"x.Y": "m@2"})
    with island.channel() as channel:
        for _ in range(10):
            assert not island.follower.sync()
            assert call(channel, message("m")).replica == "one"
            assert call(channel, message(None), "/x.Y/Z").replica == "one"
            time.sleep(0.1)
        two = host.start("two", later.port)
        island.settle()
        assert call(channel, message("m")).replica == "two"
        assert call(channel, message(None), "/x.Y/Z").replica == "two"
    host.stop(two)


def test_the_last_server_that_works_is_never_drained(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    (only,) = fleet("only")
    island = open_edge(topology(m=(only,)))
    with island.channel() as channel:
        for addresses in ((), (Address("127.0.0.1", free_port()),), (Address("nonsense", 1),)):
            island.change(applications={"m": addresses})
            for _ in range(8):
                assert not island.follower.sync()
                assert call(channel, message("m")).replica == "only"
                time.sleep(0.1)


def test_a_new_server_gets_no_call_before_its_check(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    """Also on a place that an earlier, healthy server had."""
    one, two = fleet("one", "two")
    island = open_edge(topology(m=(one, two)), servers_per_slot=2)
    island.change(applications={"m": (one.address,)})
    wait_until(lambda: island.follower.sync() and len(used(island)["slot1"]) == 1)
    dead = Address("127.0.0.1", free_port())
    island.change(applications={"m": (one.address, dead)})
    for _ in range(15):
        assert not island.follower.sync()
        (server,) = [s for s in used(island)["slot1"] if s.address == dead]
        assert (server.state, server.healthy) == (State.DRAIN, False)
        time.sleep(0.1)


def test_a_drained_server_finishes_its_calls(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    one, two = fleet("one", "two")
    island = open_edge(topology(m=(one,)))
    with island.channel() as channel:
        running = channel.unary_unary(INFER).future(message("m"), metadata=(("sleep-s", "1.5"),))
        wait_until(lambda: one.seen == 1)
        island.change(applications={"m": (two.address,)})
        island.settle()
        states = {s.address: s.state for s in used(island)["slot1"]}
        assert states == {one.address: State.DRAIN, two.address: State.READY}
        assert call(channel, message("m")).replica == "two"
        assert running.code() is grpc.StatusCode.OK
        wait_until(lambda: island.follower.sync() and len(used(island)["slot1"]) == 1)


def test_a_server_that_returns_is_taken_back(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    one, two = fleet("one", "two")
    island = open_edge(topology(m=(one, two)))
    for addresses in ((two.address,), (one.address,), (one.address, two.address)):
        island.change(applications={"m": addresses})
        island.settle()
        ready = {s.address for s in used(island)["slot1"] if s.state is State.READY}
        assert ready == set(addresses)


def test_slots_are_used_again(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    replicas = fleet("a", "b", "c")
    island = open_edge(topology(), slots=2)
    with island.channel() as channel:
        for turn in range(6):
            names = [f"app{turn}", f"app{turn + 1}"]
            island.change(**vars(topology(**{n: (replicas[int(n[3:]) % 3],) for n in names})))
            wait_until(island.follower.sync)
            assert [call(channel, message(n)).replica for n in names] == [
                "abc"[int(n[3:]) % 3] for n in names
            ]
            # Gone, and nobody at control to say so.
            assert call(channel, message(f"app{turn - 1}")).status == "UNAVAILABLE"


def test_an_application_without_replicas_keeps_its_slot_to_itself(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    (b,) = fleet("b")
    island = open_edge(topology(a=()))
    island.change(**vars(topology(a=(), b=(b,))))
    island.settle()
    with island.channel() as channel:
        assert call(channel, message("a")).details == "no replica of 'a' is ready"
        assert call(channel, message("b")).replica == "b"


def test_more_applications_than_slots(
    open_edge: Callable[..., Island],
    fleet: Callable[..., list[Replica]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    a, b, control = fleet("a", "b", "control")
    island = open_edge(topology(a=(a,), _control=(control,)), slots=1)
    with caplog.at_level(logging.WARNING, "serving.edge"):
        island.change(**vars(topology(a=(a,), b=(b,), _control=(control,))))
        for _ in range(5):
            assert not island.follower.sync()
    assert [r.getMessage() for r in caplog.records] == [
        "b: all slots are taken, so its calls are refused; start the edge with more slots"
    ]
    with island.channel() as channel:
        assert call(channel, message("a")).replica == "a"
        refused = call(channel, message("b"))
        assert (refused.status, refused.details) == ("UNAVAILABLE", "no replica of 'b' is ready")
        island.change(**vars(topology(b=(b,), _control=(control,))))
        island.settle()
        assert call(channel, message("b")).replica == "b"
        assert call(channel, message("a")).replica == "control"


def test_more_replicas_than_servers(
    open_edge: Callable[..., Island],
    fleet: Callable[..., list[Replica]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    replicas = fleet("a", "b", "c", "d", "e")
    island = open_edge(topology(m=tuple(replicas[:2])), servers_per_slot=2)
    with caplog.at_level(logging.WARNING, "serving.edge"):
        island.change(applications={"m": tuple(r.address for r in replicas[:3])})
        for _ in range(5):
            assert not island.follower.sync()
    assert [r.getMessage() for r in caplog.records] == [
        "m: 1 of its 3 replicas get no calls; start the edge with more servers per slot"
    ]
    # A full slot can still be replaced as a whole, a part at a time.
    with load(island, "m") as outcomes:
        island.change(applications={"m": tuple(r.address for r in replicas[3:])})
        island.settle()
        time.sleep(0.3)
    assert set(outcomes) == {"a", "b", "d", "e"}


def test_bad_names_are_left_out_and_logged(
    open_edge: Callable[..., Island],
    fleet: Callable[..., list[Replica]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (a,) = fleet("a")
    island = open_edge(topology(a=(a,)))
    island.change(
        applications={"a": (a.address,), "b c": (a.address,)},
        routes={"a": "a", "A": "a", "a\nset": "a", "x": "nowhere"},
        defaults={"x y": "a"},
    )
    with caplog.at_level(logging.WARNING, "serving.edge"):
        assert not island.follower.sync()
    assert len(caplog.records) == 5
    assert island.edge.runtime.read_map("models") == {"a": "a"}
    assert island.edge.runtime.read_map("defaults") == {}


def test_control_keeps_its_last_replicas(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    (control,) = fleet("control")
    island = open_edge(topology(_control=(control,)))
    island.change(**vars(topology()))
    for _ in range(5):
        island.follower.sync()
    with island.channel() as channel:
        assert call(channel, message("any")).replica == "control"


# --- restarts ----------------------------------------------------------------------------


def test_a_new_follower_changes_nothing_that_is_right(
    open_edge: Callable[..., Island], fleet: Callable[..., list[Replica]]
) -> None:
    a, b, c = fleet("a", "b", "c")
    island = open_edge(topology(a=(a,), b=(b,)))
    before = used(island), island.edge.runtime.read_map("applications")
    assert Follower(island.edge.runtime, lambda: island.topology).sync()
    assert before == (used(island), island.edge.runtime.read_map("applications"))

    # Nor does it lose a swap that the old one left half done.
    island.change(applications={"a": (c.address,), "b": (b.address,)})
    island.follower.sync()
    fresh = Follower(island.edge.runtime, lambda: island.topology)
    wait_until(fresh.sync)
    with island.channel() as channel:
        assert call(channel, message("a")).replica == "c"


def test_run_survives_reads_that_fail_and_an_haproxy_that_dies(
    open_edge: Callable[..., Island],
    fleet: Callable[..., list[Replica]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    a, b = fleet("a", "b")
    island = open_edge(topology())
    broken = threading.Event()

    def read() -> Topology:
        if broken.is_set():
            raise RuntimeError("the controller is away")
        return island.topology

    follower = Follower(island.edge.runtime, read)
    thread = threading.Thread(target=follower.run, args=(0.05,))
    with caplog.at_level(logging.WARNING, "serving.edge"), island.channel() as channel:
        thread.start()
        island.change(**vars(topology(a=(a,))))
        wait_until(lambda: call(channel, message("a")).replica == "a")

        broken.set()
        time.sleep(0.5)
        assert call(channel, message("a")).replica == "a"
        assert len([r for r in caplog.records if "controller is away" in r.getMessage()]) == 1
        broken.clear()
        island.change(**vars(topology(a=(a,), b=(b,))))
        wait_until(lambda: call(channel, message("b")).replica == "b")

        assert island.edge.pid is not None
        os.kill(island.edge.pid, signal.SIGKILL)
        wait_until(lambda: not island.edge.alive)
        time.sleep(0.2)
        island.edge.start()
    with island.channel() as channel:
        for name in ("a", "b"):
            wait_until(lambda name=name: call(channel, message(name)).replica == name)  # type: ignore[misc]
    follower.stop()
    thread.join(5)
    assert not thread.is_alive()
