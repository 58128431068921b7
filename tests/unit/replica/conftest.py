"""Replicas of the small models on bare grpc.aio servers, and stubs that call them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from seom.pb.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from seom.pb.v1.detection_pb2_grpc import DetectionServiceStub
from serving.models.base import Served
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from tests.small_models import write_repository

MODELS = ("identity", "bytes8", "words", "flags", "pair", "single", "slow", "spots")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    root: Path = write_repository(tmp_path_factory.mktemp("repository"))
    return Repository(root, "cpu")


@pytest.fixture(scope="module")
def models(repository: Repository) -> dict[str, Served[Any, Any]]:
    return {name: load_model(repository.find(name)) for name in MODELS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stubs(models: dict[str, Served[Any, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Model name → stub of a server that serves it alone."""
    running, stubs = [], {}
    for name, model in models.items():
        replica = Replica(model.config, model)
        server, port = await start(replica)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        stub = DetectionServiceStub if name == "spots" else GRPCInferenceServiceStub
        stubs[name] = stub(channel)
        running.append((channel, server, replica))
    yield stubs
    for channel, server, replica in running:
        await channel.close()
        await server.stop(None)
        await replica.close()
