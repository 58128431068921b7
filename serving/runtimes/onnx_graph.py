"""ONNX graphs before a session is made of them: refusing what reaches outside the file,
fixing weights that are listed as inputs, and freeing the batch dimension of files that were
exported for a batch of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serving.errors import FailedPrecondition


def read(data: bytes) -> Any:
    """Parses a file into an onnx.ModelProto.

    Raises FailedPrecondition for a file that is no ONNX model, or that keeps tensors in
    other files: a model is one file, the one whose hash was verified.

    Old files list their weights among the inputs, where a request could replace them. Here
    they are constants, which is also what lets ONNX Runtime fold and fuse them.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception:  # protobuf's DecodeError, which is protobuf's business
        raise FailedPrecondition("the weights are no ONNX file", reason="WEIGHTS") from None
    if not model.graph.node:
        raise FailedPrecondition("the weights are an ONNX file without a graph", reason="WEIGHTS")
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise FailedPrecondition(
                "the ONNX file refers to data outside itself; save it as a single file",
                reason="WEIGHTS",
            )
    constants = {tensor.name for tensor in model.graph.initializer}
    for port in [port for port in model.graph.input if port.name in constants]:
        model.graph.input.remove(port)
    return model


def is_batch_of_one(model: Any) -> bool:
    """Whether every input and output has a first dimension fixed to 1."""
    ports = [*model.graph.input, *model.graph.output]
    return all(_dims(port) and _dims(port)[0].dim_value == 1 for port in ports)


def free_batch(model: Any) -> None:
    """Makes dimension 0 of all inputs and outputs symbolic, in place.

    Constant shapes of Reshape are changed to go with it: the first dimension is inferred,
    or, where another one is already, a leading 1 keeps the first dimension of the input.
    That is right for the usual exports and only a guess for others, so the caller compares
    the result with the original before he trusts it.
    """
    from onnx import numpy_helper

    graph = model.graph
    for port in [*graph.input, *graph.output]:
        _dims(port)[0].dim_param = "batch"
    del graph.value_info[:]  # intermediate shapes no longer hold

    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            constants[node.output[0]] = node.attribute[0].t
    for index, node in enumerate(graph.node):
        if node.op_type != "Reshape" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        shape = numpy_helper.to_array(constants[node.input[1]]).copy()
        if not shape.size or not _reshape(shape):
            continue
        # A shape may be shared with other nodes: this one gets its own.
        name = f"__batched_shape_{index}"
        graph.initializer.append(numpy_helper.from_array(shape, name))
        node.input[1] = name


def _reshape(shape: Any) -> bool:
    """Changes a target shape in place; False where it may stay."""
    if -1 not in shape and shape[0] >= 1:
        shape[0] = -1
    elif shape[0] == 1:
        shape[0] = 0
    else:
        return False
    return True


def _dims(port: Any) -> Any:
    return port.type.tensor_type.shape.dim


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor a model holds, also in subgraphs, functions and attributes."""
    nodes = list(model.graph.node)
    graphs = [model.graph]
    for function in model.functions:
        nodes.extend(function.node)
    while graphs or nodes:
        if nodes:
            for attribute in nodes.pop().attribute:
                yield attribute.t
                yield from attribute.tensors
                yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
                graphs.extend((attribute.g, *attribute.graphs))
        else:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            if graph is not model.graph:
                nodes.extend(graph.node)
