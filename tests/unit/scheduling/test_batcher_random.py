"""Whatever the interleaving of errors, deadlines and cancellations: every caller is answered
for himself, and nothing stays behind."""

from __future__ import annotations

import asyncio
import logging
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.errors import DeadlineExceeded, Internal, InvalidArgument
from serving.scheduling.batcher import Batcher
from serving.timing import Timeline
from tests.unit.scheduling.doubling import Doubling, Job

jobs = st.tuples(
    st.sampled_from(["", "", "", "prepare", "run", "finish"]),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from(["a", "a", "b"]),
    st.sampled_from([None, None, 0.0005, 0.002]),  # deadline
    st.sampled_from([None, None, None, 0, 1, 3]),  # cancelled after so many turns of the loop
)


@given(
    plan=st.lists(jobs, min_size=1, max_size=24),
    threaded=st.booleans(),
    delay=st.sampled_from([0.0, 0.001]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_caller_gets_his_own_answer(plan, threaded, delay):
    logging.getLogger("serving.scheduling").setLevel(logging.CRITICAL)
    asyncio.run(asyncio.wait_for(_play(plan, threaded, delay), 10))


async def _play(plan, threaded, delay):
    loop_errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: loop_errors.append(what))
    model = Doubling(threaded=threaded, run_s=0.0002)
    batcher = Batcher(model, max_batch_size=4, max_queue_delay=delay, queue=64)
    tasks = []
    for number, (fails, polite, rows, key, within, _) in enumerate(plan):
        job = Job(number, rows=rows, key=key, fails=fails, polite=polite)
        deadline = None if within is None else time.monotonic() + within
        tasks.append(
            asyncio.create_task(batcher.submit(job, deadline=deadline, timeline=Timeline()))
        )
    for turn in range(4):
        for task, (*_, cancelled) in zip(tasks, plan, strict=True):
            if cancelled == turn:
                task.cancel()
        await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    for number, (result, (fails, polite, _, _, within, cancelled)) in enumerate(
        zip(results, plan, strict=True)
    ):
        if isinstance(result, asyncio.CancelledError):
            assert cancelled is not None
        elif isinstance(result, DeadlineExceeded):
            assert within is not None
        elif fails:
            assert isinstance(result, InvalidArgument if polite else Internal)
        else:
            assert result == 2 * number
    plan_of = dict(enumerate(plan))
    for batch in model.batches:
        assert len({plan_of[number][3] for number in batch}) == 1
        assert sum(plan_of[number][2] for number in batch) <= 4
    assert batcher.depth == batcher.in_flight == 0
    await batcher.close()
    assert not batcher.alive
    assert loop_errors == []
