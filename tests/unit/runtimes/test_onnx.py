"""Files are served as they are, batched only where that was seen to hold, refused if they
reach outside themselves."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from serving.errors import FailedPrecondition, InvalidArgument
from serving.models.base import Device
from serving.runtimes.onnx import OnnxSession
from serving.timing import Stage, Timeline

FLOAT = TensorProto.FLOAT


def info(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, **constants):
    initialisers = [numpy_helper.from_array(np.array(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, initialisers)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 10
    return made


@pytest.fixture
def load(tmp_path):
    def load(made, **options):
        path = tmp_path / "model.onnx"
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        return OnnxSession(path, Device(), **options)

    return load


def node(kind, inputs, output="y", **attributes):
    return helper.make_node(kind, inputs, [output], **attributes)


def doubling(shape):
    return model([node("Add", ["x", "x"])], [info("x", shape)], [info("y", shape)])


def flattening(target):
    """(1, 2, 3) reshaped by a constant, as exporters write it."""
    result = np.zeros((1, 2, 3)).reshape(target).shape
    return model(
        [node("Reshape", ["x", "shape"])],
        [info("x", [1, 2, 3])],
        [info("y", result)],
        shape=np.array(target, dtype=np.int64),
    )


def test_the_signature_is_the_files(load):
    session = load(doubling(["n", 3]))
    (x,), (y,) = session.signature.inputs, session.signature.outputs
    assert (x.name, x.datatype, x.shape) == ("x", "FP32", (-1, 3))
    assert (y.name, y.datatype, y.shape) == ("y", "FP32", (-1, 3))
    assert session.signature.batched
    timeline = Timeline()
    outputs = session.run({"x": np.ones((2, 3), np.float32)}, timeline)
    assert outputs["y"].tolist() == [[2, 2, 2]] * 2
    assert (timeline.spent[Stage.DEVICE] or 0) > 0


def test_weights_that_are_listed_as_inputs_are_constants(load):
    made = model(
        [node("Mul", ["x", "w"])],
        [info("x", ["n", 2]), info("w", [2])],
        [info("y", ["n", 2])],
        w=np.float32([3, 4]),
    )
    session = load(made)
    assert [spec.name for spec in session.signature.inputs] == ["x"]
    assert session._session.get_overridable_initializers() == []
    outputs = session.run({"x": np.float32([[1, 1]])}, Timeline())
    assert outputs["y"].tolist() == [[3, 4]]


@pytest.mark.parametrize("target", [[1, -1], [1, 6], [1, 3, 2], [2, 3], [-1, 6], [1, 1, 2, 3]])
def test_a_batch_of_one_becomes_any_batch(load, target):
    made = flattening(target)
    if target == [2, 3]:  # the batch is hidden inside, and comes back out
        made.graph.node[0].output[0] = "inner"
        made.graph.node.append(node("Reshape", ["inner", "back"]))
        made.graph.initializer.append(numpy_helper.from_array(np.array([1, 6]), "back"))
        made.graph.output[0].CopyFrom(info("y", [1, 6]))
    session = load(made)
    assert session.signature.batched
    assert session.signature.inputs[0].shape == (-1, 2, 3)
    rows = np.random.default_rng(1).random((5, 2, 3)).astype(np.float32)
    outputs = session.run({"x": rows}, Timeline())["y"]
    assert outputs.shape[0] == 5
    assert np.array_equal(outputs.reshape(5, 6), rows.reshape(5, 6))


def test_a_shape_shared_with_another_node_is_not_changed_for_that_one(load):
    made = model(
        [node("Reshape", ["x", "shape"], "flat"), node("Expand", ["one", "shape"], "ones"),
         node("Add", ["flat", "ones"])],
        [info("x", [1, 2, 3])], [info("y", [1, 6])],
        shape=np.array([1, 6]), one=np.ones((1, 1), np.float32),
    )  # fmt: skip
    session = load(made)
    assert session.signature.batched
    rows = np.zeros((3, 2, 3), np.float32)
    assert session.run({"x": rows}, Timeline())["y"].tolist() == [[1] * 6] * 3


@pytest.mark.parametrize("rows", [1, "n"])
def test_rows_that_depend_on_each_other_are_never_batched(load, rows):
    made = model([node("Softmax", ["x"], axis=0)], [info("x", [rows, 3])], [info("y", [rows, 3])])
    session = load(made)
    assert not session.signature.batched
    assert session.signature.inputs[0].shape == (1 if rows == 1 else -1, 3)
    assert session.run({"x": np.ones((1, 3), np.float32)}, Timeline())["y"].tolist() == [[1] * 3]


def test_a_graph_that_cannot_take_more_rows_is_served_one_by_one(load):
    made = model(
        [node("Resize", ["x", "", "", "sizes"], mode="nearest")],
        [info("x", [1, 1, 2, 2])], [info("y", [1, 1, 4, 4])], sizes=np.array([1, 1, 4, 4]),
    )  # fmt: skip
    session = load(made)
    assert not session.signature.batched
    assert session.signature.inputs[0].shape == (1, 1, 2, 2)
    assert session.run(session.example(), Timeline())["y"].shape == (1, 1, 4, 4)


@pytest.mark.parametrize(
    ("rows", "width", "parts"), [(8, 3, [8]), (5, 1 << 19, [2, 2, 1]), (3, 1 << 21, [1, 1, 1])]
)
def test_rows_that_caches_cannot_hold_together_take_turns(load, rows, width, parts):
    session = load(doubling(["n", width]))
    tensor = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
    assert [len(part["x"]) for part in session._parts({"x": tensor})] == parts
    assert np.array_equal(session.run({"x": tensor}, Timeline())["y"], 2 * tensor)


def test_batching_can_be_forbidden(load):
    session = load(doubling([1, 3]), batchable=False)
    assert not session.signature.batched
    assert session.signature.inputs[0].shape == (1, 3)


def test_without_a_batch_dimension_nothing_is_batched(load):
    assert not load(doubling([3])).signature.batched
    assert not load(doubling([])).signature.batched
    session = load(doubling([3]))
    assert session.run(session.example(rows=7), Timeline())["y"].shape == (3,)


def test_open_dimensions_are_tried_until_one_runs(load):
    made = model(
        [node("Add", ["x", "three"])],
        [info("x", ["n", "m"])], [info("y", ["n", "m"])], three=np.zeros((1, 320), np.float32),
    )  # fmt: skip
    session = load(made)
    assert session.signature.batched
    assert session.signature.inputs[0].shape == (-1, -1)
    assert session.run(session.example(2), Timeline())["y"].shape == (2, 320)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TensorProto.STRING, np.array([[b"a", "gr\u00fcn".encode()]], dtype=object)),
        (TensorProto.BOOL, np.array([[True, False]])),
        (TensorProto.INT64, np.array([[2**60, -1]])),
        (TensorProto.UINT8, np.array([[255, 0]], np.uint8)),
        (TensorProto.FLOAT16, np.array([[0.5, -2]], np.float16)),
        (TensorProto.DOUBLE, np.array([[0.1, 1e300]])),
    ],
)
def test_every_datatype_passes_unchanged(load, kind, values):
    made = model(
        [node("Identity", ["x"])], [info("x", ["n", 2], kind)], [info("y", ["n", 2], kind)]
    )
    session = load(made)
    assert session.signature.batched
    output = session.run({"x": values}, Timeline())["y"]
    assert output.dtype == values.dtype
    assert output.tolist() == values.tolist()


def test_text_must_be_text(load):
    made = model([node("Identity", ["x"])], [info("x", [1], TensorProto.STRING)],
                 [info("y", [1], TensorProto.STRING)])  # fmt: skip
    with pytest.raises(InvalidArgument, match="UTF-8"):
        load(made).run({"x": np.array([b"\xff\xfe"], dtype=object)}, Timeline())


def test_a_wrong_shape_is_the_callers_mistake(load):
    with pytest.raises(InvalidArgument) as caught:
        load(doubling(["n", 3])).run({"x": np.ones((2, 4), np.float32)}, Timeline())
    assert str(caught.value) == "inputs: the model does not take tensors of these shapes"


def external():
    tensor = TensorProto(name="secret", data_type=FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    return tensor


def with_external_initialiser():
    made = doubling([1])
    made.graph.initializer.append(external())
    return made


def with_external_constant():
    made = doubling([1])
    made.graph.node.append(node("Constant", [], "c", value=external()))
    return made


def with_external_in_a_branch():
    made = doubling([1])
    inner = helper.make_graph([node("Constant", [], "c", value=external())], "inner", [], [])
    made.graph.node.append(node("If", ["x"], "z", then_branch=inner, else_branch=inner))
    return made


@pytest.mark.parametrize(
    "make", [with_external_initialiser, with_external_constant, with_external_in_a_branch]
)
def test_a_file_may_not_reach_outside_itself(load, make):
    with pytest.raises(FailedPrecondition, match="outside itself"):
        load(make())


@pytest.mark.parametrize("garbage", [b"", b"\x80\x04\x95pickle", b"\xff" * 100, b"\x08\x07"])
def test_what_is_no_model_is_refused(load, garbage):
    with pytest.raises(FailedPrecondition, match="ONNX file"):
        load(garbage)


def test_a_graph_that_onnx_runtime_refuses_is_refused(load):
    made = model([node("NoSuchOperator", ["x"])], [info("x", [1])], [info("y", [1])])
    with pytest.raises(FailedPrecondition, match="cannot load"):
        load(made)


def test_a_gpu_that_is_not_there_is_not_silently_replaced(tmp_path):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    path = tmp_path / "model.onnx"
    onnx.save(doubling(["n", 3]), path)
    with pytest.raises(FailedPrecondition, match="CUDA"):
        OnnxSession(path, Device(gpu=True))


@pytest.mark.parametrize(
    "file",
    [
        "object_detection/FastestDet.onnx",
        "face_detection/version-RFB-320.onnx",
        "face_detection/yunet_n_dynamic.onnx",
    ],
)
def test_real_files_run_in_batches(data, file):
    session = OnnxSession(data / "models" / file, Device())
    assert session.signature.batched
    feeds = session.example(rows=2, seed=7)
    together = session.run(feeds, Timeline())
    for row in range(2):
        alone = session.run({name: t[row : row + 1] for name, t in feeds.items()}, Timeline())
        for name, output in alone.items():
            assert np.allclose(output[0], together[name][row], rtol=1e-4, atol=1e-4)
