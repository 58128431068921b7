"""The trained networks as entries of the repository: ONNX files, and the model.yaml that names
them."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from model_repo.island.faces.detector import Detector, YuNetOutputs
from model_repo.island.faces.embedder import SIZE, Embedder

FACES: Final = "island-face"
EMBEDDER: Final = "island-face-embedder"
# Of one face's shorter side, in pixels of the original: the island's people are told apart by
# colours and shapes that smaller faces do not show.
MIN_SIZE: Final = 12

_OPSET: Final = 17
_FACES: Final = """\
# Faces on pictures of the island, with five landmarks each, and 128 numbers that tell people
# apart; made by `python -m model_repo.island train faces`.
family: face
weights:
  - {{part: detector, file: 1/detector.onnx, sha256: {detector}, licence: Apache-2.0}}
  - {{part: embedder, file: 1/embedder.onnx, sha256: {embedder}, licence: Apache-2.0}}
detector:
  kind: yunet
  # The size of the world's photographs: in larger ones faces are as large a part.
  input: {{size: [320, 320], resize: fit, filter: area}}
  thresholds: {{score: {score:.2f}, iou: 0.4}}
embedder: {{size: {size}, threshold: {threshold:.2f}, min_size: {min_size}}}
gallery: {{}}  # SEOM_GALLERY_URL, or a file of SQLite
batching: {{max_batch_size: 8, max_queue_delay_ms: 0}}
resources: {{replicas: 1, cpus: 1, gpus: 0}}
limits: {{queue: 16, image_bytes: 20MiB, pixels: 24M}}
default: true
"""
_EMBEDDER: Final = """\
# Face embeddings alone, of {size}×{size} aligned faces: RGB of 0 … 255, 128 numbers out; made by
# `python -m model_repo.island train faces`.
family: tensor
weights: {{file: 1/embedder.onnx, sha256: {embedder}, licence: Apache-2.0}}
batching: {{max_batch_size: 16, max_queue_delay_ms: 1}}
resources: {{replicas: 1, cpus: 1, gpus: 0}}
limits: {{queue: 64}}
"""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on a find is a face, and from which cosine on two are one person's."""

    score: float = 0.5
    cosine: float = 0.4


def write_embedder(network: Embedder, root: Path) -> None:
    """Writes the embedder's own entry but its card."""
    folder = root / EMBEDDER
    data = embedder_onnx(network)
    _put(folder / "1" / "embedder.onnx", data)
    (folder / "model.yaml").write_text(_EMBEDDER.format(embedder=_digest(data), size=SIZE))


def write_faces(detector: Detector, root: Path, thresholds: Thresholds) -> None:
    """Writes the entry of both parts but its card; the embedder is that of its own entry."""
    folder = root / FACES
    embedder = (root / EMBEDDER / "1" / "embedder.onnx").read_bytes()
    data = detector_onnx(detector)
    _put(folder / "1" / "detector.onnx", data)
    _put(folder / "1" / "embedder.onnx", embedder)
    config = _FACES.format(
        detector=_digest(data),
        embedder=_digest(embedder),
        score=thresholds.score,
        threshold=thresholds.cosine,
        size=SIZE,
        min_size=MIN_SIZE,
    )
    (folder / "model.yaml").write_text(config)


def embedder_onnx(network: Embedder) -> bytes:
    """The file that takes `faces` [n, 3, 64, 64] and gives `embeddings` [n, 128]."""
    free = {"faces": {0: "batch"}, "embeddings": {0: "batch"}}
    return _to_onnx(network, torch.zeros(2, 3, SIZE, SIZE), ["embeddings"], "faces", free)


def detector_onnx(network: Detector) -> bytes:
    """The file that takes `pictures` [n, 3, height, width] and gives YuNet's twelve outputs."""
    free = {name: {0: "batch", 1: f"cells_{name[-2:].strip('_')}"} for name in YuNetOutputs.NAMES}
    free["pictures"] = {0: "batch", 2: "height", 3: "width"}
    outputs = YuNetOutputs(network)
    return _to_onnx(outputs, torch.zeros(2, 3, 64, 96), YuNetOutputs.NAMES, "pictures", free)


def _to_onnx(
    network: nn.Module,
    example: Tensor,
    outputs: Sequence[str],
    name: str,
    free: dict[str, dict[int, str]],
) -> bytes:
    file = io.BytesIO()
    network = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with warnings.catch_warnings():
        # torch's newer exporter needs onnxscript, and gives the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (example,),
            file,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=_OPSET,
            input_names=[name],
            output_names=list(outputs),
            dynamic_axes=free,
        )
    return file.getvalue()


def _put(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
