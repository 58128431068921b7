from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from serving.scheduling.batcher import Batcher


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Batcher[Any, Any]]]:
    """Starts batchers, and closes them whatever a test has left in them."""
    started = []

    def start(model: Any, **settings: Any) -> Batcher[Any, Any]:
        batcher = Batcher(
            model, **{"max_batch_size": 4, "max_queue_delay": 0.0, "queue": 64} | settings
        )
        started.append((model, batcher))
        return batcher

    yield start
    for model, batcher in started:
        model.gate.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(batcher.close(), 5)
        assert not batcher.alive, "the compute thread outlived close()"
