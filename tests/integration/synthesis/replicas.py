"""Replicas of small generators on bare gRPC servers, as clients see them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from seom.pb.v1.synthesis_pb2_grpc import SynthesisServiceStub
from serving.models.synthesis import Model
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from tests.synthesis_models.repository import write_synthesis_model


@dataclass(frozen=True)
class Served:
    """A model being served: what the tests call, and what they look into afterwards."""

    stub: Any
    address: str
    replica: Replica

    @property
    def model(self) -> Model:
        assert isinstance(self.replica.model, Model)
        return self.replica.model


@asynccontextmanager
async def serving(root: Path, name: str, settings: str = "") -> AsyncIterator[Served]:
    """One of the small models behind a server of its own."""
    write_synthesis_model(root, name, settings)
    config = Repository(root, "cpu").find(name)
    replica = Replica(config, load_model(config))
    try:
        await replica.check()
        server, port = await start(replica)
        address = f"127.0.0.1:{port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield Served(SynthesisServiceStub(channel), address, replica)
        await server.stop(None)
    finally:
        await replica.close()
