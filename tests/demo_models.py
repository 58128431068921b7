"""What the demo shows: the project's entries, random weights where need be, people to meet.

    python -m tests.demo_models REPOSITORY PEOPLE

Real weights of LLaVA and StyleGAN are large, or not ours to give; these are made in a second
and take the same path. The people are those of the test data, where it lies beside the
checkout; without it there are none.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.chat_models.repository import write_chat_model
from tests.synthesis_models.repository import write_synthesis_model

OURS = ("yolox-nano", "faces", "stories")
PEOPLE = {"Barack Obama": ("obama.jpg", "obama3.jpg"), "Joe Biden": ("biden.jpg",)}
ROOT = Path(__file__).resolve().parent.parent


def main(root: Path, people: Path) -> None:
    for name in OURS:  # weights fetched by an earlier demo stay
        entry = ROOT / "model_repo" / "cpu" / name
        shutil.copytree(entry, root / "cpu" / name, dirs_exist_ok=True)
    shutil.rmtree(root / "cpu" / "llava-random", ignore_errors=True)
    write_chat_model(root, "llava").rename(root / "cpu" / "llava-random")
    write_synthesis_model(root, "stylegan2", called="stylegan-random")
    write_people(people)


def write_people(folder: Path) -> None:
    """A folder for each person; photographs are linked, for they are not ours to copy."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    photographs = ROOT.parent / "shared" / "data" / "images" / "faces"
    for person, names in PEOPLE.items() if photographs.is_dir() else ():
        (folder / person).mkdir()
        for name in names:
            (folder / person / name).symlink_to(photographs / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
