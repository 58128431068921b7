"""Embeddings: aligned faces to vectors of length 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition
from serving.models.face.align import Aligned, Source, align
from serving.models.face.options import Embedder as EmbedderOptions
from serving.models.face.preprocess import Normaliser
from serving.models.face.quality import sharpness
from serving.runtimes.onnx import OnnxSession
from serving.timing import Stage, Timeline

_AT_ONCE = 32  # faces; a crop and what the network makes of it take a few megabytes


class Embedder:
    """One loaded network; `dimension` is the length of its vectors.

    Raises FailedPrecondition for weights that are not what the options say.
    """

    def __init__(self, options: EmbedderOptions, session: OnnxSession) -> None:
        self.side = options.size
        self._session = session
        self._normalise = Normaliser(options)
        inputs, outputs = session.signature.inputs, session.signature.outputs
        wanted = (3, self.side, self.side)
        if (
            len(inputs) != 1
            or len(inputs[0].shape) != 4
            or any(a not in (-1, b) for a, b in zip(inputs[0].shape[1:], wanted, strict=True))
            or len(outputs) != 1
        ):
            raise FailedPrecondition(
                "the embedder's weights do not fit: they must have one input (1, 3, "
                f"{self.side}, {self.side}) and one output",
                reason="WEIGHTS",
            )
        trial = np.zeros((1, 3, self.side, self.side), np.float32)
        self.dimension = self._run(trial, Timeline()).shape[1]

    def __call__(
        self, sources: Sequence[Source], mirrored: Sequence[bool], timeline: Timeline
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings (n, dimension), of length 1, and the sharpness (n,) of n faces.

        mirrored: of which faces the mirror image counts as well: the mean of both vectors
            of length 1, brought back to length 1
        Rows are NaN where the network gave nothing that could be brought to length 1.
        """
        vectors = np.empty((len(sources), self.dimension), np.float32)
        sharp = np.empty(len(sources), np.float32)
        for part, aligned in parts(sources, self.side):
            sharp[part] = sharpness(aligned)
            vectors[part] = self._embed(aligned.crops, np.array(mirrored[part]), timeline)
            timeline.mark(Stage.POSTPROCESS)
        return vectors, sharp

    def _embed(
        self, crops: NDArray[np.float32], mirrored: NDArray[np.bool_], timeline: Timeline
    ) -> NDArray[np.float32]:
        vectors = _unit(self._run(crops, timeline))
        if mirrored.any():
            others = _unit(self._run(crops[mirrored][..., ::-1], timeline))
            vectors[mirrored] = _unit(vectors[mirrored] + others)
        return vectors

    def _run(self, crops: NDArray[np.float32], timeline: Timeline) -> NDArray[np.float32]:
        # A copy with a channel a row, as the normaliser has them.
        rows = crops[:, self._normalise.planes].reshape(len(crops), 3, -1)
        tensor = self._normalise(rows).reshape(crops.shape)
        timeline.mark(Stage.PREPROCESS)
        name = self._session.signature.inputs[0].name
        batches: Sequence[NDArray[np.float32]] = [tensor]
        if not self._session.signature.batched:
            batches = np.split(tensor, len(tensor))
        outputs = [
            next(iter(self._session.run({name: batch}, timeline).values())) for batch in batches
        ]
        return np.concatenate(outputs).reshape(len(crops), -1).astype(np.float32, copy=False)


def parts(
    sources: Sequence[Source], side: int, *, grey: bool = False
) -> Iterator[tuple[slice, Aligned]]:
    """The faces cut out, so many at once as memory should hold."""
    for start in range(0, len(sources), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        yield part, align(sources[part], side, grey=grey)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result
