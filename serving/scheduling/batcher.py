"""The batcher: carries items through a model, computing those together that may be.

    submit → admission → prepare (pool) → waiting → run, finish (the one compute thread)
           → the caller

The event loop never computes: a model whose `threaded` is False promises that its
prepare and finish cost less than a thread hop, and only its prepare runs inline. While one
batch runs, the items of the next are prepared; the compute thread picks its batch at the
last moment, so that late arrivals still join it. It finishes results itself as long as
nothing else waits for it; else a pool does, and the device goes on. An item goes from
thread to thread without a stop at the event loop: each stop is a tenth of a millisecond.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic

from serving.errors import DeadlineExceeded, Unavailable
from serving.models.base import Item, Model, Result
from serving.scheduling.admission import Admission
from serving.scheduling.entry import Entry, Failed
from serving.scheduling.steps import Steps, seconds_of
from serving.scheduling.waiting import Waiting
from serving.timing import Stage, Timeline

log = logging.getLogger(__name__)


class Batcher(Generic[Item, Result]):
    """Serves one loaded model; `submit` from one event loop, `close` at the end.

    `max_queue_delay` is in seconds: how long the first item of a batch may wait for
    others; with 0 an idle device starts at once. `queue` bounds the items that have not
    reached the device. `threads` is the size of the pools for prepare and finish.

    `on_batch` is told, on the event loop, of each batch that was computed: its rows and
    the nanoseconds it took on the device. `batches` and `rows` count what the device was
    given, failed batches included.
    """

    def __init__(
        self,
        model: Model[Item, Any, Any, Result],
        *,
        max_batch_size: int,
        max_queue_delay: float,
        queue: int,
        threads: int = 2,
        on_batch: Callable[[int, int], None] | None = None,
    ) -> None:
        self._model = model
        self._max_rows = max_batch_size if model.batchable else 1
        self._admission = Admission(queue=queue, under_way=queue + 2 * self._max_rows)
        self._waiting = Waiting(max_rows=self._max_rows, max_delay=max_queue_delay)
        self._steps = Steps(model, self._max_rows)
        self._threads = threads
        self._on_batch = on_batch
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._batch_ids = itertools.count(1)
        self._run_started: float | None = None
        self.batches = 0
        self.rows = 0
        name = model.config.name
        # Finishing has its own pool: results never queue behind pictures still to decode.
        self._preparers = ThreadPoolExecutor(threads, f"{name}-prepare")
        self._finishers = ThreadPoolExecutor(threads, f"{name}-finish")
        self._compute_thread = threading.Thread(
            target=self._compute, name=f"{name}-compute", daemon=True
        )
        self._compute_thread.start()

    @property
    def depth(self) -> int:
        """Items admitted that have not reached the device."""
        return self._waiting.expected + self.waiting

    @property
    def waiting(self) -> int:
        """Items that are prepared and wait for the device."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """Items admitted and not yet answered."""
        return self._under_way

    @property
    def alive(self) -> bool:
        """Whether the compute thread is there; false only after `close`, or by a bug of ours."""
        return self._compute_thread.is_alive()

    @property
    def running_for(self) -> float:
        """Seconds the current batch has been computing, 0 when idle: a measure of progress
        for health checks."""
        started = self._run_started
        return 0.0 if started is None else time.monotonic() - started

    async def submit(self, item: Item, *, deadline: float | None, timeline: Timeline) -> Result:
        """The model's result for one item; `deadline` is in time.monotonic() seconds.

        Marks every stage on `timeline`. Raises Overloaded and Unavailable at once,
        DeadlineExceeded as soon as the time is up, InvalidArgument for an item of more
        rows than a batch has, what the model raises of ServingError, and Internal for
        whatever else it raises. Cancelling the caller's task withdraws the item.
        """
        if self._closing:
            raise Unavailable("this replica is shutting down; call again", retry_after=0.1)
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise _too_late("before the request was queued")
        self._admission.check(waiting=self.depth, under_way=self._under_way)

        output = asyncio.get_running_loop().create_future()
        entry = Entry(item, deadline, timeline, output)
        self._under_way += 1
        self._idle.clear()
        self._waiting.expect(entry)
        try:
            async with asyncio.timeout(remaining):
                if self._model.threaded:
                    self._preparers.submit(self._prepare, entry)
                else:
                    self._prepare(entry)
                result: Result = _unwrap(await output)
            timeline.mark(Stage.QUEUE)
            return result
        except TimeoutError:
            raise _too_late(entry.place) from None
        finally:
            if not output.done() or output.cancelled():
                output.cancel()
                self._waiting.discard(entry)
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def close(self) -> None:
        """Refuses new items, waits for those admitted, and ends the threads.

        Cancelled before that, it answers what still waits with Unavailable.
        """
        self._closing = True
        try:
            await self._idle.wait()
        finally:
            for entry in self._waiting.close():
                if not entry.output.done():
                    entry.output.set_result(
                        Failed(Unavailable("this replica is shutting down; call again"))
                    )
            self._preparers.shutdown(wait=False, cancel_futures=True)
            self._finishers.shutdown(wait=False)
        # A batch whose callers have all gone may still be computing.
        await asyncio.to_thread(self._compute_thread.join)

    def _prepare(self, entry: Entry) -> None:
        """In a preparer, or on the loop: on to the device, or straight back to the caller."""
        if entry.gone:
            self._waiting.discard(entry)
            return
        failed, seconds = seconds_of(self._steps.prepare, entry)
        if self._model.threaded:
            self._admission.prepared(seconds, self._threads)
        if failed is None:
            self._waiting.add(entry)
        else:
            self._waiting.discard(entry)
            self._answer([entry], [failed])

    def _compute(self) -> None:
        """The compute thread: the only caller of `Model.run`."""
        free = time.perf_counter_ns()
        while batch := self._waiting.take():
            now = time.perf_counter_ns()
            for entry in batch:
                # Until the device was free the entry queued; since then its batch was open.
                if free > entry.timeline.last:
                    entry.timeline.mark(Stage.QUEUE, free)
                entry.timeline.mark(Stage.BATCH_WAIT, now)
            if not self._run(batch):  # one of them spoils it: find out which
                for entry in batch:
                    if not entry.gone:
                        entry.timeline.mark(Stage.QUEUE)
                        self._run([entry])
            free = time.perf_counter_ns()

    def _run(self, batch: list[Entry]) -> bool:
        """Computes and answers a batch; False where one of several failed as a whole."""
        timeline = Timeline(batch[0].timeline.last)
        timeline.batch_size = sum(entry.rows for entry in batch)
        timeline.batch_id = next(self._batch_ids)
        self.batches += 1
        self.rows += timeline.batch_size
        for entry in batch:
            entry.place = "during the computation"
        self._run_started = time.monotonic()
        outputs, seconds = seconds_of(self._steps.run, batch, timeline)
        self._admission.computed(len(batch), seconds)
        self._run_started = None
        if isinstance(outputs, Failed):
            if len(batch) > 1:
                return False
            self._answer(batch, [outputs])
            return True
        for entry in batch:
            entry.timeline.join(timeline)
        if self._on_batch is not None:
            device = timeline.spent[Stage.DEVICE] or 0
            self._on_loop(batch[0], self._on_batch, timeline.batch_size, device)
        self._finish(batch, outputs)
        return True

    def _finish(self, batch: list[Entry], outputs: Sequence[Any]) -> None:
        """Here while the device has nothing else to do, or where it costs nothing."""
        if self._model.threaded and (len(batch) > 1 or self._waiting):
            try:
                for entry, output in zip(batch, outputs, strict=True):
                    self._finishers.submit(self._finish_one, entry, output)
                return
            except RuntimeError:  # closed over our heads: nobody waits any more
                log.warning("%d results came after the batcher had closed", len(batch))
                return
        results = [self._steps.finish(e, output) for e, output in zip(batch, outputs, strict=True)]
        self._answer(batch, results)

    def _finish_one(self, entry: Entry, output: Any) -> None:
        self._answer([entry], [self._steps.finish(entry, output)])

    def _answer(self, batch: list[Entry], outcomes: Sequence[Any]) -> None:
        self._on_loop(batch[0], _resolve, batch, outcomes)

    def _on_loop(self, entry: Entry, function: Callable[..., None], *arguments: Any) -> None:
        try:
            entry.output.get_loop().call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop was closed over our heads: nobody waits any more
            log.warning("a result came after the event loop had closed")


def _resolve(batch: list[Entry], outcomes: Sequence[Any]) -> None:
    for entry, outcome in zip(batch, outcomes, strict=True):
        if not entry.output.done():
            entry.output.set_result(outcome)


def _unwrap(outcome: Any) -> Any:
    if isinstance(outcome, Failed):
        raise outcome.error
    return outcome


def _too_late(place: str) -> DeadlineExceeded:
    return DeadlineExceeded(f"the deadline passed {place}")
