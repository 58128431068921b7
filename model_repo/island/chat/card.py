"""What the chat model's card says about it: the text beside this file, with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model_repo.island.chat import entry, lora, tokens, trainer
from model_repo.island.training.cards import Figure, write_card

_ABOUT: Final = Path(__file__).with_suffix(".md")


def write(folder: Path, figures: Sequence[Figure]) -> None:
    base, _ = entry.open_base(folder)
    shape = base.config
    about = _ABOUT.read_text(encoding="utf-8").format(
        parameters=base.num_parameters(),
        layers=shape.num_hidden_layers,
        hidden=shape.hidden_size,
        heads=shape.num_attention_heads,
        key_heads=shape.num_key_value_heads,
        head=shape.hidden_size // shape.num_attention_heads,
        vocabulary=tokens.SIZE,
        context=tokens.CONTEXT,
        steps=trainer.STEPS,
        least=min(trainer.ADAPTER_STEPS.values()),
        most=max(trainer.ADAPTER_STEPS.values()),
        batch=trainer.BATCH,
        adapter_batch=trainer.ADAPTER_BATCH,
        rank=lora.RANK,
    )
    write_card(folder, entry.NAME, about, figures)
