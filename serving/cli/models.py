"""seom models and seom pull: the repository, and the weights its models need."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from serving.cluster.settings import DEFAULT_PROFILE, Settings
from serving.errors import ServingError
from serving.repository.config import PROFILES, ConfigError, ModelConfig
from serving.repository.scan import Repository
from serving.repository.weights import WeightsError, ensure

console = Console(stderr=True)


def add(subparsers: Any) -> None:
    models = subparsers.add_parser("models", help="list the models of a repository")
    models.set_defaults(run=_models)
    pull = subparsers.add_parser(
        "pull",
        help="fetch and verify weights",
        description="Takes weights from the model's folder, the mirror named by SEOM_MIRROR, "
        "or upstream, in this order, and checks their SHA-256.",
    )
    pull.add_argument("names", nargs="*", help="models; all of the profile when none is named")
    pull.set_defaults(run=_pull)
    for parser in (models, pull):
        parser.add_argument("--repo", type=Path, default=Settings.repository)
        parser.add_argument("--profile", choices=PROFILES, default=DEFAULT_PROFILE)


def _models(arguments: argparse.Namespace) -> int:
    table = Table(box=None)
    for column in ("model", "version", "family", "batch", "weights", "licence"):
        table.add_column(column)
    try:
        configs = Repository(arguments.repo, arguments.profile).models()
    except ConfigError as error:
        console.print(f"[red]seom models:[/] {error}")
        return 1
    for config in configs:
        files = [config.folder / weights.file for weights in config.weights]
        have = "here" if all(file.exists() for file in files) else "not fetched"
        licences = dict.fromkeys(weights.licence or "–" for weights in config.weights)
        batch = str(config.batching.max_batch_size)
        table.add_row(
            config.name,
            config.version,
            config.family,
            batch,
            have if files else "–",
            ", ".join(licences),
        )
    Console().print(table)
    return 0


def _pull(arguments: argparse.Namespace) -> int:
    try:
        repository = Repository(arguments.repo, arguments.profile)
        configs = (
            [repository.find(name) for name in arguments.names]
            if arguments.names
            else repository.models()
        )
        for config in configs:
            fetch(config)
    except (ConfigError, ServingError, WeightsError) as error:
        console.print(f"[red]seom pull:[/] {error}")
        return 1
    return 0


def fetch(config: ModelConfig) -> None:
    """Fetches one model's weights with a progress bar; raises WeightsError."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console) as progress:
        for weights in config.weights:
            name = f"{config.application} {weights.part}".rstrip()
            task = progress.add_task(name, total=None)
            ensure(config, weights.part, partial(_show, progress, task))


def _show(progress: Progress, task: TaskID, done: int, total: int | None) -> None:
    progress.update(task, completed=done, total=total)
