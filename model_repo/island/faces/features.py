"""What the committed embedder sees in portraits, as numbers to compare sets of pictures by."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from model_repo.island.faces.embedder import DIMENSION
from model_repo.island.faces.entry import EMBEDDER
from model_repo.island.faces.heads import crops
from model_repo.island.world.portraits import MIDDLE, UNIT
from serving.models.base import Device
from serving.runtimes.onnx import OnnxSession
from serving.timing import Timeline

ENTRIES: Final = Path(__file__).resolve().parents[2] / "reference"
# In halves of a face's height.
_FACE: Final = ((-0.4, -0.04), (0.4, -0.04), (0.0, 0.27), (-0.26, 0.495), (0.26, 0.495))
_AT_ONCE: Final = 256


def features(images: np.ndarray, entries: Path = ENTRIES) -> np.ndarray:
    """float32 [n, 128] of portraits, uint8 [n, side, side, 3], framed as the world frames them.

    What the embedder gives of each, its length included: how sure it is of a face is a part of
    what a picture is like. All are cut out at the same place, so that no detector decides what
    is compared.
    """
    landmarks = middling(images.shape[1])
    parts = [np.empty((0, DIMENSION), np.float32)]
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE]
        cut = crops(part, np.tile(landmarks, (len(part), 1, 1)))
        parts.append(embed(cut.numpy(), entries))
    return np.concatenate(parts)


def middling(side: int) -> np.ndarray:
    """Where a portrait's landmarks are, [5, 2], of a middling person who looks straight ahead."""
    return (np.array(MIDDLE) + UNIT * np.array(_FACE)) * side - 0.5


def embed(faces: np.ndarray, entries: Path = ENTRIES) -> np.ndarray:
    """float32 [n, 128] of aligned faces, float32 [n, 3, 64, 64] RGB of 0 … 255; of no certain
    length."""
    return np.asarray(_session(entries).run({"faces": faces}, Timeline())["embeddings"])


@lru_cache(maxsize=2)
def _session(entries: Path) -> OnnxSession:
    return OnnxSession(entries / EMBEDDER / "1" / "embedder.onnx", Device())
