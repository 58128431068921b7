"""Where the faces are: the detector's network, its decoder, and suppression."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.errors import FailedPrecondition
from serving.models.base import Array
from serving.models.boxes import suppress
from serving.models.face.detectors import DETECTORS, Candidates
from serving.models.face.options import Detector
from serving.models.face.preprocess import Preprocessor, Size
from serving.runtimes.onnx import OnnxSession
from serving.timing import Timeline

# Of more candidates the best are enough; the lowest thresholds would bring thousands.
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Located:
    """The faces on one picture, best first, in pixels of the upright original.

    boxes: (n, 4) float32, within the picture; scores: (n,) float32
    landmarks: (n, 5, 2) float32, perhaps outside the picture; None from detectors without
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None

    @property
    def sides(self) -> NDArray[np.float32]:
        """(n,) float32: the shorter side of each box."""
        sides: NDArray[np.float32] = (self.boxes[:, 2:] - self.boxes[:, :2]).min(axis=1)
        return sides

    @property
    def areas(self) -> NDArray[np.float32]:
        areas: NDArray[np.float32] = (self.boxes[:, 2:] - self.boxes[:, :2]).prod(axis=1)
        return areas

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Located:
        landmarks = None if self.landmarks is None else self.landmarks[chosen]
        return Located(self.boxes[chosen], self.scores[chosen], landmarks)


class Locator:
    """One loaded detector.

    Raises FailedPrecondition for weights that are not what the options say.
    """

    def __init__(self, options: Detector, session: OnnxSession, most_rows: int) -> None:
        self.prepare = Preprocessor(options.input)
        self._session = session
        self._most_rows = most_rows if session.signature.batched else 1
        inputs = session.signature.inputs
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in (-1, 3):
            raise _unfit(f"a detector has one input (1, 3, height, width), not {inputs}")
        width, height = options.input.size
        free = options.input.resize == "fit"
        for side, due in zip(inputs[0].shape[2:], (height, width), strict=True):
            if side != -1 if free else side not in (-1, due):
                raise _unfit(
                    f"input.size {width}×{height} with resize: {options.input.resize} is not "
                    f"what the weights take ({inputs[0].shape})"
                )
        try:
            self._decode = DETECTORS[options.kind](session.signature.outputs)
            self._try(self.prepare(np.zeros((height, width, 3), np.uint8), (width, height)))
        except ValueError as error:
            raise _unfit(str(error)) from None
        self.landmarks = self._decode.landmarks

    def run(
        self, tensors: Sequence[NDArray[np.float32]], timeline: Timeline
    ) -> list[Sequence[Array]]:
        """Each picture's raw outputs, without batch dimension.

        Pictures of equal shape run together, at most so many as a batch has rows.
        """
        groups: dict[Hashable, list[int]] = {}
        for index, tensor in enumerate(tensors):
            groups.setdefault(tensor.shape, []).append(index)
        results: list[Sequence[Array]] = [()] * len(tensors)
        for group in groups.values():
            for start in range(0, len(group), self._most_rows):
                part = group[start : start + self._most_rows]
                outputs = self._run([tensors[index] for index in part], timeline)
                for index, output in zip(part, outputs, strict=True):
                    results[index] = output
        return results

    def decode(
        self,
        outputs: Sequence[Array],
        shape: tuple[int, ...],
        size: Size,
        *,
        min_score: float,
        max_overlap: float,
    ) -> Located:
        """The faces on one picture of `size`, of the outputs for its input of `shape`."""
        found = _best(self._decode(outputs, (shape[3], shape[2]), min_score))
        kept = suppress(found.boxes, found.scores, max_overlap=max_overlap, limit=_MOST)
        scale = np.array(self.prepare.to_original(size), np.float32)
        boxes = np.clip(found.boxes[kept] * np.tile(scale, 2), 0, np.array(size * 2, np.float32))
        landmarks = None if found.landmarks is None else found.landmarks[kept] * scale
        visible = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        return Located(boxes, found.scores[kept], landmarks)[visible]

    def _run(
        self, tensors: Sequence[NDArray[np.float32]], timeline: Timeline
    ) -> list[Sequence[Array]]:
        stacked = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
        name = self._session.signature.inputs[0].name
        outputs = list(self._session.run({name: stacked}, timeline).values())
        if not self._session.signature.batched:
            return [outputs]
        return [[output[index] for output in outputs] for index in range(len(tensors))]

    def _try(self, tensor: NDArray[np.float32]) -> None:
        """Only a run shows whether outputs of free size are what the decoder expects."""
        (outputs,) = self._run([tensor], Timeline())
        self._decode(outputs, (tensor.shape[3], tensor.shape[2]), 1.0)


def _best(found: Candidates) -> Candidates:
    if len(found.scores) <= _MOST:
        return found
    best = np.argpartition(-found.scores, _MOST)[:_MOST]
    landmarks = None if found.landmarks is None else found.landmarks[best]
    return Candidates(found.boxes[best], found.scores[best], landmarks)


def _unfit(problem: str) -> FailedPrecondition:
    return FailedPrecondition(f"the detector's weights do not fit: {problem}", reason="WEIGHTS")
