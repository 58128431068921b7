"""A face model of two tiny networks whose answers are known, made in milliseconds.

The detector has YuNet's outputs for 64×64 pixels and always sees the same faces; the
embedder gives the mean colour of each quarter of a face, twelve numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.models.base import Device
from serving.models.face import Model
from serving.models.face.align import TEMPLATE
from serving.repository.scan import Repository

SIDE = 64
WIDTHS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}

YAML = """
family: face
weights:
  - {{part: detector, file: 1/detector.onnx}}
{weights}
detector:
  kind: yunet
  input: {{size: [64, 64], resize: stretch}}
{more}
batching: {{max_batch_size: 4}}
limits: {{image_bytes: 4MiB, pixels: 4M}}
"""
WITH_EMBEDDER = "  - {part: embedder, file: 1/embedder.onnx}"


@dataclass(frozen=True)
class Planted:
    """A face the detector sees: its middle and width in input pixels (it is 1.2 times as
    high); `landmarks` multiplies their places, 1 for a sound face."""

    x: float
    y: float
    width: float
    score: float = 0.9
    landmarks: float = 1.0


def small_faces(
    faces: Sequence[Planted], *, embedder: bool = True, broken: bool = False, more: str = ""
) -> Model:
    """`more` are further keys of model.yaml; a `broken` embedder gives NaN."""
    with tempfile.TemporaryDirectory(prefix="seom-faces-") as root:
        folder = Path(root) / "cpu" / "small-faces"
        (folder / "1").mkdir(parents=True)
        onnx.save(_detector(faces), folder / "1" / "detector.onnx")
        if embedder:
            onnx.save(_embedder(broken), folder / "1" / "embedder.onnx")
            more = more if "embedder:" in more else f"embedder: {{}}\n{more}"
        (folder / "model.yaml").write_text(
            YAML.format(weights=WITH_EMBEDDER if embedder else "", more=more)
        )
        model = Model(Repository(Path(root), "cpu").find("small-faces"), Device())
        model.load()
    return model


def landmarks_of(face: Planted) -> np.ndarray:
    """Where the five are: the template's, as wide as half the face."""
    spread = (TEMPLATE - TEMPLATE.mean(axis=0)) * (face.width / 80)
    return (spread + np.array([face.x, face.y])) * face.landmarks


def outputs_for(faces: Sequence[Planted], size: int = SIDE) -> dict[str, np.ndarray]:
    """What YuNet would have to say to see just these, each from its cell of stride 8."""
    outputs = {
        f"{kind}_{stride}": np.zeros(((size // stride) ** 2, width), np.float32)
        for stride in (8, 16, 32)
        for kind, width in WIDTHS.items()
    }
    for face in faces:
        column, row = int(face.x // 8), int(face.y // 8)
        cell = row * (size // 8) + column
        corner = np.array([column, row])
        outputs["cls_8"][cell] = face.score
        outputs["obj_8"][cell] = face.score
        outputs["bbox_8"][cell, :2] = np.array([face.x, face.y]) / 8 - corner
        outputs["bbox_8"][cell, 2:] = np.log([face.width / 8, face.width * 1.2 / 8])
        outputs["kps_8"][cell] = (landmarks_of(face) / 8 - corner).ravel()
    return outputs


def _detector(faces: Sequence[Planted]) -> onnx.ModelProto:
    node, info = helper.make_node, helper.make_tensor_value_info
    constants = [numpy_helper.from_array(np.float32(0), "zero")]
    nodes = [
        node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        node("Squeeze", ["mean", "last"], ["level"]),
        node("Mul", ["level", "zero"], ["nothing"]),
    ]
    constants.append(numpy_helper.from_array(np.int64([3]), "last"))
    ports = []
    for name, rows in outputs_for(faces).items():
        constants.append(numpy_helper.from_array(rows[None], f"rows_{name}"))
        nodes.append(node("Add", ["nothing", f"rows_{name}"], [name]))
        ports.append(info(name, TensorProto.FLOAT, ["n", *rows.shape]))
    images = info("images", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    return _model(nodes, [images], ports, constants)


def _embedder(broken: bool) -> onnx.ModelProto:
    node, info = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("AveragePool", ["faces"], ["quarters"], kernel_shape=[56, 56], strides=[56, 56]),
        node("Flatten", ["quarters"], ["flat"]),
        node("Div", ["flat", "factor"], ["vectors"]),
    ]
    factor = np.float32(np.nan if broken else 1)
    return _model(
        nodes,
        [info("faces", TensorProto.FLOAT, ["n", 3, 112, 112])],
        [info("vectors", TensorProto.FLOAT, ["n", 12])],
        [numpy_helper.from_array(factor, "factor")],
    )


def _model(nodes, inputs, outputs, constants) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model
