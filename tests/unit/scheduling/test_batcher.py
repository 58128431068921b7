"""Batches form as promised, and time is accounted for."""

from __future__ import annotations

import asyncio
import time

import pytest

from serving.errors import InvalidArgument, Overloaded, Unavailable
from serving.timing import Stage, Timeline
from tests.unit.scheduling.doubling import Doubling, Job


def submit(batcher, job, *, within=None, timeline=None):
    """A task that carries `job` through the batcher; `within` seconds, if at all limited."""
    deadline = None if within is None else time.monotonic() + within
    return asyncio.create_task(
        batcher.submit(job, deadline=deadline, timeline=timeline or Timeline())
    )


async def until(condition, seconds=3.0):
    """Lets the loop turn until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("threaded", [True, False])
async def test_an_item_alone_is_computed_at_once(serve, threaded):
    model = Doubling(threaded=threaded)
    assert await submit(serve(model), Job(21)) == 42
    assert model.batches == [[21]]


@pytest.mark.parametrize("threaded", [True, False])
async def test_what_arrives_during_a_batch_forms_the_next(serve, threaded):
    model = Doubling(threaded=threaded)
    batcher = serve(model)
    model.gate.clear()
    first = submit(batcher, Job(0))
    await until(model.running.is_set)
    rest = [submit(batcher, Job(value)) for value in range(1, 7)]
    await until(lambda: batcher.waiting == 6)
    model.gate.set()
    assert await asyncio.gather(first, *rest) == [0, 2, 4, 6, 8, 10, 12]
    assert [len(batch) for batch in model.batches] == [1, 4, 2]
    assert (batcher.batches, batcher.rows) == (3, 7)


async def test_a_full_batch_does_not_wait_for_the_delay(serve):
    batcher = serve(Doubling(threaded=False), max_queue_delay=30.0)
    started = time.monotonic()
    await asyncio.gather(*(submit(batcher, Job(value)) for value in range(8)))
    assert time.monotonic() - started < 10.0
    assert batcher.batches == 2


async def test_the_first_item_waits_no_longer_than_the_delay(serve):
    model = Doubling(threaded=False)
    batcher = serve(model, max_queue_delay=0.05)
    timeline = Timeline()
    first = submit(batcher, Job(1), timeline=timeline)
    await asyncio.sleep(0.02)
    second = submit(batcher, Job(2))
    assert await asyncio.gather(first, second) == [2, 4]
    assert model.batches == [[1, 2]]
    waited = timeline.spent[Stage.BATCH_WAIT]
    assert waited is not None
    assert 0.045 < waited / 1e9 < 0.5


async def test_the_delay_counts_from_the_first_item_also_while_the_device_is_busy(serve):
    model = Doubling(threaded=False)
    batcher = serve(model, max_queue_delay=0.05)
    model.gate.clear()
    first = submit(batcher, Job(1))
    await until(model.running.is_set)
    second_line = Timeline()
    second = submit(batcher, Job(2), timeline=second_line)
    await asyncio.sleep(0.08)
    model.gate.set()
    await asyncio.gather(first, second)
    assert (second_line.spent[Stage.BATCH_WAIT] or 0) / 1e9 < 0.03
    assert (second_line.spent[Stage.QUEUE] or 0) / 1e9 > 0.06


async def test_rows_fill_a_batch_and_items_are_never_split(serve):
    model = Doubling(threaded=False)
    batcher = serve(model, max_batch_size=4)
    model.gate.clear()
    first = submit(batcher, Job(0))
    await until(model.running.is_set)
    jobs = [Job(1, rows=3), Job(2, rows=2), Job(3, rows=2), Job(4, rows=1)]
    rest = [submit(batcher, job) for job in jobs]
    await until(lambda: batcher.waiting == 4)
    model.gate.set()
    await asyncio.gather(first, *rest)
    assert model.batches == [[0], [1], [2, 3], [4]]


async def test_items_of_different_keys_never_share_a_batch(serve):
    model = Doubling(threaded=False)
    batcher = serve(model, max_batch_size=8)
    model.gate.clear()
    first = submit(batcher, Job(0, key="a"))
    await until(model.running.is_set)
    rest = [submit(batcher, Job(value, key="ab"[value % 2])) for value in range(1, 9)]
    await until(lambda: batcher.waiting == 8)
    model.gate.set()
    await asyncio.gather(first, *rest)
    assert model.batches == [[0], [1, 3, 5, 7], [2, 4, 6, 8]]


async def test_a_full_group_overtakes_one_that_still_waits(serve):
    model = Doubling(threaded=False)
    batcher = serve(model, max_batch_size=2, max_queue_delay=0.1)
    lonely = submit(batcher, Job(1, key="a"))
    await until(lambda: batcher.waiting == 1)
    pair = [submit(batcher, Job(value, key="b")) for value in (2, 3)]
    await asyncio.gather(lonely, *pair)
    assert model.batches == [[2, 3], [1]]


@pytest.mark.parametrize("rows", [0, 5])
async def test_an_item_of_too_many_rows_is_the_callers_mistake(serve, rows):
    model = Doubling()
    with pytest.raises(InvalidArgument, match="1 to 4") as caught:
        await submit(serve(model), Job(1, rows=rows))
    assert caught.value.fields[0][0] == "inputs"
    assert model.batches == []


async def test_a_model_that_cannot_batch_gets_items_one_by_one(serve):
    class Single(Doubling):
        batchable = False

    model = Single(threaded=False)
    batcher = serve(model, max_batch_size=8)
    model.gate.clear()
    tasks = [submit(batcher, Job(value)) for value in range(5)]
    await until(lambda: batcher.waiting == 4)
    model.gate.set()
    await asyncio.gather(*tasks)
    assert model.batches == [[0], [1], [2], [3], [4]]


async def test_whoever_counts_batches_is_told_of_them(serve):
    told = []
    model = Doubling(threaded=False, run_s=0.005)
    batcher = serve(model, on_batch=lambda rows, device_ns: told.append((rows, device_ns)))
    timeline = Timeline()
    await submit(batcher, Job(1, rows=3), timeline=timeline)
    assert told == [(3, timeline.spent[Stage.DEVICE])]


async def test_a_full_queue_is_refused_at_once_with_an_honest_delay(serve):
    model = Doubling(threaded=False, run_s=0.05)
    batcher = serve(model, max_batch_size=1, queue=3)
    await submit(batcher, Job(0))  # measures 50 ms an item
    model.gate.clear()
    model.running.clear()
    tasks = [submit(batcher, Job(1))]
    await until(model.running.is_set)
    tasks += [submit(batcher, Job(value)) for value in (2, 3, 4)]
    await until(lambda: batcher.waiting == 3)
    started = time.monotonic()
    with pytest.raises(Overloaded) as caught:
        await submit(batcher, Job(5))
    assert time.monotonic() - started < 0.05
    assert 0.15 <= caught.value.retry_after <= 1
    model.gate.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert 5 not in model.prepared


async def test_items_that_finish_slowly_cannot_pile_up(serve):
    class Slow(Doubling):
        def finish(self, prepared, output, timeline):
            time.sleep(0.05)
            return output

    batcher = serve(Slow(), max_batch_size=1, queue=4, threads=1)
    tasks = []
    for value in range(20):
        tasks.append(submit(batcher, Job(value)))
        await asyncio.sleep(0.002)
        assert batcher.in_flight <= 6
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(result, Overloaded) for result in results)
    assert results[0] == 0


async def test_the_stages_add_up_to_the_total(serve):
    loop = asyncio.get_running_loop()

    class Hindered(Doubling):
        def finish(self, prepared, output, timeline):
            loop.call_soon_threadsafe(time.sleep, 0.02)  # the way back takes a while
            return output

    batcher = serve(Hindered(run_s=0.02), max_queue_delay=0.01)
    lines = [Timeline() for _ in range(3)]

    async def call(value, line):
        job = Job(value, prepare_s=0.005)
        await batcher.submit(job, deadline=None, timeline=line)
        return line.total

    totals = await asyncio.gather(*(call(value, line) for value, line in enumerate(lines)))
    for line, total in zip(lines, totals, strict=True):
        spent = sum(nanoseconds or 0 for nanoseconds in line.spent)
        assert spent == line.last - line.arrived
        assert total - spent < 10e6
        assert (line.spent[Stage.QUEUE] or 0) >= 20e6
        assert (line.spent[Stage.DECODE] or 0) >= 5e6
        assert (line.spent[Stage.DEVICE] or 0) >= 20e6
        assert line.spent[Stage.POSTPROCESS] is not None
        assert line.batch_size >= 1
    assert {line.batch_id for line in lines} == set(range(1, batcher.batches + 1))
    assert sum({line.batch_id: line.batch_size for line in lines}.values()) == 3


async def test_the_next_batch_is_prepared_while_one_computes(serve):
    model = Doubling(run_s=0.03)
    batcher = serve(model, max_batch_size=1, threads=1)
    started = time.monotonic()
    await asyncio.gather(*(submit(batcher, Job(value, prepare_s=0.03)) for value in range(8)))
    # One after the other this takes 0.48 s; overlapped, one preparation and eight runs.
    assert time.monotonic() - started < 0.38


async def test_the_event_loop_turns_while_the_model_computes(serve):
    batcher = serve(Doubling(run_s=0.2))
    task = submit(batcher, Job(1))
    lags = []
    while not task.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        lags.append(time.monotonic() - before)
    assert len(lags) > 40
    assert max(lags) < 0.1


async def test_progress_can_be_watched(serve):
    model = Doubling()
    batcher = serve(model)
    assert batcher.running_for == 0
    model.gate.clear()
    task = submit(batcher, Job(1))
    await until(model.running.is_set)
    await until(lambda: batcher.running_for > 0.01)
    model.gate.set()
    await task
    assert batcher.running_for == 0
    assert batcher.in_flight == 0


async def test_close_finishes_what_was_admitted_and_refuses_the_rest(serve):
    model = Doubling()
    batcher = serve(model)
    model.gate.clear()
    admitted = [submit(batcher, Job(value)) for value in range(3)]
    await until(model.running.is_set)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await submit(batcher, Job(9))
    model.gate.set()
    assert await asyncio.gather(*admitted) == [0, 2, 4]
    await closing


async def test_a_close_cut_short_answers_those_who_wait(serve):
    model = Doubling(threaded=False)
    batcher = serve(model, max_batch_size=1)
    model.gate.clear()
    running = submit(batcher, Job(0))
    await until(model.running.is_set)
    waiting = submit(batcher, Job(1))
    await until(lambda: batcher.waiting == 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(batcher.close(), 0.02)
    with pytest.raises(Unavailable):
        await waiting
    model.gate.set()
    assert await running == 0
