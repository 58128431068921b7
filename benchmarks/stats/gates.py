"""What must hold for a run to count; a cell that fails a gate is stamped INVALID."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.load.record import Measured
from benchmarks.load.workload import Closed, Open


@dataclass(frozen=True)
class Gates:
    """lateness_ms: the generator's own p99 delay in an open loop
    achieved: rate of answers, as a share of the rate offered
    errors: share of requests that failed
    """

    lateness_ms: float = 1.0
    achieved: float = 0.99
    errors: float = 0.001

    def failures(self, load: Closed | Open, blocks: list[Measured]) -> list[str]:
        """What a workload's blocks on one target fail, in words; empty when valid."""
        counted = [block.counted for block in blocks]
        sent = sum(map(len, counted))
        if not sent:
            return ["no request was sent"]
        found = []
        failed = sum(len(records) - len(records.ok) for records in counted)
        if failed > self.errors * sent:
            found.append(f"{failed} of {sent} requests failed")
        if isinstance(load, Open):
            late = np.concatenate([records.lateness_ns for records in counted])
            p99 = float(np.quantile(late, 0.99, method="inverted_cdf")) / 1e6
            if p99 > self.lateness_ms:
                found.append(f"the generator was {p99:.2f} ms late at p99")
            share = sum(map(_kept_up, blocks)) / sent
            if share < self.achieved:
                found.append(f"only {share:.1%} of the offered rate was kept up with")
        return found


def _kept_up(block: Measured) -> int:
    """Answers in a window as long as the block's, but one median response later.

    So a long delay alone loses no answer to the window's edge; a queue that grows does.
    """
    good = block.counted.ok
    if not len(good):
        return 0
    delay = int(np.median(good.response_ns))
    last = block.records.ok.column("last") - delay
    return int(((last >= block.start) & (last < block.end)).sum())
