"""A replica inside a Ray Serve deployment in direct-ingress mode."""

from __future__ import annotations

from ray import serve

from serving.replica.handles import ControlForwarder
from serving.replica.ledger import Ledger
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.replica.statistics import Statistics
from serving.repository.config import ModelConfig
from serving.services.describe import Description
from serving.telemetry import logs, traces


class ModelDeployment(Replica):
    """Loads its model in the constructor; Serve calls the RPC methods by name."""

    def __init__(self, config: ModelConfig, secret: str) -> None:
        logs.join_serve()
        traces.configure("seom-replica")
        super().__init__(
            config,
            load_model(config),
            secret=secret,
            identity=serve.get_replica_context().replica_id.unique_id,
            forwarder=ControlForwarder(),
        )
        self._ledger = Ledger.connect()

    async def check_health(self) -> None:
        """Serve restarts the replica when this raises or does not return in time.

        Judged by progress alone: a full queue is no illness, a batch that does not end is.
        """
        if not self.batcher.alive:
            raise RuntimeError("the compute thread has ended. This is a bug.")
        if self.batcher.running_for > 2 * self.config.limits.deadline_s:
            raise RuntimeError("a batch has been computing for twice the longest deadline")

    async def snapshot(self) -> tuple[str, Statistics]:
        """Who this replica is and what it has counted."""
        return self.identity, self.statistics

    async def description(self) -> Description:
        return self.describe()

    def __del__(self) -> None:
        # Serve calls this once the replica has drained. What it has counted since it
        # was last asked must outlive it, or totals would go backwards.
        if hasattr(self, "_ledger"):
            self._ledger.keep(self.config.application, self.identity, self.statistics)
