"""One row per request: the raw truth all figures of a run are computed from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNSENT = -1


class Row(NamedTuple):
    """One request, in nanoseconds of CLOCK_MONOTONIC, shared by all of a machine.

    `first` and `last` are when its first and last answer came; `status` is the gRPC
    code; `sent_bytes` and `received_bytes` count messages without their framing.
    """

    intended: int
    sent: int
    first: int
    last: int
    status: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True)
class Records:
    """Rows as columns: `table` is (n, 7) int64 in the order of `Row`'s fields.

    `stages` has one entry per row (nanoseconds by stage name) or none at all.
    """

    table: NDArray[np.int64]
    stages: tuple[dict[str, int], ...] = ()

    @classmethod
    def of(cls, rows: list[Row], stages: tuple[dict[str, int], ...] = ()) -> Records:
        table = np.array(rows, dtype=np.int64).reshape(-1, len(Row._fields))
        return cls(table, stages)

    @classmethod
    def merge(cls, parts: list[Records]) -> Records:
        """The rows of several generator processes, by intended time."""
        table = np.concatenate([part.table for part in parts])
        order = np.argsort(table[:, 0], kind="stable")
        stages = [stage for part in parts for stage in part.stages]
        return cls(table[order], tuple(stages[i] for i in order) if stages else ())

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> NDArray[np.int64]:
        return self.table[:, Row._fields.index(name)]

    def where(self, mask: NDArray[np.bool_]) -> Records:
        stages = tuple(s for s, keep in zip(self.stages, mask, strict=False) if keep)
        return Records(self.table[mask], stages)

    @property
    def ok(self) -> Records:
        return self.where(self.column("status") == 0)

    @property
    def response_ns(self) -> NDArray[np.int64]:
        """From the time a request was meant to leave: what a user waits."""
        return self.column("last") - self.column("intended")

    @property
    def service_ns(self) -> NDArray[np.int64]:
        """From the time it really left: what the server took."""
        return self.column("last") - self.column("sent")

    @property
    def lateness_ns(self) -> NDArray[np.int64]:
        """How late the generator itself was."""
        return self.column("sent") - self.column("intended")

    def rows(self) -> Iterator[dict[str, int | dict[str, int]]]:
        for index, values in enumerate(self.table.tolist()):
            row: dict[str, int | dict[str, int]] = dict(zip(Row._fields, values, strict=True))
            if self.stages:
                row["stages"] = self.stages[index]
            yield row


@dataclass(frozen=True)
class Measured:
    """One block: every request of it, warm-up included, and what the generator cost.

    `start` and `end` bound the measurement (CLOCK_MONOTONIC, ns). `client_cpu` is
    the share of one core the busiest generator process used.
    """

    records: Records
    start: int
    end: int
    client_cpu: float

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1e9

    @property
    def counted(self) -> Records:
        """Requests meant to leave inside the window; latencies are of these."""
        intended = self.records.column("intended")
        return self.records.where((intended >= self.start) & (intended < self.end))

    @property
    def completed(self) -> int:
        """Answers that came inside the window; throughput is of these."""
        last = self.records.ok.column("last")
        return int(((last >= self.start) & (last < self.end)).sum())

    @property
    def throughput(self) -> float:
        """Answers a second."""
        return self.completed / self.seconds


def write_jsonl(
    sink: IO[str], measured: Measured, *, scenario: str, workload: str, target: str, round_: int
) -> None:
    """One line per request; `measured` tells warm-up (false) from what counts."""
    context = {"scenario": scenario, "workload": workload, "target": target, "round": round_}
    for row in measured.records.rows():
        inside = measured.start <= row["intended"] < measured.end  # type: ignore[operator]
        sink.write(json.dumps({**context, "measured": inside, **row}) + "\n")
