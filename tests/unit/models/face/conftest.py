from __future__ import annotations

import pytest

from serving.models.base import Device
from serving.models.face import Model
from serving.repository.scan import Repository


def _load(repository: Repository, name: str) -> Model:
    model = Model(repository.find(name), Device())
    model.load()
    return model


@pytest.fixture(scope="session")
def faces(repository: Repository) -> Model:
    """YuNet and MobileFaceNet."""
    return _load(repository, "faces")


@pytest.fixture(scope="session")
def rfb(repository: Repository) -> Model:
    return _load(repository, "faces-rfb-320")
