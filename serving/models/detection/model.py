"""Detection: decode and resize a picture, run the network, keep the best boxes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from serving.errors import FailedPrecondition, InvalidArgument
from serving.images.decode import decode
from serving.images.picture import Picture
from serving.models import base
from serving.models.base import Array, Signature, Tensors, TensorSpec
from serving.models.boxes import suppress
from serving.models.detection.decoders import DECODERS
from serving.models.detection.labels import Labels
from serving.models.detection.preprocess import Preprocessor
from serving.models.detection.types import Detections, Query
from serving.repository import weights
from serving.runtimes.onnx import OnnxSession
from serving.runtimes.torch_detr import DetrSession
from serving.timing import Stage, Timeline

_INPUTS = (
    TensorSpec("image", "BYTES", (1,)),
    TensorSpec("min_score", "FP32", (1,), optional=True),
    TensorSpec("max_overlap", "FP32", (1,), optional=True),
    TensorSpec("labels", "BYTES", (-1,), optional=True),
    TensorSpec("max_results", "INT32", (1,), optional=True),
)
_OUTPUTS = (
    TensorSpec("boxes", "FP32", (-1, 4)),
    TensorSpec("scores", "FP32", (-1,)),
    TensorSpec("class_ids", "INT64", (-1,)),
    TensorSpec("labels", "BYTES", (-1,)),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What one request wants kept, with the model's own settings filled in.

    max_overlap: None suppresses nothing
    classes: (number of labels,) bool, or None for all of them
    """

    min_score: float
    max_overlap: float | None
    classes: NDArray[np.bool_] | None
    max_results: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """tensor: (1, …), as the network takes it; size: (width, height) of the upright original."""

    tensor: Array
    size: tuple[int, int]
    wish: Wish


class Model(base.Model[Query, Prepared, Sequence[Array], Detections]):
    """An output is the network's outputs for one picture, without batch dimension."""

    def load(self) -> None:
        options = self.config.options
        self._labels = Labels.read(self.config.folder / options.labels)
        self._session = self._open()
        network = self._session.signature
        try:
            self._preprocess = Preprocessor.fitting(options.input, network.inputs)
            self._decode = DECODERS[options.decoder](
                options.input.size, len(self._labels), network.outputs
            )
        except ValueError as error:
            raise FailedPrecondition(
                f"model {self.config.name}: {error}", reason="WEIGHTS"
            ) from None

    @property
    def signature(self) -> Signature:
        return Signature(_INPUTS, _OUTPUTS, platform=self._session.signature.platform)

    @property
    def batchable(self) -> bool:
        return self._session.signature.batched

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Query:
        labels = tensors.get("labels", ())
        try:
            names = tuple(label.decode() for label in labels)
        except UnicodeDecodeError:
            raise InvalidArgument.field("labels", "must be UTF-8 text") from None
        return Query(
            picture=Picture(encoded=tensors["image"][0]),
            min_score=_scalar(tensors, "min_score"),
            max_overlap=_scalar(tensors, "max_overlap"),
            labels=names,
            max_results=int(_scalar(tensors, "max_results") or 0),
        )

    def prepare(self, item: Query, timeline: Timeline) -> Prepared:
        wish = self._wish(item)
        limits = self.config.limits
        decoded = decode(
            item.picture,
            max_bytes=limits.image_bytes,
            max_pixels=limits.pixels,
            max_seconds=limits.decode_s,
            enough=self._preprocess.enough,
        )
        timeline.mark(Stage.DECODE)
        tensor = self._preprocess(decoded.pixels, decoded.size)
        timeline.mark(Stage.PREPROCESS)
        return Prepared(tensor, decoded.size, wish)

    def run(self, batch: Sequence[Prepared], timeline: Timeline) -> Sequence[Sequence[Array]]:
        name = self._session.signature.inputs[0].name
        tensors = [prepared.tensor for prepared in batch]
        stacked = tensors[0] if len(tensors) == 1 else np.concatenate(tensors)
        outputs = self._session.run({name: stacked}, timeline).values()
        # Some weights answer in half precision, which is too coarse for pixels.
        full = [output.astype(np.float32, copy=False) for output in outputs]
        return [[output[index] for output in full] for index in range(len(batch))]

    def finish(self, prepared: Prepared, output: Sequence[Array], timeline: Timeline) -> Detections:
        wish = prepared.wish
        found = self._decode(output, wish.min_score)
        boxes, scores, class_ids = found.boxes, found.scores, found.class_ids
        if wish.classes is not None:
            wanted = wish.classes[class_ids]
            boxes, scores, class_ids = boxes[wanted], scores[wanted], class_ids[wanted]
        kept = suppress(
            boxes,
            scores,
            None if self.config.options.thresholds.agnostic else class_ids,
            max_overlap=wish.max_overlap,
            limit=wish.max_results,
        )
        boxes, scores, class_ids = boxes[kept], scores[kept], class_ids[kept]
        boxes, visible = self._on_original(boxes, prepared.size)
        class_ids = class_ids[visible]
        result = Detections(
            boxes=boxes[visible],
            scores=scores[visible],
            class_ids=class_ids,
            labels=tuple(self._labels.names[index] for index in class_ids),
            size=prepared.size,
        )
        timeline.mark(Stage.POSTPROCESS)
        return result

    def tensors(self, result: Detections) -> Tensors:
        return {
            "boxes": result.boxes,
            "scores": result.scores,
            "class_ids": result.class_ids,
            "labels": self._labels.encoded[result.class_ids],
        }

    def example(self, seed: int = 0) -> Query:
        """A JPEG of 640×480 with five shaded balls, which detectors take for something."""
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:480, 0:640]
        pixels = np.stack([x * 255 // 639, y * 255 // 479, (x + y) % 256], axis=2).astype(np.uint8)
        for _ in range(5):
            centre_x, centre_y, radius = random.integers([80, 80, 30], [560, 400, 80])
            distance = ((x - centre_x) ** 2 + (y - centre_y) ** 2) / radius**2
            ball = distance < 1
            shade = 1 - 0.8 * distance[ball]
            pixels[ball] = shade[:, None] * random.integers(60, 256, 3)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG")
        return Query(Picture(encoded=file.getvalue()), min_score=0.05)

    def _open(self) -> OnnxSession | DetrSession:
        path = weights.ensure(self.config)
        if self.config.options.runtime == "transformers":
            config, size = self.config.folder / "config.json", self.config.options.input.size
            return DetrSession(path, config, size, self.device)
        return OnnxSession(path, self.device)

    def _wish(self, item: Query) -> Wish:
        options = self.config.options
        score, iou = options.thresholds.score, options.thresholds.iou
        if item.max_results < 0:
            raise InvalidArgument.field("max_results", "must not be negative")
        return Wish(
            min_score=score if item.min_score is None else _share("min_score", item.min_score),
            max_overlap=iou
            if item.max_overlap is None
            else _share("max_overlap", item.max_overlap),
            classes=self._labels.chosen(item.labels),
            max_results=min(item.max_results or options.max_results, options.max_results),
        )

    def _on_original(
        self, boxes: NDArray[np.float32], size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Boxes in pixels of the original, and which of them lie on it at all."""
        scale = np.array(self._preprocess.to_original(size) * 2, np.float32)
        corner = np.array(self._preprocess.corner(size) * 2, np.float32)
        boxes = np.clip((boxes - corner) * scale, 0, np.array(size * 2, np.float32))
        visible: NDArray[np.bool_] = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        return boxes, visible


def _scalar(tensors: Tensors, name: str) -> Any:
    return tensors[name].item() if name in tensors else None


def _share(field: str, value: float) -> float:
    if not 0 <= value <= 1:  # false for NaN, too
        raise InvalidArgument.field(field, "must be between 0 and 1")
    return float(value)
