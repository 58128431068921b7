"""The repository the demo serves: the project's entries, and a LLaVA of random weights.

    python -m tests.demo_models FOLDER

Real LLaVA weights are gigabytes; these are made in a second and take the same path.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.chat_models.repository import write_chat_model

OURS = ("yolox-nano", "faces", "stories")


def main(root: Path) -> None:
    entries = Path(__file__).resolve().parent.parent / "model_repo" / "cpu"
    for name in OURS:  # weights fetched by an earlier demo stay
        shutil.copytree(entries / name, root / "cpu" / name, dirs_exist_ok=True)
    shutil.rmtree(root / "cpu" / "llava-random", ignore_errors=True)
    write_chat_model(root, "llava").rename(root / "cpu" / "llava-random")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
