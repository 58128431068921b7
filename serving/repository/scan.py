"""The repository as a whole: every model of some profiles, found by name.

model_repo/<profile>/<name>/model.yaml
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from serving.errors import InvalidArgument, NotFound
from serving.repository import config
from serving.repository.config import NAME, PROFILES, ConfigError, ModelConfig

_VERSION = re.compile(r"[1-9][0-9]{0,17}")


class Repository:
    """The models of a repository: read once, immutable, every version it serves.

    Raises ConfigError that lists every problem of every model.yaml at once.
    """

    def __init__(self, root: Path, profiles: str | Iterable[str] = PROFILES) -> None:
        self.root = root.resolve()
        self.profiles = (profiles,) if isinstance(profiles, str) else tuple(profiles)
        self._models = self._read()

    def models(self) -> tuple[ModelConfig, ...]:
        """Every version of every model, by profile and name, disabled ones included."""
        return self._models

    def find(self, name: str) -> ModelConfig:
        """The model of that name, or `name@version`; the latest version without one.

        Raises InvalidArgument for what is no model name at all, NotFound otherwise.
        """
        bare, at, version = name.partition("@")
        if not NAME.fullmatch(bare) or (at and not _VERSION.fullmatch(version)):
            raise InvalidArgument.field(
                "model_name",
                "must be a model's name in small letters, digits, dots, dashes and underscores, "
                "with @version or without",
                reason="MODEL_NAME",
            )
        versions = [model for model in self._models if model.name == bare]
        if not versions:
            known = ", ".join(sorted({model.name for model in self._models})) or "none"
            raise NotFound(f"no model {bare!r} here; there are: {known}", kind="model", name=bare)
        for model in versions:
            if model.latest if not at else model.version == version:
                return model
        served = ", ".join(model.version for model in versions)
        raise NotFound(
            f"model {bare!r} has no version {version} here; there are: {served}",
            kind="version",
            name=name,
        )

    def _read(self) -> tuple[ModelConfig, ...]:
        models: list[ModelConfig] = []
        places: dict[str, str] = {}
        problems: list[str] = []
        for profile in self.profiles:
            for folder in self._folders(profile, problems):
                try:
                    versions = config.read(folder / "model.yaml", profile)
                except ConfigError as error:
                    problems.append(str(error))
                    continue
                if (other := places.setdefault(folder.name, profile)) != profile:
                    problems.append(f"{folder}: profile {other} has a model of this name already")
                models.extend(versions)
        if problems:
            raise ConfigError("\n".join(problems))
        return tuple(models)

    def _folders(self, profile: str, problems: list[str]) -> Iterator[Path]:
        if profile not in PROFILES:
            problems.append(f"no profile {profile!r}; there are {', '.join(PROFILES)}")
            return
        place = self.root / profile
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            if folder.name.startswith((".", "__")) or not folder.is_dir():
                continue
            inside = (folder, folder / "model.yaml")
            if not all(path.resolve().is_relative_to(self.root) for path in inside):
                problems.append(f"{folder}: leads out of the repository")
            elif not (folder / "model.yaml").is_file():
                problems.append(f"{folder}: has no model.yaml")
            else:
                yield folder
