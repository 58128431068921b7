"""The entry as a replica has it: loaded by the family, asked through the family's own types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serving.models.base import Device
from serving.models.synthesis import Model
from serving.models.synthesis.types import Drawing, Look, Origin
from serving.repository.config import read
from serving.timing import Timeline

Pictures = NDArray[np.uint8]

NAME: Final = "island-stylegan"
_BATCH: Final = 16


class Served:
    """The generator of a folder with a model.yaml; pictures are (n, 64, 64, 3) uint8."""

    def __init__(self, entry: Path) -> None:
        self._config = read(entry / "model.yaml", entry.parent.name)[0]
        self._model = Model(self._config, Device())
        self._model.load()

    def bounds(self, name: str) -> tuple[float, float]:
        """The strengths a slider may be asked for."""
        bounds: tuple[float, float] = self._config.options.attributes[name].bounds
        return bounds

    def drawn(
        self, seeds: Iterable[int], psi: float | None = None
    ) -> tuple[NDArray[np.float32], Pictures]:
        """Where the pictures of seeds lie in W, (n, w_dim), and the pictures; `psi` is the
        entry's own unless one is given."""
        latents, images = self._painted([Drawing(Origin(seed), Look(psi=psi)) for seed in seeds])
        return latents[:, 0], images

    def steered(self, seeds: Sequence[int], name: str, strengths: NDArray[Any]) -> Pictures:
        """The pictures of seeds, each with a slider at its strength."""
        looks = [Look(attributes={name: float(each)}) for each in strengths]
        pairs = zip(seeds, looks, strict=True)
        return self._painted([Drawing(Origin(int(seed)), look) for seed, look in pairs])[1]

    def _painted(self, drawings: list[Drawing]) -> tuple[NDArray[np.float32], Pictures]:
        latents, images = [], []
        for start in range(0, len(drawings), _BATCH):
            time = Timeline()
            prepared = [
                self._model.prepare(each, time) for each in drawings[start : start + _BATCH]
            ]
            for painted in self._model.run(prepared, time):
                latents.append(painted.latent)
                images.append(painted.pixels)
        return np.stack(latents), np.stack(images)
