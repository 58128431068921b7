"""ModelStreamInfer on a bare server: what a misbehaving client can do to a replica."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import numpy as np
import pytest

from seom.pb.inference.grpc_service_pb2 import ModelInferRequest
from serving.replica.streaming import MAX_WAITING

pytestmark = pytest.mark.asyncio(loop_scope="module")

LARGE = np.zeros((1, 16_384), np.float32)


def message(number: int) -> ModelInferRequest:
    request = ModelInferRequest(model_name="identity", id=str(number))
    request.inputs.add(name="input", datatype="FP32", shape=LARGE.shape)
    request.raw_input_contents.append(LARGE.tobytes())
    return request


async def test_a_client_that_does_not_read_is_read_on_and_refused(stubs: dict[str, Any]) -> None:
    stream = stubs["identity"].ModelStreamInfer(timeout=60)
    await stream.write(message(0))
    assert (await stream.read()).infer_response.id == "0"
    for number in range(1, 3 * MAX_WAITING):
        await asyncio.wait_for(stream.write(message(number)), 10)
    await stream.done_writing()
    refused, answered = 0, 0
    with pytest.raises(grpc.RpcError) as raised:
        while (answer := await stream.read()) is not grpc.aio.EOF:
            refused += bool(answer.error_message)
            answered += not answer.error_message
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused >= MAX_WAITING - 1
    assert answered >= MAX_WAITING


async def test_what_is_wrong_in_one_message_stays_in_it(stubs: dict[str, Any]) -> None:
    stream = stubs["identity"].ModelStreamInfer(timeout=20)
    bad = message(1)
    bad.inputs[0].datatype = "FP99"
    for request in (message(0), bad, message(2)):
        await stream.write(request)
    await stream.done_writing()
    answers = [await stream.read() for _ in range(3)]
    assert [bool(answer.error_message) for answer in answers] == [False, True, False]
    error = answers[1].infer_response
    assert (error.id, error.parameters["error.status"].int64_param) == ("1", 3)
    assert await stream.read() is grpc.aio.EOF


async def test_a_stream_that_is_left_takes_its_work_along(stubs: dict[str, Any]) -> None:
    stream = stubs["slow"].ModelStreamInfer(timeout=60)
    request = ModelInferRequest(model_name="slow")
    request.inputs.add(name="input", datatype="FP32", shape=[1, 1])
    request.raw_input_contents.append(b"\0" * 4)
    for _ in range(64):
        await stream.write(request)
    stream.cancel()
    # 64 of them would take seconds; a fresh call is answered as if they were not.
    answer = await asyncio.wait_for(stubs["slow"].ModelInfer(request, timeout=10), 2)
    assert answer.raw_output_contents[0] == b"\0" * 4
