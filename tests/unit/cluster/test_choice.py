"""Which models a cluster is started with, and what is said of names nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.cluster.choice import chosen
from serving.cluster.settings import Settings
from serving.repository.config import ConfigError
from tests.small_models import write_repository


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_repository(tmp_path_factory.mktemp("repository"))
    settings = root / "cpu" / "flags" / "model.yaml"
    settings.write_text(settings.read_text() + "enabled: false\n")
    return root


def names(repository: Path, *models: str, profile: str = "cpu") -> list[str]:
    return [model.name for model in chosen(Settings(repository, profile, models))]


def test_all_that_are_enabled(repository: Path) -> None:
    found = names(repository)
    assert "identity" in found and "flags" not in found


def test_those_that_were_named_and_all_their_versions(repository: Path) -> None:
    assert names(repository, "flags", "versions") == ["flags", "versions", "versions"]


def test_an_unknown_name_brings_those_that_are_known(repository: Path) -> None:
    with pytest.raises(ConfigError, match=r"no model 'flag' in profile cpu .* there are .*flags"):
        names(repository, "flag")


def test_a_name_of_another_profile(repository: Path) -> None:
    with pytest.raises(ConfigError, match="profile cpu has it: --profile cpu"):
        names(repository, "identity", profile="gpu")


def test_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    with pytest.raises(ConfigError, match="no models in"):
        names(tmp_path)
