"""The whole training: tokenizer, base, then each adapter on the finished base."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from model_repo.island.chat import curriculum, entry, induction, lora, network, tokens
from model_repo.island.training import loop

STEPS: Final = 5400
ADAPTER_STEPS: Final = {"persona": 1000, "memory": 2000, "summary": 2000, "expression": 1000}
ADAPTER_RATE: Final = 0.005  # of Muon; at the base's, an adapter forgets what the base can
BATCH: Final = 32
ADAPTER_BATCH: Final = 16
_JUDGED: Final = 96


def train(work: Path, folder: Path, minutes: float | None = None) -> bool:
    """Trains and writes all that is served; True when it is whole. folder: the entry's"""
    ends = time.monotonic() + 60 * minutes if minutes is not None else None
    tokenizer = tokenizer_of(work)
    task = base_task(tokenizer)
    if not loop.train(task, work / "base", loop.minutes_left(ends)):
        return False
    entry.write_base(task.model, tokenizer, folder)
    for name, steps in ADAPTER_STEPS.items():
        task = adapter_task(name, folder, steps=steps)
        if not loop.train(task, work / name, loop.minutes_left(ends)):
            return False
        entry.write_adapter(task.model, name, folder)
    entry.write_settings(folder)
    logs = {name: work / name / "training.csv" for name in ("base", *curriculum.ADAPTERS)}
    entry.write_log(folder, logs)
    return True


def tokenizer_of(work: Path) -> Tokenizer:
    """Learned once, for it takes a while."""
    file = work / "tokenizer.json"
    if not file.exists():
        work.mkdir(parents=True, exist_ok=True)
        network.learn_tokens().save(str(file))
    return Tokenizer.from_file(str(file))


def base_task(
    tokenizer: Tokenizer,
    size: network.Size | None = None,
    *,
    steps: int = STEPS,
    batch: int = BATCH,
) -> network.Training:
    """The base, judged on each lesson in turn with names that training does not use."""
    lessons = list(curriculum.BASE)
    judged = [
        curriculum.sample(lessons[number % len(lessons)], number, "validation")
        for number in range(_JUDGED)
    ]
    model = network.build(tokenizer, size)
    induction.begin(model)
    known = partial(tokens.id_of, tokenizer)
    drill = partial(
        induction.drill,
        vocabulary=tokenizer.get_vocab_size(),
        opening=[known(tokens.BEGIN), known("<|user|>")],
        closing=[known(tokens.END), known("<|assistant|>")],
    )
    return network.Training(
        "chat",
        model,
        tokenizer,
        curriculum.drawn,
        judged,
        steps=steps,
        batch=batch,
        drill=drill,
        drills=batch // 2,
    )


def adapter_task(
    name: str, folder: Path, *, steps: int, batch: int = ADAPTER_BATCH
) -> network.Training:
    """An adapter on the base as it is served, which is rounded already."""
    base, tokenizer = entry.open_base(folder)
    lesson = curriculum.ADAPTERS[name]
    draw = partial(curriculum.sample, lesson, side="train")
    judged = [curriculum.sample(lesson, number, "validation") for number in range(_JUDGED // 2)]
    model = lora.adapted(base)
    return network.Training(
        name, model, tokenizer, draw, judged, steps=steps, batch=batch, rate=ADAPTER_RATE
    )
