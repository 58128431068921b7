from __future__ import annotations

import pytest

from serving.models.base import Device
from serving.models.detection import Model
from serving.repository.scan import Repository


@pytest.fixture(scope="session")
def nanodet(repository: Repository) -> Model:
    return loaded(repository, "nanodet-m")


@pytest.fixture(scope="session")
def ssd(repository: Repository) -> Model:
    return loaded(repository, "ssd-mobilenet-v2")


def loaded(repository: Repository, name: str) -> Model:
    model = Model(repository.find(name), Device())
    model.load()
    return model
