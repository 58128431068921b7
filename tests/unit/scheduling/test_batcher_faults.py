"""Failures, deadlines and vanished callers concern nobody else."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from serving.errors import DeadlineExceeded, Internal, InvalidArgument
from serving.timing import Stage, Timeline
from tests.unit.scheduling.doubling import Doubling, Job
from tests.unit.scheduling.test_batcher import submit, until


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("stage", ["prepare", "run", "finish"])
async def test_one_bad_item_harms_no_batch_mate(serve, stage, threaded, caplog):
    caplog.set_level(logging.CRITICAL, "serving.scheduling")
    model = Doubling(threaded=threaded)
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(0))
    await until(model.running.is_set)
    jobs = [Job(1), Job(2, fails=stage), Job(3), Job(4)]
    tasks = [submit(batcher, job) for job in jobs]
    await until(lambda: batcher.waiting + (stage == "prepare") == 4)
    model.gate.set()
    results = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert isinstance(results[2], Internal)
    assert [*results[:2], *results[3:]] == [0, 2, 6, 8]


async def test_the_callers_own_fault_is_told_as_such(serve):
    batcher = serve(Doubling())
    for stage in ("prepare", "run", "finish"):
        with pytest.raises(InvalidArgument, match=f"fails in {stage}"):
            await submit(batcher, Job(1, fails=stage, polite=True))


async def test_a_foreign_exception_is_logged_and_not_leaked(serve, caplog):
    batcher = serve(Doubling())
    with pytest.raises(Internal) as caught:
        await submit(batcher, Job(1, fails="run"))
    assert "secret" not in str(caught.value) + repr(caught.value.__dict__)
    assert "/secret/path" in caplog.text
    assert "Traceback" in caplog.text
    assert "doubling" in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration()])
@pytest.mark.parametrize("stage", ["prepare", "run", "finish"])
async def test_no_exception_of_a_model_ends_the_process_or_a_thread(serve, error, stage, caplog):
    caplog.set_level(logging.CRITICAL, "serving.scheduling")

    def explode(*_):
        raise error

    model = Doubling()
    batcher = serve(model)
    setattr(model, stage, explode)
    with pytest.raises(Internal):
        await submit(batcher, Job(1))
    delattr(model, stage)
    assert await submit(batcher, Job(2)) == 4


async def test_a_model_that_loses_an_output_is_found_out(serve, caplog):
    caplog.set_level(logging.CRITICAL, "serving.scheduling")
    model = Doubling()
    model.run = lambda batch, timeline: []
    with pytest.raises(Internal):
        await submit(serve(model), Job(1))


async def test_an_expired_item_is_neither_prepared_nor_run(serve):
    model = Doubling()
    batcher = serve(model)
    with pytest.raises(DeadlineExceeded):
        await submit(batcher, Job(1), within=-0.001)
    assert model.prepared == []


async def test_an_item_that_expires_before_its_turn_to_be_prepared_is_not_prepared(serve):
    model = Doubling()
    batcher = serve(model, threads=1)
    slow = submit(batcher, Job(1, prepare_s=0.05))
    await until(lambda: model.prepared == [1])
    with pytest.raises(DeadlineExceeded, match="in the queue"):
        await submit(batcher, Job(2), within=0.02)
    assert await slow == 2
    assert await submit(batcher, Job(3)) == 6
    assert model.prepared == [1, 3]


async def test_the_pool_itself_leaves_expired_items_out(serve):
    """Also while the event loop is too busy to run anybody's timer."""
    model = Doubling()
    batcher = serve(model, threads=1)
    slow = submit(batcher, Job(1, prepare_s=0.03))
    late = submit(batcher, Job(2), within=0.02)
    await until(lambda: batcher.depth == 2 and model.prepared == [1])
    time.sleep(0.05)  # noqa: ASYNC251
    assert model.prepared == [1]
    with pytest.raises(DeadlineExceeded):
        await late
    assert await slow == 2


async def test_an_item_that_expires_in_the_queue_is_answered_then_and_never_run(serve):
    model = Doubling(threaded=False)
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(1))
    await until(model.running.is_set)
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="in the queue"):
        await submit(batcher, Job(2), within=0.03)
    assert 0.025 < time.monotonic() - started < 0.5
    assert batcher.depth == 0
    model.gate.set()
    assert await first == 2
    assert model.batches == [[1]]


async def test_the_compute_thread_itself_leaves_expired_items_out(serve):
    """Also while the event loop is too busy to run anybody's timer."""
    model = Doubling(threaded=False)
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(1))
    await until(model.running.is_set)
    late, early = submit(batcher, Job(2), within=0.02), submit(batcher, Job(3))
    await until(lambda: batcher.waiting == 2)
    time.sleep(0.03)  # noqa: ASYNC251
    model.gate.set()
    # The second batch is formed while no timer of ours can fire.
    time.sleep(0.03)  # noqa: ASYNC251
    assert model.batches == [[1], [3]]
    with pytest.raises(DeadlineExceeded):
        await late
    assert await asyncio.gather(first, early) == [2, 6]


async def test_a_hung_device_answers_by_the_deadline(serve):
    model = Doubling()
    batcher = serve(model)
    model.gate.clear()
    with pytest.raises(DeadlineExceeded, match="during the computation"):
        await submit(batcher, Job(1), within=0.03)
    model.gate.set()
    assert await submit(batcher, Job(2)) == 4


async def test_a_cancelled_caller_leaves_the_queue_at_once(serve):
    model = Doubling(threaded=False)
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(1))
    await until(model.running.is_set)
    tasks = [submit(batcher, Job(value)) for value in (2, 3, 4)]
    await until(lambda: batcher.waiting == 3)
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert batcher.depth == 2
    model.gate.set()
    assert await asyncio.gather(first, tasks[0], tasks[2]) == [2, 4, 8]
    assert model.batches == [[1], [2, 4]]


async def test_a_cancelled_caller_is_not_prepared(serve):
    model = Doubling()
    batcher = serve(model, threads=1)
    slow = submit(batcher, Job(1, prepare_s=0.03))
    await until(lambda: model.prepared == [1])
    queued = submit(batcher, Job(2))
    await until(lambda: batcher.depth == 2)
    queued.cancel()
    assert await slow == 2
    assert await submit(batcher, Job(3)) == 6
    assert model.prepared == [1, 3]


async def test_a_caller_cancelled_during_the_computation_harms_nobody(serve):
    model = Doubling()
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(0))
    await until(model.running.is_set)
    model.running.clear()
    tasks = [submit(batcher, Job(value)) for value in (1, 2)]
    await until(lambda: batcher.waiting == 2)
    model.gate.set()
    model.gate.clear()
    await until(lambda: len(model.batches) == 2)
    tasks[0].cancel()
    await asyncio.sleep(0)
    model.gate.set()
    assert await asyncio.gather(first, tasks[1]) == [0, 4]
    assert tasks[0].cancelled()


async def test_gone_items_are_not_run_again_after_a_failed_batch(serve, caplog):
    caplog.set_level(logging.CRITICAL, "serving.scheduling")
    model = Doubling(threaded=False)
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(0))
    await until(model.running.is_set)
    lines = [Timeline() for _ in range(3)]
    jobs = [Job(1), Job(2, fails="run"), Job(3)]
    tasks = [submit(batcher, job, timeline=line) for job, line in zip(jobs, lines, strict=True)]
    await until(lambda: batcher.waiting == 3)
    model.gate.set()
    model.gate.clear()
    await until(lambda: len(model.batches) == 2)
    tasks[2].cancel()
    await asyncio.sleep(0.01)
    model.gate.set()
    results = await asyncio.gather(first, *tasks, return_exceptions=True)
    assert results[1] == 2
    assert isinstance(results[2], Internal)
    assert model.batches == [[0], [1, 2, 3], [1], [2]]
    assert lines[0].batch_size == 1
    spent = sum(nanoseconds or 0 for nanoseconds in lines[0].spent)
    assert spent == lines[0].last - lines[0].arrived
    assert lines[0].spent[Stage.DEVICE] is not None


async def test_a_cancel_storm_leaves_nothing_behind(serve):
    model = Doubling(run_s=0.001)
    batcher = serve(model, queue=1000, max_batch_size=8)
    before = len(asyncio.all_tasks())
    tasks = [submit(batcher, Job(value), within=5) for value in range(600)]
    for index, task in enumerate(tasks):
        if index % 50 == 0:
            await asyncio.sleep(0.001)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert batcher.depth == batcher.in_flight == 0
    assert len(asyncio.all_tasks()) == before
    assert await submit(batcher, Job(7)) == 14
