"""Small generators, written once and read as the server reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from serving.models.base import Device
from serving.runtimes.stylegan.checkpoint import read_generator
from serving.runtimes.stylegan.generator import Generator
from serving.runtimes.stylegan.generator import Path as ComputedBy
from tests.synthesis_models import write_models

Read = Callable[..., Generator]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("synthesis"))


@pytest.fixture(scope="session")
def read(models: Path) -> Read:
    @lru_cache
    def generator(name: str, path: ComputedBy = "fast") -> Generator:
        folder = models / name
        return read_generator(
            folder / "model.safetensors", folder / "config.json", Device(threads=1), path
        )

    return generator
