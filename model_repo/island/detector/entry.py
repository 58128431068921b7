"""The trained network as an entry of the repository: an ONNX file, its labels, its model.yaml."""

from __future__ import annotations

import hashlib
import tempfile
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from model_repo.island.detector.geometry import Cells
from model_repo.island.detector.network import STRIDES, Network
from model_repo.island.detector.truth import CLASSES, INPUT

NAME: Final = "island-detector"
# The family's own default; the card has the precision and the recall that it brings.
SCORE: Final = 0.35
_OPSET: Final = 17
_LARGE: Final = 256  # numbers in a tensor that is worth a cast

_CONFIG: Final = """\
# The island's things and people, on pictures of any size; made by `python -m model_repo.island`.
family: detection
decoder: yolov8
weights: {{file: 1/model.onnx, sha256: {sha256}, licence: Apache-2.0}}
labels: labels.txt
input: {{size: [{width}, {height}], resize: {input.resize}, filter: {input.filter}, channels: {input.channels}}}
thresholds: {{score: {score}, iou: 0.5}}
batching: {{max_batch_size: 8, max_queue_delay_ms: 0}}
resources: {{replicas: 1, cpus: 1, gpus: 0}}
limits: {{queue: 16, image_bytes: 20MiB, pixels: 24M}}
default: true
"""  # noqa: E501


def write(network: Network, entry: Path) -> None:
    """Writes all of the entry but its card and its training log."""
    (entry / "1").mkdir(parents=True, exist_ok=True)
    data = to_onnx(network)
    (entry / "1" / "model.onnx").write_bytes(data)
    (entry / "labels.txt").write_text("\n".join(CLASSES) + "\n")
    width, height = INPUT.size
    config = _CONFIG.format(
        sha256=hashlib.sha256(data).hexdigest(),
        width=width,
        height=height,
        input=INPUT,
        score=SCORE,
    )
    (entry / "model.yaml").write_text(config)


class Decoded(nn.Module):
    """A network with the arithmetic behind it, as YOLOv8's exports have it: float32
    [n, cells, 4 + classes] of a box's middle, its width and height in pixels, and scores."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._network = network
        cells = Cells.of(INPUT.size, STRIDES)
        self.register_buffer("middles", cells.middles)
        self.register_buffer("strides", cells.strides)

    def forward(self, pictures: Tensor) -> Tensor:
        sides, logits = self._network(pictures)
        before, behind = (sides * self.strides).split(2, -1)
        middles = self.middles + (behind - before) / 2
        return torch.cat([middles, before + behind, logits.sigmoid()], -1)


def to_onnx(network: Network) -> bytes:
    """The file for any number of pictures at once, its large weights in FP16."""
    width, height = INPUT.size
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch's newer exporter needs onnxscript, which nothing else here does.
        warnings.simplefilter("ignore", DeprecationWarning)
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            Decoded(network).eval(),
            (torch.zeros(2, 3, height, width),),
            file,
            dynamo=False,
            opset_version=_OPSET,
            input_names=["images"],
            output_names=["predictions"],
            dynamic_axes={"images": {0: "batch"}, "predictions": {0: "batch"}},
        )
        model = onnx.load_model(file)
    # The exporter counts the cells when it runs; whoever serves wants to know before.
    cells, columns = len(Cells.of(INPUT.size, STRIDES).middles), 4 + len(CLASSES)
    shape = ["batch", cells, columns]
    model.graph.output[0].CopyFrom(
        helper.make_tensor_value_info("predictions", onnx.TensorProto.FLOAT, shape)
    )
    _halve(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _halve(model: onnx.ModelProto) -> None:
    """Keeps large weights in FP16, each with a cast that ONNX Runtime folds away on loading."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _LARGE:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *rest])
