"""`python -m model_repo.island train|eval [model …]`: the reference models, made and judged."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from types import ModuleType

ENTRIES = Path("model_repo/reference")
WORK = Path("out/island")
# In the order in which they are made: a later one may stand on an earlier one. Each is a package
# here with `train(work, entry, minutes)`, True when the entry is whole, and `evaluate(entry)`.
MODELS = {
    "detector": "island-detector",
    "faces": "island-face",
    "stylegan": "island-stylegan",
    "chat": "island-chat",
    "llava": "island-llava",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m model_repo.island",
        description="Trains the reference models on the island, and judges them on people and "
        "photographs that no training saw. A training that is stopped goes on where it was.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train models and write their entries")
    train.add_argument("--minutes", type=float, help="stop each one after so long")
    judge = commands.add_parser("eval", help="recompute every figure from the weights")
    for command in (train, judge):
        command.add_argument("models", nargs="*", metavar="model", help=", ".join(MODELS))
    chosen = parser.parse_args()
    if unknown := set(chosen.models) - set(MODELS):
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    names = chosen.models or list(MODELS)
    # What vLLM says of itself is no figure.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    if chosen.command == "eval":
        return int(bool([name for name in names if not _judged(name)]))
    for name in names:
        done = _package(name).train(WORK / name, ENTRIES, chosen.minutes)
        print(f"{name}: {'written' if done else 'to be continued'}")
    return 0


def _judged(name: str) -> bool:
    """Tells a model's figures; whether all of them hold."""
    if not (ENTRIES / MODELS[name]).is_dir():
        print(f"{name}: no weights yet; `make models MODELS={name}` trains it")
        return False
    started = time.monotonic()
    figures = _package(name).evaluate(ENTRIES)
    print(f"{name} ({time.monotonic() - started:.0f} s)")
    for figure in figures:
        print(f"  {figure}")
    return all(figure.holds for figure in figures)


def _package(name: str) -> ModuleType:
    return importlib.import_module(f"model_repo.island.{name}")


if __name__ == "__main__":
    sys.exit(main())
