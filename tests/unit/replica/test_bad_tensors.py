"""Every kind of wrong ModelInfer gets its exact status and details, and harms nobody."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest

from seom.pb.inference.grpc_service_pb2 import InferTensorContents, ModelInferRequest
from tests.errors import details_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID = grpc.StatusCode.INVALID_ARGUMENT
ROW = np.arange(4, dtype="<f4")


def request(
    model: str = "identity",
    *,
    shape: tuple[int, ...] = (1, 4),
    datatype: str = "FP32",
    raw: bytes | None = ROW.tobytes(),
    name: str = "input",
) -> ModelInferRequest:
    message = ModelInferRequest(model_name=model, id="42")
    message.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw is not None:
        message.raw_input_contents.append(raw)
    return message


def edited(change: Callable[[ModelInferRequest], Any], **kwargs: Any) -> ModelInferRequest:
    message = request(**kwargs)
    change(message)
    return message


def twice(message: ModelInferRequest) -> None:
    message.inputs.append(message.inputs[0])
    message.raw_input_contents.append(message.raw_input_contents[0])


def typed(model: str, datatype: str, shape: tuple[int, ...], **contents: Any) -> ModelInferRequest:
    message = request(model, shape=shape, datatype=datatype, raw=None)
    message.inputs[0].contents.CopyFrom(InferTensorContents(**contents))
    return message


def parameter(name: str, **value: Any) -> ModelInferRequest:
    def change(message: ModelInferRequest) -> None:
        setattr(message.parameters[name], *next(iter(value.items())))

    return edited(change)


def pair(rows_a: int, rows_b: int) -> ModelInferRequest:
    message = ModelInferRequest(model_name="pair")
    for name, rows in (("a", rows_a), ("b", rows_b)):
        message.inputs.add(name=name, datatype="FP32", shape=(rows, 3))
        message.raw_input_contents.append(np.zeros((rows, 3), "<f4").tobytes())
    return message


def words(raw: bytes) -> ModelInferRequest:
    return request("words", shape=(1, 2), datatype="BYTES", raw=raw)


def prefixed(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


# What is sent → the field that is named. All of it is INVALID_ARGUMENT.
WRONG: dict[str, tuple[ModelInferRequest, str]] = {
    "empty model name": (request(""), "model_name"),
    "missing input": (ModelInferRequest(model_name="identity"), "inputs"),
    "unknown input": (request(name="imput"), "inputs[0].name"),
    "duplicate input": (edited(twice), "inputs[1].name"),
    "unknown output": (edited(lambda m: m.outputs.add(name="logits")), "outputs[0].name"),
    "duplicate output": (
        edited(lambda m: [m.outputs.add(name="output") for _ in range(2)]),
        "outputs[1].name",
    ),
    "another datatype": (request(datatype="FP64", raw=b"\0" * 32), "inputs[0].datatype"),
    "no datatype": (request(datatype="FP33"), "inputs[0].datatype"),
    "batch too large": (request(shape=(9, 4), raw=b"\0" * 144), "inputs"),
    "batch of none": (request(shape=(0, 4), raw=b""), "inputs"),
    "batches differ": (pair(1, 2), "inputs"),
    "dimension -1": (request(shape=(-1, 4)), "inputs[0].shape"),
    "dimension -2^63": (request(shape=(1, -(2**63))), "inputs[0].shape"),
    "overflowing shape": (request(shape=(1, 2**62)), "raw_input_contents[0]"),
    "10,000 dimensions": (request(shape=(1,) * 10_000), "inputs[0].shape"),
    "rank too low": (request(shape=(4,)), "inputs[0].shape"),
    "wrong fixed dimension": (
        request("bytes8", shape=(1, 5), datatype="UINT8", raw=b"\0" * 5),
        "inputs[0].shape",
    ),
    "raw one byte short": (request(raw=ROW.tobytes()[:-1]), "raw_input_contents[0]"),
    "raw one byte long": (request(raw=ROW.tobytes() + b"\0"), "raw_input_contents[0]"),
    "more raws than inputs": (
        edited(lambda m: m.raw_input_contents.append(b"")),
        "raw_input_contents",
    ),
    "raw and typed together": (
        edited(lambda m: m.inputs[0].contents.fp32_contents.append(1)),
        "inputs[0].contents",
    ),
    "300 in UINT8": (
        typed("bytes8", "UINT8", (1, 4), uint_contents=[1, 2, 300, 4]),
        "inputs[0].contents.uint_contents",
    ),
    "the wrong typed field": (
        typed("bytes8", "UINT8", (1, 4), int_contents=[1, 2, 3, 4]),
        "inputs[0].contents.int_contents",
    ),
    "too few typed elements": (
        typed("identity", "FP32", (1, 4), fp32_contents=[1, 2, 3]),
        "inputs[0].contents.fp32_contents",
    ),
    "2 in BOOL": (
        request("flags", shape=(1, 2), datatype="BOOL", raw=b"\x02\x01"),
        "raw_input_contents[0]",
    ),
    "BYTES prefix past the end": (
        words(prefixed(b"a") + struct.pack("<I", 9) + b"b"),
        "raw_input_contents[0]",
    ),
    "BYTES prefix 0xFFFFFFFF": (
        words(prefixed(b"a") + b"\xff\xff\xff\xff" + b"b"),
        "raw_input_contents[0]",
    ),
    "too few BYTES": (words(prefixed(b"a")), "raw_input_contents[0]"),
    "too many BYTES": (words(prefixed(b"a", b"b", b"c")), "raw_input_contents[0]"),
    "BYTES prefix cut off": (words(prefixed(b"abcdef") + b"\x01\0"), "raw_input_contents[0]"),
    "negative timeout": (parameter("timeout", int64_param=-1), "parameters[timeout]"),
    "timeout in words": (parameter("timeout", string_param="soon"), "parameters[timeout]"),
    "negative priority": (parameter("priority", int64_param=-5), "parameters[priority]"),
    "reserved parameter": (
        parameter("triton_final_response", bool_param=True),
        "parameters[triton_final_response]",
    ),
}


async def good(stubs: dict[str, Any]) -> None:
    answer = await stubs["identity"].ModelInfer(request(), timeout=5)
    assert answer.raw_output_contents[0] == ROW.tobytes()


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_request(stubs: dict[str, Any], case: str) -> None:
    message, field = WRONG[case]
    stub = stubs[message.model_name or "identity"]
    with pytest.raises(grpc.RpcError) as raised:
        await stub.ModelInfer(message, timeout=5)
    assert raised.value.code() is INVALID, raised.value.details()
    details = details_of(raised.value)
    assert details.domain == "seom.dev"
    assert details.reason
    assert field in details.fields
    await good(stubs)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (request("nobody"), grpc.StatusCode.NOT_FOUND),
        (edited(lambda m: setattr(m, "model_version", "7")), grpc.StatusCode.NOT_FOUND),
        (parameter("shared_memory_region", string_param="x"), grpc.StatusCode.UNIMPLEMENTED),
    ],
)
async def test_other_refusals(stubs: dict[str, Any], message: Any, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        await stubs["identity"].ModelInfer(message, timeout=5)
    assert raised.value.code() is code
    if code is grpc.StatusCode.NOT_FOUND:
        assert details_of(raised.value).resource is not None
    await good(stubs)


async def test_shared_memory_on_a_tensor(stubs: dict[str, Any]) -> None:
    message = request()
    message.inputs[0].parameters["shared_memory_region"].string_param = "x"
    with pytest.raises(grpc.RpcError) as raised:
        await stubs["identity"].ModelInfer(message, timeout=5)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_every_bad_field_is_named(stubs: dict[str, Any]) -> None:
    message = pair(1, 1)
    message.inputs[0].datatype = "FP99"
    message.inputs[1].shape[:] = [1, -3]
    message.outputs.add(name="quotient")
    with pytest.raises(grpc.RpcError) as raised:
        await stubs["pair"].ModelInfer(message, timeout=5)
    assert set(details_of(raised.value).fields) == {
        "inputs[0].datatype",
        "inputs[1].shape",
        "outputs[0].name",
    }


async def test_10_000_bad_fields_still_fit_the_trailers(stubs: dict[str, Any]) -> None:
    message = request()
    for index in range(10_000):
        message.outputs.add(name=f"output-{index}-{'x' * 50}")
    with pytest.raises(grpc.RpcError) as raised:
        await stubs["identity"].ModelInfer(message, timeout=5)
    assert raised.value.code() is INVALID
    size = sum(len(k) + len(v) for k, v in raised.value.trailing_metadata())
    assert size + len(raised.value.details()) < 8192
    await good(stubs)


async def test_nan_and_zero_sized_dimensions_are_data(stubs: dict[str, Any]) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 0], "<f4")
    answer = await stubs["identity"].ModelInfer(request(raw=values.tobytes()), timeout=5)
    assert np.array_equal(
        np.frombuffer(answer.raw_output_contents[0], "<f4"), values, equal_nan=True
    )
    answer = await stubs["identity"].ModelInfer(request(shape=(1, 0), raw=b""), timeout=5)
    assert list(answer.outputs[0].shape) == [1, 0]
    assert answer.raw_output_contents[0] == b""
