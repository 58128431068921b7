"""The model of the chat scenario where no other is named: stories260K of the repository."""

from __future__ import annotations

from pathlib import Path

from serving.errors import ServingError
from serving.repository.config import ConfigError
from serving.repository.scan import Repository
from serving.repository.weights import WeightsError, ensure
from serving.runtimes import llama2c

MODEL = "stories"


class NoStories(Exception):
    """The repository does not have the model, or its weights are not to be had."""


def write(repository: Path, folder: Path) -> None:
    """Puts the model into the folder, in Hugging Face's layout; raises NoStories."""
    try:
        config = Repository(repository, "cpu").find(MODEL)
        llama2c.convert(ensure(config, "weights"), ensure(config, "tokens"), folder)
    except (ConfigError, ServingError, WeightsError, ImportError) as error:
        raise NoStories(str(error)) from None
