"""Small generators as models of the family, loaded once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from serving.models.base import Device
from serving.models.synthesis import Model
from serving.repository.scan import Repository
from tests.synthesis_models.repository import write_synthesis_model

Load = Callable[..., Model]


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    root: Path = tmp_path_factory.mktemp("synthesis_repository")

    @lru_cache
    def loaded(name: str, settings: str = "batching: {max_batch_size: 8}\n") -> Model:
        write_synthesis_model(root, name, settings)
        model = Model(Repository(root, "cpu").find(name), Device())
        model.load()
        return model

    return loaded
