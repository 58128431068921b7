"""One client's trouble, or one replica's death, is nobody else's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from serving.edge import Address, Topology

from .calls import INFER, STREAM, answered, call, message, wait_until
from .conftest import Island
from .frames import PING, RST_STREAM, RawChannel, framed
from .replicas import Host, Replica


@pytest.fixture(scope="module")
def island(open_edge: Callable[..., Island], topology: Topology) -> Island:
    return open_edge(topology)


def test_clients_that_stop_reading_stall_nobody(island: Island) -> None:
    """Each asks for 20 MiB and takes none of it; the others share replica and edge."""
    stalled = [RawChannel(island.address, initial_window=0) for _ in range(4)]
    for raw in stalled:
        for stream in (1, 3):
            raw.call(stream, INFER, {"flood": "20"})
            raw.data(stream, framed(message("m1")), end=True)
    time.sleep(0.3)
    with island.channel() as channel:
        for _ in range(40):
            assert call(channel, message("m1", bytes(10_000)), timeout_s=2).replica == "m1"
    for raw in stalled:
        raw.__exit__()


def test_a_stream_not_read_stalls_no_other_call_of_its_own_channel(island: Island) -> None:
    with island.channel() as channel:
        unread = channel.stream_stream(STREAM)(
            iter([message("m1")]), metadata=(("flood", "20"),), timeout=30
        )
        next(unread)
        for _ in range(20):
            assert call(channel, message("m1"), timeout_s=2).replica == "m1"
        unread.cancel()


def test_clients_that_stop_mid_upload_stall_nobody(island: Island) -> None:
    stalled = [RawChannel(island.address) for _ in range(8)]
    body = framed(message("m1", bytes(10**6)))
    for index, raw in enumerate(stalled):
        raw.call(1, INFER)
        raw.data(1, body[: (3, 7, 100, 16_000)[index % 4]])
    time.sleep(0.2)
    with island.channel() as channel:
        for _ in range(20):
            assert call(channel, message("m1", bytes(600_000)), timeout_s=2).replica == "m1"
    # The same channel may go on, too.
    stalled[0].call(3, INFER)
    stalled[0].data(3, framed(message("m2")), end=True)
    assert json.loads(stalled[0].answer(3))["replica"] == "m2"
    for raw in stalled:
        raw.__exit__()


def test_rapid_resets_harm_nobody(island: Island) -> None:
    with RawChannel(island.address) as raw, island.channel() as channel:
        for stream in range(1, 4001, 2):
            raw.call(stream, INFER, {"application": "m1"})
            raw.send(RST_STREAM, 0, stream, b"\0\0\0\x08")
            if stream % 400 == 1:
                assert call(channel, message("m1"), timeout_s=2).replica == "m1"
    assert island.edge.alive


def test_200_calls_at_once_on_one_channel(island: Island) -> None:
    with island.channel() as channel:
        method = channel.unary_unary(INFER)
        running = [
            method.future(message(name, bytes(1000)), timeout=20, metadata=(("sleep-s", "3"),))
            for name in ("m1", "m2") * 100
        ]
        # All are under way, none waits for another: one more is answered before them.
        assert call(channel, message("m1"), timeout_s=2.5).replica == "m1"
        assert not any(future.done() for future in running)
        replicas = [answered(future.result()).replica for future in running]
    assert replicas == ["m1", "m2"] * 100


def test_pings_are_welcome(island: Island) -> None:
    """gRPC's keepalive: hundreds of pings without a call end no connection."""
    with RawChannel(island.address) as raw:
        for _ in range(300):
            raw.send(PING, 0, 0, b"12345678")
        raw.call(1, INFER)
        raw.data(1, framed(message("m1")), end=True)
        assert json.loads(raw.answer(1))["replica"] == "m1"


def test_a_long_silent_stream_stays_open(island: Island) -> None:
    def messages() -> Iterator[bytes]:
        yield message("m1")
        time.sleep(3)
        yield message("m1")

    with island.channel() as channel:
        answers = list(channel.stream_stream(STREAM)(messages(), timeout=20))
    assert len(answers) == 2


def test_a_cancelled_call_ends_at_the_replica(island: Island, replicas: dict[str, Replica]) -> None:
    replica = replicas["m1"]
    before, seen = replica.cancelled, replica.seen
    with island.channel() as channel:
        pending = channel.unary_unary(INFER).future(message("m1"), metadata=(("sleep-s", "30"),))
        wait_until(lambda: replica.seen > seen)
        pending.cancel()
        wait_until(lambda: replica.cancelled > before, 3)
        late = call(channel, message("m1"), metadata={"sleep-s": "30"}, timeout_s=0.3)
        assert late.status == "DEADLINE_EXCEEDED"
        wait_until(lambda: replica.cancelled > before + 1, 3)


# --- the death of a replica --------------------------------------------------------------


@contextmanager
def replica_process(name: str) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    program = Path(__file__).with_name("replicas.py")
    with subprocess.Popen(
        [sys.executable, str(program), name], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, Address("127.0.0.1", int(process.stdout.readline()))
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_replica_loses_its_own_calls_and_no_others(
    open_edge: Callable[..., Island], host: Host, end: signal.Signals
) -> None:
    """Killed, its port refuses and others are tried at once; frozen, checks find out in 11 s."""
    survivor = host.start("survivor")
    with replica_process("victim") as (process, address):
        island = open_edge(
            Topology({"m": (survivor.address, address)}, {"m": "m"}, {}),
        )
        with island.channel() as channel:
            method = channel.unary_unary(INFER)
            running = [
                method.future(message("m"), timeout=20, metadata=(("sleep-s", "2"),))
                for _ in range(20)
            ]
            time.sleep(0.5)
            process.send_signal(end)
            if end is signal.SIGKILL:
                # From the first moment on no new call is lost.
                for _ in range(100):
                    assert call(channel, message("m"), timeout_s=3).replica == "survivor"
                lost = [future for future in running if future.code() is not grpc.StatusCode.OK]
                assert len(lost) == 10
                assert {future.code() for future in lost} == {grpc.StatusCode.UNAVAILABLE}
            limit = 2 if end is signal.SIGKILL else 12
            wait_until(lambda: not _healthy(island, address), limit)
            for _ in range(10):
                assert call(channel, message("m"), timeout_s=3).replica == "survivor"
            process.send_signal(signal.SIGCONT)
    host.stop(survivor)


def _healthy(island: Island, address: Address) -> bool:
    (server,) = [s for s in island.edge.runtime.servers() if s.address == address]
    return server.healthy


def test_calls_are_spread_over_replicas(open_edge: Callable[..., Island], host: Host) -> None:
    both = [host.start(name) for name in ("a", "b")]
    island = open_edge(Topology({"m": tuple(r.address for r in both)}, {"m": "m"}, {}))
    with island.channel() as channel, ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: call(channel, message("m")).replica, range(200)))
    assert 60 < names.count("a") < 140
    for replica in both:
        host.stop(replica)
