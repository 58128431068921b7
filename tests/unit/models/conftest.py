from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.models.base import Device
from serving.models.detection import Model
from serving.repository.scan import Repository

REPOSITORY = Path(__file__).resolve().parents[3] / "model_repo"


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


@pytest.fixture(scope="session")
def yolox(repository: Repository) -> Model:
    model = Model(repository.find("yolox-nano"), Device())
    model.load()
    return model
