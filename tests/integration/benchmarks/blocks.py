"""Blocks made by hand, for the tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.load.record import Measured, Records, Row

MS = 1_000_000


def block(
    latencies_ms: Sequence[float],
    *,
    every_ms: float = 10.0,
    late_ms: float = 0.0,
    failed: int = 0,
) -> Measured:
    """One request each `every_ms`; the last `failed` of them failed (UNAVAILABLE)."""
    rows = []
    for index, latency in enumerate(latencies_ms):
        intended = int(index * every_ms * MS)
        last = intended + int(latency * MS)
        status = 14 if index >= len(latencies_ms) - failed else 0
        rows.append(Row(intended, intended + int(late_ms * MS), last, last, status, 64, 64))
    return Measured(Records.of(rows), 0, int(len(rows) * every_ms * MS), 0.5)
