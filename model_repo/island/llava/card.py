"""What the model's card says about it: the text beside this file, with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from model_repo.island.llava import entry, network, trainer
from model_repo.island.llava.views import GRID, PATCH, SIDE
from model_repo.island.training.cards import Figure, write_card

_ABOUT: Final = Path(__file__).with_suffix(".md")


def write(folder: Path, figures: Sequence[Figure]) -> None:
    model, _ = entry.open_model(folder)
    vision: Any = model.config.vision_config
    parts = model.model
    about = _ABOUT.read_text(encoding="utf-8").format(
        parameters=model.num_parameters(),
        tower=parts.vision_tower.num_parameters(),
        language=parts.language_model.num_parameters(),
        layers=vision.num_hidden_layers,
        hidden=vision.hidden_size,
        heads=vision.num_attention_heads,
        side=SIDE,
        patch=PATCH,
        grid=GRID,
        seats=network.SEATS,
        photographs=trainer.PHOTOGRAPHS,
        seeing=trainer.SEEING,
        seeing_batch=trainer.SEEING_BATCH,
        telling=trainer.TELLING,
        telling_batch=trainer.TELLING_BATCH,
    )
    write_card(folder, entry.NAME, about, figures)
