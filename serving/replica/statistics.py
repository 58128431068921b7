"""Counters of one replica, as Triton's ModelStatistics defines them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields

from serving.timing import Stage, Timeline

_INPUT = (Stage.DECODE, Stage.PREPROCESS, Stage.HOST_TO_DEVICE)
_INFER = (Stage.DEVICE,)
_OUTPUT = (Stage.DEVICE_TO_HOST, Stage.POSTPROCESS, Stage.ENCODE)
_QUEUE = (Stage.QUEUE, Stage.BATCH_WAIT)


@dataclass(slots=True)
class Statistics:
    """Everything counts since the replica started; durations are nanoseconds.

    success, failed: requests; rows: what the successful ones carried
    batches: batch size → (executions, device nanoseconds of them)
    """

    success: int = 0
    rows: int = 0
    success_ns: int = 0
    failed: int = 0
    failed_ns: int = 0
    queue_ns: int = 0
    input_ns: int = 0
    infer_ns: int = 0
    output_ns: int = 0
    executions: int = 0
    last_inference_ms: int = 0
    batches: dict[int, tuple[int, int]] = field(default_factory=dict)

    def succeed(self, timeline: Timeline, rows: int = 1) -> None:
        self.success += 1
        self.rows += rows
        self.success_ns += timeline.total
        self.queue_ns += _sum(timeline, _QUEUE)
        self.input_ns += _sum(timeline, _INPUT)
        self.infer_ns += _sum(timeline, _INFER)
        self.output_ns += _sum(timeline, _OUTPUT)
        self.last_inference_ms = time.time_ns() // 1_000_000

    def fail(self, timeline: Timeline) -> None:
        self.failed += 1
        self.failed_ns += timeline.total

    def executed(self, batch_size: int, device_ns: int) -> None:
        """One run of the model over `batch_size` rows."""
        count, spent = self.batches.get(batch_size, (0, 0))
        self.batches[batch_size] = (count + 1, spent + device_ns)
        self.executions += 1

    def __add__(self, other: Statistics) -> Statistics:
        """Two replicas taken together."""
        total = Statistics()
        for entry in fields(self):
            mine, theirs = getattr(self, entry.name), getattr(other, entry.name)
            if entry.name == "batches":
                total.batches = _merge(mine, theirs)
            elif entry.name == "last_inference_ms":
                total.last_inference_ms = max(mine, theirs)
            else:
                setattr(total, entry.name, mine + theirs)
        return total


def _sum(timeline: Timeline, stages: tuple[Stage, ...]) -> int:
    return sum(timeline.spent[stage] or 0 for stage in stages)


def _merge(
    mine: dict[int, tuple[int, int]], theirs: dict[int, tuple[int, int]]
) -> dict[int, tuple[int, int]]:
    merged = dict(mine)
    for size, (count, spent) in theirs.items():
        have, had = merged.get(size, (0, 0))
        merged[size] = (have + count, had + spent)
    return merged
