"""Small ONNX models the tests serve: made in milliseconds, their answers known.

identity   FP32 [n, ?]                → the same
bytes8     UINT8 [n, 4]               → the same
words      BYTES [n, 2]               → the same
pair       FP32 a, b [n, 3]           → sum, difference
flags      BOOL [n, 2]                → the same
single     FP32 [3] (no batch)        → doubled
slow       FP32 [n, 1]                → the same, after some tens of milliseconds
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]


def write_repository(root: Path, profile: str = "cpu") -> Path:
    """Writes all of the models as a repository; returns its root."""
    batched = "batching: {max_batch_size: 8, max_queue_delay_ms: 0}\n"
    for name, (model, settings) in {
        "identity": (_same(TensorProto.FLOAT, ["n", "m"]), batched),
        "bytes8": (_same(TensorProto.UINT8, ["n", 4]), batched),
        "words": (_same(TensorProto.STRING, ["n", 2]), batched),
        "flags": (_same(TensorProto.BOOL, ["n", 2]), batched),
        "pair": (_pair(), batched),
        "single": (_single(), ""),
        "slow": (_slow(), "batching: {max_batch_size: 1}\nlimits: {queue: 8}\n"),
    }.items():
        write_model(root / profile / name, model, settings)
    write_detector(root / profile / "spots")
    write_versions(root / profile / "versions")
    return root


def write_versions(folder: Path) -> None:
    """Two versions, both served."""
    for version in (1, 2):
        (folder / str(version)).mkdir(parents=True, exist_ok=True)
        onnx.save(_times(version), folder / str(version) / "model.onnx")
    (folder / "model.yaml").write_text(
        "family: tensor\nversions: all\n"
        "weights: [{file: 1/model.onnx}, {file: 2/model.onnx}]\n"
        "resources: {cpus: 0.1}\n"
    )


def write_detector(folder: Path) -> None:
    """A detector of YOLOX's shape that finds one spot in the middle of every picture."""
    (folder / "1").mkdir(parents=True, exist_ok=True)
    onnx.save(_spots(), folder / "1" / "model.onnx")
    (folder / "labels.txt").write_text("spot\nnothing\n")
    (folder / "model.yaml").write_text(
        "family: detection\ndecoder: yolox\nweights: {file: 1/model.onnx}\n"
        "labels: labels.txt\ninput: {size: [64, 64], resize: stretch}\n"
        "batching: {max_batch_size: 4}\nresources: {cpus: 0.1}\n"
        "limits: {image_bytes: 4MiB, pixels: 4M}\n"
    )


def write_model(folder: Path, model: onnx.ModelProto, settings: str = "", version: int = 1) -> None:
    (folder / str(version)).mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / str(version) / "model.onnx")
    text = f"family: tensor\nweights: {{file: {version}/model.onnx}}\n"
    (folder / "model.yaml").write_text(f"{text}resources: {{cpus: 0.1}}\n{settings}")


def _model(
    nodes: list[onnx.NodeProto], inputs: list[Any], outputs: list[Any], constants: Any = ()
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "small", inputs, outputs, initializer=list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    return model


def _same(kind: int, shape: Shape) -> onnx.ModelProto:
    return _model(
        [helper.make_node("Identity", ["input"], ["output"])],
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info("output", kind, shape)],
    )


def _times(factor: float) -> onnx.ModelProto:
    info = helper.make_tensor_value_info
    return _model(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        [info("x", TensorProto.FLOAT, ["n", 2])],
        [info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.float32(factor), "factor")],
    )


def _pair() -> onnx.ModelProto:
    info = helper.make_tensor_value_info
    return _model(
        [
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("Sub", ["a", "b"], ["difference"]),
        ],
        [info(name, TensorProto.FLOAT, ["n", 3]) for name in ("a", "b")],
        [info(name, TensorProto.FLOAT, ["n", 3]) for name in ("sum", "difference")],
    )


def _single() -> onnx.ModelProto:
    info = helper.make_tensor_value_info
    return _model(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [info("x", TensorProto.FLOAT, [3])],
        [info("y", TensorProto.FLOAT, [3])],
    )


def _slow() -> onnx.ModelProto:
    """Matrix products of no consequence: the answer is the input, the work is real."""
    side = 700
    info, node = helper.make_tensor_value_info, helper.make_node
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [side, side])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    nodes = [
        node("ReduceSum", ["input"], ["total"], keepdims=0),
        node("Expand", ["total", "shape"], ["m0"]),
        *(
            step
            for i in range(6)
            for step in (
                node("MatMul", [f"m{i}", f"m{i}"], [f"w{i}"]),
                node("Tanh", [f"w{i}"], [f"m{i + 1}"]),
            )
        ),
        node("ReduceMax", ["m6"], ["top"], keepdims=0),
        node("Mul", ["top", "zero"], ["nothing"]),
        node("Add", ["input", "nothing"], ["output"]),
    ]
    return _model(
        nodes,
        [info("input", TensorProto.FLOAT, ["n", 1])],
        [info("output", TensorProto.FLOAT, ["n", 1])],
        [shape, zero],
    )


def _spots() -> onnx.ModelProto:
    """84 anchors of 64×64 pixels; the one at (32, 32) of stride 8 sees a 16×16 box."""
    rows = np.zeros((1, 84, 7), np.float32)
    rows[0, 4 * 8 + 4] = (0, 0, np.log(2), np.log(2), 1, 0.9, 0)
    node, info = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=1),
        node("Squeeze", ["mean", "last"], ["level"]),
        node("Mul", ["level", "zero"], ["nothing"]),
        node("Add", ["nothing", "rows"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.int64([3]), "last"),
        numpy_helper.from_array(np.float32(0), "zero"),
    ]
    return _model(
        nodes,
        [info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [info("output", TensorProto.FLOAT, [1, 84, 7])],
        constants,
    )
