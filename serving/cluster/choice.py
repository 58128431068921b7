"""Which models a cluster is started with."""

from __future__ import annotations

from serving.cluster.settings import Settings
from serving.repository.config import PROFILES, ConfigError, ModelConfig
from serving.repository.scan import Repository


def chosen(settings: Settings) -> list[ModelConfig]:
    """Those that were named, all versions of them; else every enabled one of the profile.

    Raises ConfigError for names the profile does not have, and where nothing is left.
    """
    every = Repository(settings.repository, settings.profile).models()
    configs = [config for config in every if config.enabled and not settings.models]
    for name in settings.models:
        meant = [config for config in every if name in (config.name, config.application)]
        if not meant:
            known = ", ".join(sorted({config.name for config in every})) or "none"
            raise ConfigError(
                f"no model {name!r} in profile {settings.profile} of {settings.repository}; "
                + (_elsewhere(name, settings) or f"there are {known}")
            )
        configs += meant
    if not configs:
        raise ConfigError(f"no models in {settings.repository / settings.profile}")
    return configs


def _elsewhere(name: str, settings: Settings) -> str | None:
    for profile in PROFILES:
        if (settings.repository / profile / name / "model.yaml").is_file():
            return f"profile {profile} has it: --profile {profile}"
    return None
