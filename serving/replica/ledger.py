"""The totals of a cluster: what replicas have counted, the dead ones included.

A load generator subtracts two readings of ModelStatistics; were a replica's counts
to vanish with it, the difference would be negative. One small actor remembers the
last reading of every replica there ever was.
"""

from __future__ import annotations

from typing import Any

import ray

from serving.replica.statistics import Statistics

_NAME, _NAMESPACE = "seom-ledger", "seom"


class LedgerBook:
    """application → replica → its last known statistics."""

    def __init__(self) -> None:
        self._pages: dict[str, dict[str, Statistics]] = {}

    def merge(self, application: str, readings: dict[str, Statistics]) -> Statistics:
        """Takes in fresh readings; returns the total over all replicas so far."""
        page = self._pages.setdefault(application, {})
        for replica, reading in readings.items():
            known = page.get(replica)
            # Two readers race: the reading that has counted more is the later one.
            if known is None or _counted(reading) >= _counted(known):
                page[replica] = reading
        return sum(page.values(), Statistics())


def _counted(reading: Statistics) -> int:
    return reading.success + reading.failed + reading.executions


class Ledger:
    """A client of the one book; created by whoever asks first."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    @classmethod
    def connect(cls) -> Ledger:
        book = ray.remote(num_cpus=0, max_restarts=-1)(LedgerBook)
        return cls(
            book.options(
                name=_NAME, namespace=_NAMESPACE, get_if_exists=True, lifetime="detached"
            ).remote()
        )

    async def total(self, application: str, readings: dict[str, Statistics]) -> Statistics:
        """The application's statistics over all its replicas, living and dead."""
        total: Statistics = await self._actor.merge.remote(application, readings)
        return total

    def keep(self, application: str, replica: str, reading: Statistics) -> None:
        """A replica's last words; waits until they are heard."""
        ray.get(self._actor.merge.remote(application, {replica: reading}), timeout=2)
