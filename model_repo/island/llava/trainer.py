"""The whole training: the tower alone, then projector and language model on what it sees."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from model_repo.island.chat import entry as chat
from model_repo.island.llava import entry, network
from model_repo.island.llava.album import Album
from model_repo.island.llava.seeing import Seeing
from model_repo.island.llava.telling import Telling
from model_repo.island.training import loop
from model_repo.island.training.photographs import photographs
from model_repo.island.world.splits import SPLITS

# Batches of the two parts, photographs in each, and those that the projector begins with.
SEEING: Final = 6000
SEEING_BATCH: Final = 32
ALIGNED: Final = 160
TELLING: Final = 5600
TELLING_BATCH: Final = 4
PHOTOGRAPHS: Final = 8000
_CHECKED: Final = 500


def train(work: Path, folder: Path, minutes: float | None = None) -> bool:
    """Trains and writes all that is served; True when it is whole. folder: the entry's

    SystemExit where the chat model, whose base this one speaks with, is not trained yet.
    """
    base_folder = folder.parent / chat.NAME
    if not (base_folder / "model.yaml").exists():
        raise SystemExit(
            f"{entry.NAME} speaks with the base of {chat.NAME}, which has no weights yet: "
            "python -m model_repo.island train chat"
        )
    ends = time.monotonic() + 60 * minutes if minutes is not None else None
    album, validation = album_of("train", PHOTOGRAPHS), album_of("validation", _CHECKED)
    seeing = Seeing(album, validation, steps=SEEING, batch=SEEING_BATCH)
    if not loop.train(seeing, work / "seeing", loop.minutes_left(ends)):
        return False
    base, tokenizer = chat.open_base(base_folder)
    model = network.build(seeing.tower, base, tokenizer)
    network.align(model, tokenizer, album.batch(0, min(ALIGNED, len(album)), seed=0))
    telling = Telling(model, tokenizer, album, validation, steps=TELLING, batch=TELLING_BATCH)
    if not loop.train(telling, work / "telling", loop.minutes_left(ends)):
        return False
    entry.write(telling.model, tokenizer, folder)
    logs = {name: work / name / "training.csv" for name in ("seeing", "telling")}
    chat.write_log(folder, logs)
    return True


def album_of(split: str, count: int) -> Album:
    return Album(photographs(split, count), SPLITS[split].seeds.start)
