"""The entry as it is served: from a JPEG through detection and alignment to embeddings."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model_repo.island.detector.precision import overlaps
from model_repo.island.faces.entry import FACES
from serving.errors import InvalidArgument
from serving.images.picture import Picture
from serving.models.face.options import Options
from serving.models.face.types import Choice, Faces, Query, Task
from serving.replica.load import load_model
from serving.repository import config
from serving.timing import Timeline


class Served:
    """The face model of an entry, loaded by the code that serves it."""

    def __init__(self, root: Path) -> None:
        (settings, *_) = config.read(root / FACES / "model.yaml", "reference")
        assert isinstance(settings.options, Options)
        self.options = settings.options
        self._model: Any = load_model(settings)

    def look(
        self, image: np.ndarray, task: Task = "detect", choice: Choice = "all", **wish: Any
    ) -> Faces:
        """The faces on a picture, uint8 [height, width, 3], that comes as a JPEG.

        Raises InvalidArgument as the model does.
        """
        query = Query((Picture(encoded=jpeg(image)),), task, choice=choice, **wish)
        prepared = self._model.prepare(query, Timeline())
        (output,) = self._model.run([prepared], Timeline())
        faces: Faces = self._model.finish(prepared, output, Timeline()).pictures[0]
        return faces

    def enrolled(self, image: np.ndarray) -> np.ndarray | None:
        """The embedding of a portrait, float32 [128], held to all that a gallery wants of one
        (`serving.replica.gallery`); None where it would be refused."""
        gallery, embedder = self.options.gallery, self.options.embedder
        assert gallery is not None and embedder is not None
        least = max(gallery.min_size, embedder.min_size)
        try:
            faces = self.look(image, "embed", "only", min_size=least)
        except InvalidArgument:
            return None
        assert faces.embeddings is not None and faces.sharpness is not None
        sharp = faces.sharpness[0] >= gallery.min_sharpness
        return np.asarray(faces.embeddings[0]) if sharp else None


def jpeg(image: np.ndarray, quality: int = 85) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return file.getvalue()


def matched(boxes: np.ndarray, wanted: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """For each of `boxes` [n, 4], best first, the place of the face that it finds at an overlap
    of one half, -1 where it finds none or one that was found before; int64 [n]."""
    faces = np.asarray(wanted, np.float64).reshape(-1, 4)
    free = np.ones(len(faces), bool)
    result = np.full(len(boxes), -1)
    for place, box in enumerate(boxes):
        shared = overlaps(box, faces) * free
        if len(faces) and shared.max() >= 0.5:
            result[place] = shared.argmax()
            free[result[place]] = False
    return result
