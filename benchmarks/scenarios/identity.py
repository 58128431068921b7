"""A model that gives its input back, and requests for it: nothing but path is timed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.load.workload import Call, Workload
from benchmarks.scenarios.scenario import TargetError
from seom.pb.inference import grpc_service_pb2 as pb

MODEL = "identity"
_SERVICE = "/inference.GRPCInferenceService"
_ROUTE = (("application", MODEL),)  # as the SDK sends it


def write_repository(folder: Path) -> Path:
    """A model repository with the model `identity`: (1, n) float32 to the same."""
    from onnx import TensorProto, helper, save

    shape = [1, "n"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])],
        MODEL,
        [helper.make_tensor_value_info("INPUT0", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("OUTPUT0", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    home = folder / "cpu" / MODEL
    (home / "1").mkdir(parents=True)
    save(model, str(home / "1" / "model.onnx"))
    (home / "model.yaml").write_text("family: tensor\nweights: {file: 1/model.onnx}\n")
    return folder


def request(size: int) -> bytes:
    """A serialised ModelInferRequest with a float32 tensor of `size` bytes."""
    values = np.random.Generator(np.random.PCG64(size)).random(size // 4, dtype=np.float32)
    message = pb.ModelInferRequest(model_name=MODEL, raw_input_contents=[values.tobytes()])
    message.inputs.add(name="INPUT0", datatype="FP32", shape=[1, len(values)])
    return message.SerializeToString()


def unary(size: int) -> Call:
    return Call(f"{_SERVICE}/ModelInfer", (request(size),), metadata=_ROUTE)


def stream(size: int, messages: int) -> Call:
    return Call(
        f"{_SERVICE}/ModelStreamInfer",
        (request(size),) * messages,
        streaming=True,
        metadata=_ROUTE,
    )


def check(workload: Workload, answers: list[bytes]) -> None:
    """Raises TargetError unless every answer is the request's tensor."""
    call = workload.call
    if len(answers) != (len(call.messages) if call.streaming else 1):
        raise TargetError(f"{workload.name}: {len(answers)} answers to {len(call.messages)}")
    for message, answer in zip(call.messages, answers, strict=False):
        sent = pb.ModelInferRequest.FromString(message).raw_input_contents[0]
        if call.streaming:
            streamed = pb.ModelStreamInferResponse.FromString(answer)
            if streamed.error_message:
                raise TargetError(f"{workload.name}: {streamed.error_message}")
            found = streamed.infer_response
        else:
            found = pb.ModelInferResponse.FromString(answer)
        if list(found.raw_output_contents) != [sent]:
            raise TargetError(f"{workload.name}: the answer is not the tensor that was sent")
