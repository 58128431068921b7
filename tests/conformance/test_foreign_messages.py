"""Messages that reach another model's replica: answered, refused or failed, never lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import psutil
import pytest

from seom import Client, InferRequest
from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from tests.conftest import RunningCluster

pytestmark = pytest.mark.cluster

ROW = np.float32([[1, 2, 3, 4]])


@pytest.fixture(scope="module")
def stub(cluster: RunningCluster) -> Iterator[Any]:
    with grpc.insecure_channel(cluster.address) as channel:
        yield GRPCInferenceServiceStub(channel)


def message(model: str, request_id: str) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=model, id=request_id)
    request.inputs.add(name="input", datatype="FP32", shape=ROW.shape)
    request.raw_input_contents.append(ROW.tobytes())
    return request


def test_a_foreign_error_is_an_answer(stub: Any) -> None:
    sent = [message("identity", "a"), message("nobody", "b"), message("identity", "c")]
    answers = list(stub.ModelStreamInfer(iter(sent), timeout=20))
    assert [bool(answer.error_message) for answer in answers] == [False, True, False]
    assert [answer.infer_response.id for answer in answers] == ["a", "b", "c"]


def test_a_foreign_error_is_fatal_when_asked(stub: Any) -> None:
    sent = [message("identity", "a"), message("nobody", "b"), message("identity", "c")]
    metadata = [("triton_grpc_error", "true")]
    answers = stub.ModelStreamInfer(iter(sent), timeout=20, metadata=metadata)
    assert next(answers).infer_response.id == "a"
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_foreign_replica_that_dies_leaves_no_message_unanswered(cluster: RunningCluster) -> None:
    """identity's replica holds the stream, slow's is killed at its work."""
    with Client(cluster.address, timeout=20) as seom:
        # Once in a while the kill falls between two of slow's messages and harms none.
        failed = any(_failed_when_killed(cluster, seom) for _ in range(4))
    assert failed


def _failed_when_killed(cluster: RunningCluster, seom: Client) -> int:
    """How many of slow's messages failed when it was killed in the middle of them."""
    victims = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "ServeReplica:slow:" in " ".join(process.info["cmdline"] or ())
        and str(cluster.home) in process.environ().get("SEOM_HOME", "")
    ]
    assert victims
    slow = np.float32([[1]])
    requests = [
        InferRequest("slow", {"input": slow}) if n % 2 else InferRequest("identity", {"input": ROW})
        for n in range(48)
    ]
    answers = []
    for answer in seom.infer_stream(requests, timeout=60):
        answers.append(answer)
        if len(answers) == 12:
            for victim in victims:
                os.kill(victim.pid, signal.SIGKILL)
    assert len(answers) == 48
    assert all(answer.error is None for answer in answers[::2])
    errors = [answer.error for answer in answers[1::2] if answer.error is not None]
    assert {error.status for error in errors} <= {"UNAVAILABLE"}, errors
    deadline = time.monotonic() + 60
    while not seom.ready("slow"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return len(errors)


def test_long_names_do_not_break_the_trailers(stub: Any) -> None:
    request = message("identity", "a")
    request.inputs[0].name = "é" * 5000
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(request, timeout=10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
