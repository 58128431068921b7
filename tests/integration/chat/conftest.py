"""Engines for the tests of a module: started once, used by one event loop."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

from serving.models.base import Device
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.options import EngineOptions
from tests.chat_models import write_models

_SMALL = {"context": 512, "dtype": "float32", "kv_cache": "64MiB", "stall_s": 10.0}


@asynccontextmanager
async def running(folder: Path, name: str, **options: Any) -> AsyncIterator[Engine]:
    """An engine of one of the small models."""
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
