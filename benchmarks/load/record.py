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
    code; `sent_bytes` and `received_bytes` count messages without their framing. Of an
    answer that grows `first` is when its first text came; `pieces` are its parts that
    bring text, which may be several of its `tokens` each.
    """

    intended: int
    sent: int
    first: int
    last: int
    status: int
    sent_bytes: int
    received_bytes: int
    pieces: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Records:
    """Rows as columns: `table` is (n, 9) int64 in the order of `Row`'s fields.

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

    @property
    def first_ns(self) -> NDArray[np.int64]:
        """Until a growing answer's first text came, from the intended time as well."""
        return self.column("first") - self.column("intended")

    @property
    def per_token_ns(self) -> NDArray[np.float64]:
        """From token to token after the first, the mean of each answer that has two."""
        growing = self.where(self.column("tokens") > 1)
        spent = (growing.column("last") - growing.column("first")).astype(np.float64)
        return spent / (growing.column("tokens") - 1)

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

    @property
    def token_rate(self) -> float:
        """Tokens a second that came inside the window, also of answers that reach beyond it.

        One counts when it came first; the others of its answer are spread evenly up to
        the last, for a piece does not say how many tokens it is.
        """
        good = self.records.ok
        first, last = good.column("first"), good.column("last")
        inside = np.minimum(last, self.end) - np.maximum(first, self.start)
        share = np.maximum(0, inside) / np.maximum(1, last - first)
        begun = (first >= self.start) & (first < self.end)
        tokens = np.maximum(0, good.column("tokens") - 1) * share + begun
        return float(tokens[good.column("tokens") > 0].sum()) / self.seconds


def write_jsonl(
    sink: IO[str], measured: Measured, *, scenario: str, workload: str, target: str, round_: int
) -> None:
    """One line per request; `measured` tells warm-up (false) from what counts."""
    context = {"scenario": scenario, "workload": workload, "target": target, "round": round_}
    for row in measured.records.rows():
        inside = measured.start <= row["intended"] < measured.end  # type: ignore[operator]
        sink.write(json.dumps({**context, "measured": inside, **row}) + "\n")
