"""The project's own models with their real weights, loaded once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.models import detection, face
from serving.models.base import Device, Model
from serving.repository.scan import Repository

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repo"


@pytest.fixture(scope="session")
def repository(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A copy of the project's models, with the mirror at hand."""
    root = tmp_path_factory.mktemp("model_repo")
    shutil.copytree(
        REPOSITORY / "cpu", root / "cpu", ignore=shutil.ignore_patterns("[0-9]", "*.onnx")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEOM_MIRROR", str(data / "models"))
        yield Repository(root, "cpu")


def loaded(repository: Repository, name: str) -> Model[Any, Any, Any, Any]:
    config = repository.find(name)
    family = {"detection": detection, "face": face}[config.family]
    model: Model[Any, Any, Any, Any] = family.Model(config, Device())
    model.load()
    return model


@pytest.fixture(scope="session")
def yolox(repository: Repository) -> Model[Any, Any, Any, Any]:
    return loaded(repository, "yolox-nano")


@pytest.fixture(scope="session")
def nanodet(repository: Repository) -> Model[Any, Any, Any, Any]:
    return loaded(repository, "nanodet-m")


@pytest.fixture(scope="session")
def ssd(repository: Repository) -> Model[Any, Any, Any, Any]:
    return loaded(repository, "ssd-mobilenet-v2")


@pytest.fixture(scope="session")
def faces(repository: Repository) -> Model[Any, Any, Any, Any]:
    """YuNet and MobileFaceNet."""
    return loaded(repository, "faces")


@pytest.fixture(scope="session")
def rfb(repository: Repository) -> Model[Any, Any, Any, Any]:
    return loaded(repository, "faces-rfb-320")
