"""The load generator against real servers, whose behaviour is known."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from benchmarks.load.generator import Generators
from benchmarks.load.workload import Call, Closed, Open, Window, Workload
from benchmarks.scenarios import servers
from benchmarks.scenarios.servers import free_port
from tests.integration.benchmarks.conftest import Stallable

UNARY = Call("/noop.Noop/Answer", (b"x" * 64,))
STREAM = Call("/noop.Noop/AnswerStream", (b"x" * 64,) * 8, streaming=True)


def workload(load: Closed | Open, call: Call = UNARY) -> Workload:
    return Workload("w", "w", call, load, "p50")


def test_a_known_delay_is_measured(generators: Generators) -> None:
    medians = []
    with servers.module("benchmarks.peers.noop", "--delay-ms", "60") as address:
        for _ in range(5):
            measured = generators.measure(address, workload(Closed(4)), Window(0.1, 0.8), 1)
            service = measured.counted.service_ns / 1e6
            assert len(service) >= 20
            assert service.min() >= 60
            medians.append(float(np.median(service)))
    # The path itself takes a millisecond or a few; only a busy machine makes it more.
    assert min(medians) == pytest.approx(60, abs=6)


def stalled(generators: Generators, server: Stallable, rate: float, seconds: float) -> float:
    """The largest error of a stall's percentiles, in seconds, against arithmetic."""
    stopped: list[float] = []

    def interrupt() -> None:
        time.sleep(1.0)
        begin = time.perf_counter()
        server.stop()
        time.sleep(0.5)
        server.go_on()
        stopped.append(time.perf_counter() - begin)

    generators.probe(server.address, UNARY)
    thread = threading.Thread(target=interrupt)
    thread.start()
    load = workload(Open(rate, "constant"))
    measured = generators.measure(server.address, load, Window(0.3, seconds), seed=1)
    thread.join()
    waits = np.sort(measured.counted.response_ns) / 1e9
    assert len(waits) == rate * seconds
    # Requests due in the stall wait for what is left of it, one more each 1 / rate:
    # the share 1 - p of all requests waits longer than stall - (1 - p) * seconds.
    (stall,) = stopped
    expected = {p: stall - (1 - p) * seconds for p in (0.85, 0.9, 0.95)} | {0.5: 0.0}
    return max(abs(float(waits[int(p * len(waits)) - 1]) - wait) for p, wait in expected.items())


def test_an_open_loop_keeps_its_schedule_through_a_stall(
    generators: Generators, stallable: Stallable
) -> None:
    # A machine that is busy with something else spoils an attempt, a wrong clock all.
    errors = (stalled(generators, stallable, rate=200, seconds=2.0) for _ in range(5))
    assert any(error < 0.05 for error in errors)


def test_a_closed_loop_hides_the_same_stall(generators: Generators, stallable: Stallable) -> None:
    generators.probe(stallable.address, UNARY)
    timer = threading.Timer(0.4, stallable.stop)
    again = threading.Timer(0.8, stallable.go_on)
    timer.start()
    again.start()
    measured = generators.measure(stallable.address, workload(Closed(1)), Window(0.1, 1.2), 1)
    timer.join()
    again.join()
    waits = measured.counted.response_ns / 1e9
    assert waits.max() > 0.3
    assert (waits > 0.1).sum() == 1  # a third of the time, one sample


def test_requests_leave_by_the_seed(generators: Generators, noop: str) -> None:
    load = workload(Open(200))
    window = Window(0.0, 0.4)
    blocks = [generators.measure(noop, load, window, seed) for seed in (3, 3, 4)]
    offsets = [(block.records.column("intended") - block.start).tolist() for block in blocks]
    schedule = load.schedule(window, 3)
    assert schedule is not None
    assert sorted(offsets[0]) == sorted(offsets[1]) == schedule.offsets.tolist()
    assert sorted(offsets[2]) != sorted(offsets[0])


def test_times_of_a_record_are_in_order(generators: Generators, noop: str) -> None:
    for load in (Closed(4), Open(200)):
        for call in (UNARY, STREAM):
            records = generators.measure(noop, workload(load, call), Window(0.1, 0.3), 1).records
            assert len(records) > 10
            stamps = records.table[:, :4]
            assert (np.diff(stamps, axis=1) >= 0).all()
            assert set(records.column("status")) == {0}
            size = sum(map(len, call.messages))
            assert set(records.column("sent_bytes")) == {size}
            assert set(records.column("received_bytes")) == {size}


def test_the_first_answer_of_a_stream_has_its_own_time(generators: Generators) -> None:
    with servers.module("benchmarks.peers.noop", "--delay-ms", "20") as address:
        measured = generators.measure(address, workload(Closed(1), STREAM), Window(0, 0.5), 1)
    records = measured.records
    whole = np.median(records.column("last") - records.column("sent")) / 1e6
    first = np.median(records.column("first") - records.column("sent")) / 1e6
    assert first == pytest.approx(20, abs=8)
    assert whole >= 8 * 20


def test_warm_up_does_not_count(generators: Generators, noop: str) -> None:
    measured = generators.measure(noop, workload(Open(100, "constant")), Window(0.5, 0.5), 1)
    assert len(measured.records) == 100
    assert len(measured.counted) == 50


def test_failures_are_recorded_with_their_status(generators: Generators) -> None:
    hasty = Call("/noop.Noop/Answer", (b"x",), timeout_s=0.02)
    with servers.module("benchmarks.peers.noop", "--delay-ms", "500") as address:
        measured = generators.measure(address, workload(Closed(2), hasty), Window(0, 0.3), 1)
    assert set(measured.records.column("status")) == {4}  # DEADLINE_EXCEEDED
    assert measured.throughput == 0


def test_an_address_where_nobody_is_is_an_error() -> None:
    with (
        Generators(connect_s=0.2) as hasty,
        pytest.raises(ConnectionError, match="nobody answers"),
    ):
        hasty.measure(f"127.0.0.1:{free_port()}", workload(Closed(1)), Window(0, 0.1), 1)


def test_two_generators_are_one_load(noop: str) -> None:
    with Generators(2) as pair:
        measured = pair.measure(noop, workload(Open(200, "constant")), Window(0.1, 0.4), 1)
        assert len(measured.counted) == 80
        assert (np.diff(measured.records.column("intended")) > 0).all()
        alone = pair.measure(noop, workload(Closed(1)), Window(0.1, 0.2), 1)
        assert len(alone.counted) > 5
