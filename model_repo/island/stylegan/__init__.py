"""island-stylegan: draws portraits of people who do not exist, with sliders for their faces."""

from __future__ import annotations

import shutil
from pathlib import Path

from model_repo.island.stylegan import card, entry, sliders
from model_repo.island.stylegan.game import Game, Plan
from model_repo.island.stylegan.judging import evaluate
from model_repo.island.stylegan.portraits import Portraits
from model_repo.island.stylegan.served import NAME, Served
from model_repo.island.training import loop

__all__ = ["evaluate", "train"]


def train(work: Path, entry_root: Path, minutes: float | None = None) -> bool:
    """Trains, fits the sliders, then writes the entry, its figures and its card; True when all
    of that is done.

    work: where checkpoints are kept, and whence a training that was stopped goes on
    """
    plan, folder = Plan(), entry_root / NAME
    game = Game(
        plan, Portraits.kept("train", plan.portraits), Portraits.kept("validation", plan.checked)
    )
    if not loop.train(game, work, minutes):
        return False
    write(game, folder)
    shutil.copy(work / "training.csv", folder / "training.csv")
    card.write(game, folder, evaluate(entry_root))
    return True


def write(game: Game, folder: Path) -> None:
    """Writes what is served: the generator first without its sliders, which are fitted to it."""
    game.centre()
    arguments = game.plan.arguments
    entry.write(game.average, arguments, folder, sliders=False)
    sliders.fit(Served(folder), folder / "directions")
    entry.write(game.average, arguments, folder, sliders=True)
