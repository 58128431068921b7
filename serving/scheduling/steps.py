"""A model's three steps on entries, in whichever thread calls them; failures are values.

What a model raises of ServingError is its caller's to see; anything else is logged and
shown as Internal.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from serving.errors import Internal, InvalidArgument, ServingError
from serving.models.base import Model
from serving.scheduling.entry import Entry, Failed
from serving.timing import Stage, Timeline

log = logging.getLogger(__name__)


class Steps:
    def __init__(self, model: Model[Any, Any, Any, Any], max_rows: int) -> None:
        self._model = model
        self._max_rows = max_rows

    def prepare(self, entry: Entry) -> Failed | None:
        """Fills in `prepared`, `key` and `rows`."""
        started = entry.timeline.mark(Stage.QUEUE)
        failed: Failed | None = self._attempt("prepare", self._prepare, entry)
        if entry.timeline.last == started:
            entry.timeline.mark(Stage.PREPROCESS)
        return failed

    def run(self, batch: list[Entry], timeline: Timeline) -> Sequence[Any] | Failed:
        """One output for each entry."""
        outputs: Sequence[Any] | Failed = self._attempt("run", self._run, batch, timeline)
        if timeline.spent[Stage.DEVICE] is None and not isinstance(outputs, Failed):
            timeline.mark(Stage.DEVICE)
        return outputs

    def finish(self, entry: Entry, output: Any) -> Any:
        """The entry's result, or Failed."""
        entry.place = "after the computation"
        started = entry.timeline.mark(Stage.QUEUE)
        result = self._attempt("finish", self._model.finish, entry.prepared, output, entry.timeline)
        if entry.timeline.last == started:
            entry.timeline.mark(Stage.POSTPROCESS)
        return result

    def _prepare(self, entry: Entry) -> None:
        entry.prepared = self._model.prepare(entry.item, entry.timeline)
        entry.item = None  # an encoded picture need not outlive its decoding
        entry.key = self._model.batch_key(entry.prepared)
        hash(entry.key)
        entry.rows = self._model.rows(entry.prepared)
        if not 1 <= entry.rows <= self._max_rows:
            raise InvalidArgument.field(
                "inputs",
                f"{entry.rows} rows; a request to this model carries 1 to {self._max_rows}",
                reason="BATCH_SIZE",
            )

    def _run(self, batch: list[Entry], timeline: Timeline) -> Sequence[Any]:
        outputs = self._model.run([entry.prepared for entry in batch], timeline)
        if len(outputs) != len(batch):
            raise RuntimeError(
                f"run gave {len(outputs)} outputs for {len(batch)} items. This is a bug."
            )
        return outputs

    def _attempt(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ServingError as error:
            return Failed(error)
        except BaseException as error:
            if not isinstance(error, Exception) and _on_event_loop():
                raise  # an interrupt of the process, or the caller's cancellation
            log.exception("model %s: %s failed", self._model.config.name, what)
            return Failed(Internal("the model failed on this input"))


def seconds_of(step: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a step gives, and how long it took."""
    started = time.perf_counter()
    result = step(*arguments)
    return result, time.perf_counter() - started


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
