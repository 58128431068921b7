"""A replica inside a Ray Serve deployment in direct-ingress mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from ray import serve

from serving.errors import ServingError
from serving.models.base import StreamingModel
from serving.openai.door import Door
from serving.openai.relay import run
from serving.openai.web import Message, Scope
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
        """Serve restarts the replica when this raises or does not return in time."""
        await self.check()

    async def snapshot(self) -> tuple[str, Statistics]:
        """Who this replica is and what it has counted."""
        return self.identity, self.statistics

    async def configuration(self) -> tuple[str, tuple[ModelConfig, str]]:
        """Who this replica is, what it was given or has adopted since, and its deployment."""
        code_version = serve.get_replica_context().code_version
        return self.identity, (self.config, str(code_version))

    async def adopt(self, config: ModelConfig) -> tuple[str, bool | ServingError]:
        """Who this replica is, and whether it now runs by this configuration."""
        try:
            adopted = isinstance(self.model, StreamingModel) and await self.model.adopt(config)
        except ServingError as error:
            return self.identity, error
        if adopted:
            self.config = config
        return self.identity, adopted

    async def description(self) -> Description:
        return self.describe()

    # HTTP, for the families that speak it --------------------------------------------

    def __serve_build_asgi_app__(self) -> Door:
        """What Serve asks for where `serve.ingress` is around this class."""
        return Door(self)

    async def forward_http(self, scope: Scope, body: bytes) -> AsyncIterator[Message]:
        """Answers a request that reached control first."""
        async with aclosing(run(Door(self), scope, body)) as messages:  # type: ignore[type-var]
            async for message in messages:
                yield message

    def __del__(self) -> None:
        # Serve calls this once the replica has drained. What it has counted since it
        # was last asked must outlive it, or totals would go backwards.
        if hasattr(self, "_ledger"):
            self._ledger.keep(self.config.application, self.identity, self.statistics)
