"""Replicas of small chat models on bare gRPC servers, as clients see them."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from seom.aio import AsyncClient
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from serving.runtimes.encoders.encoder import Encoder
from serving.runtimes.vllm.engine import Engine
from tests.chat_models.repository import write_chat_model


@dataclass(frozen=True)
class Served:
    """A model being served: what the tests call, and what they look into afterwards."""

    client: AsyncClient
    address: str
    replica: Replica

    @property
    def engine(self) -> Engine:
        engine = self.replica.model.engine  # type: ignore[attr-defined]
        assert isinstance(engine, Engine)
        return engine

    @property
    def encoder(self) -> Encoder:
        encoder = self.replica.model.encoder  # type: ignore[attr-defined]
        assert isinstance(encoder, Encoder)
        return encoder


@asynccontextmanager
async def serving(root: Path, name: str, settings: str = "") -> AsyncIterator[Served]:
    """One of the small models behind a server of its own."""
    write_chat_model(root, name, settings)
    config = Repository(root, "cpu").find(name)
    with warnings.catch_warnings(action="ignore"):  # of torch, while vLLM imports it
        replica = Replica(config, load_model(config))
    try:
        await replica.check()
        server, port = await start(replica)
        async with AsyncClient(f"127.0.0.1:{port}") as client:
            yield Served(client, f"127.0.0.1:{port}", replica)
        await server.stop(None)
    finally:
        await replica.close()
