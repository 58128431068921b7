"""Engines for the tests, each started once for all who can share it.

A start costs fifteen seconds, so what only reads shares `llama`, `scripted`, `llava` and
`onevision`, and leaves them as it found them: idle, and with the adapters they began with.
Whoever counts cached tokens or pictures does so with texts or tenants of its own. Tests that
overfill an engine, put it to sleep or change its adapters share `hardy`; what stops or kills
one starts its own.

An engine belongs to the event loop it began in: the package's, here as in every module.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("vllm", reason="vLLM is not installed")

from serving.models.base import Device
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.options import EngineOptions
from tests.chat_models import write_models
from tests.integration.chat.replicas import Served, serving

_SMALL = {"context": 512, "dtype": "float32", "kv_cache": "64MiB", "stall_s": 10.0}
_SEES = "limits: {image_bytes: 1MiB, pixels: 200k}\n"


@asynccontextmanager
async def running(folder: Path, name: str, **options: Any) -> AsyncIterator[Engine]:
    """An engine of one of the small models, for one test."""
    write_models(folder, name)
    chosen = EngineOptions(**{**_SMALL, **options})
    engine = Engine(folder / name, chosen, Device())
    with warnings.catch_warnings(action="ignore"):  # of torch, while vLLM imports it
        engine.start()
    try:
        await engine.ready()
        yield engine
    finally:
        await engine.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def llama(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """Adapters `formal` and `playful`, eight places, a queue of four."""
    settings = "sequences: 8\nlimits: {queue: 4, deadline_s: 60}\n"
    async with serving(tmp_path_factory.mktemp("r"), "llama", settings) as served:
        yield served


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def hardy(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The same llama with room for a third adapter, and a queue for more than two hundred."""
    # Small steps, so that there is a prefill to be cut off in.
    settings = "sequences: 8\nstep_tokens: 32\nadapter_room: 1\nlimits: {queue: 220}\n"
    async with serving(tmp_path_factory.mktemp("r"), "llama", settings) as served:
        yield served


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def scripted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "scripted") as served:
        yield served


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def llava(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "llava", _SEES) as served:
        yield served


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def onevision(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "onevision", _SEES) as served:
        yield served


@pytest.fixture(params=["llava", "onevision"])
def seeing(request: pytest.FixtureRequest) -> Served:
    """A model that sees, each in turn. By name, so that no order of tests starts one twice."""
    served: Served = request.getfixturevalue(request.param)
    return served
