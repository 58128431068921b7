"""The world's pictures kept on disk, so that many trainings draw each of them once.

Kept are the pixels alone and the truth as JSON beside them. The folder may be thrown away at
any time; what is missing is drawn again, and is the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

CACHE = Path(os.environ.get("SEOM_ISLAND_CACHE", "out/island/pictures"))
_CHUNK = 500  # pictures of one file, the unit that is drawn or there

# One picture, uint8 [height, width, 3], and what a training needs to know of it, as JSON.
Drawn = tuple[np.ndarray, dict[str, Any]]
Draw = Callable[[int], Drawn]


class Pictures:
    """`count` pictures that `draw` makes of the seeds from `first` on.

    name: of the kind of picture; another `draw` or another size is another name
    draw: a function at the top of a module, for it runs in processes of its own

    `images[i]` is uint8 [height, width, 3], `truths[i]` is what `draw` told of it.
    """

    def __init__(self, name: str, draw: Draw, first: int, count: int) -> None:
        starts = range(first, first + count, _CHUNK)
        files = [CACHE / name / f"{start}.npy" for start in starts]
        missing = [
            (draw, start, file)
            for start, file in zip(starts, files, strict=True)
            if not file.with_suffix(".json").exists()
        ]
        if missing:
            (CACHE / name).mkdir(parents=True, exist_ok=True)
            with ProcessPoolExecutor(os.cpu_count()) as pool:
                drawn = pool.map(_draw_chunk, missing)
                for _ in track(drawn, f"drawing {name}", total=len(missing)):
                    pass
        self.images = _Joined([np.load(file, mmap_mode="r") for file in files], count)
        self.truths: list[dict[str, Any]] = []
        for file in files:
            self.truths += json.loads(file.with_suffix(".json").read_text())
        del self.truths[count:]

    def __len__(self) -> int:
        return len(self.truths)


class _Joined(Sequence[np.ndarray]):
    def __init__(self, chunks: list[np.ndarray], count: int) -> None:
        self._chunks = chunks
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._chunks[index // _CHUNK][index % _CHUNK]


def _draw_chunk(work: tuple[Draw, int, Path]) -> None:
    draw, start, file = work
    images, truths = zip(*(draw(seed) for seed in range(start, start + _CHUNK)), strict=True)
    partial = file.with_suffix(f".{os.getpid()}.npy")
    np.save(partial, np.stack(images))
    partial.replace(file)
    partial = partial.with_suffix(".json")
    partial.write_text(json.dumps(truths))
    partial.replace(file.with_suffix(".json"))
