"""Arrays to raw contents and back, for every datatype of the protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tritonclient.utils as triton

from seom import BF16, Client
from seom.datatypes import DTYPES, Raw, decode, encode

from .server import Server

NUMBERS = [name for name in DTYPES if name not in ("BYTES", "BF16")]


def sample(datatype: str) -> Any:
    return np.array([[0, 1, 1], [1, 0, 100]]).astype(DTYPES[datatype])


@pytest.mark.parametrize("datatype", NUMBERS)
def test_numbers_travel(datatype: str, client: Client, server: Server) -> None:
    array = sample(datatype)
    result = client.infer("echo", {"x": array})
    tensor = server.last.request.inputs[0]
    assert (tensor.datatype, list(tensor.shape)) == (datatype, [2, 3])
    assert tensor.datatype == triton.np_to_triton_dtype(array.dtype)
    assert result["x"].dtype == array.dtype
    np.testing.assert_array_equal(result["x"], array)
    assert result.datatypes == {"x": datatype}


@pytest.mark.parametrize("array", [np.zeros(()), np.zeros((0, 3)), np.zeros((2, 0)), np.float32(1)])
def test_odd_shapes_travel(array: Any, client: Client) -> None:
    result = client.infer("echo", {"x": array})["x"]
    assert (result.shape, result.dtype) == (array.shape, array.dtype)


def test_layout_and_byte_order_are_the_wires() -> None:
    x = np.arange(6, dtype=np.int32).reshape(2, 3)
    plain = encode("x", x)
    assert encode("x", np.asfortranarray(x)) == plain
    assert encode("x", x.astype(">i4")) == plain
    assert encode("x", x.T[::-1]).contents == x.T[::-1].copy().tobytes()


def test_bf16_travels_as_its_bits(client: Client, server: Server) -> None:
    bits = np.array([0x3F80, 0xC020], np.uint16)  # 1.0, -2.5
    result = client.infer("echo", {"x": BF16(bits), "y": bits})
    assert [tensor.datatype for tensor in server.last.request.inputs] == ["BF16", "UINT16"]
    assert server.last.request.raw_input_contents[0] == b"\x80\x3f\x20\xc0"
    assert result["x"].dtype == np.uint16
    np.testing.assert_array_equal(result["x"], bits)
    with pytest.raises(TypeError, match="uint16"):
        client.infer("echo", {"x": BF16(np.zeros(2, np.int16))})  # type: ignore[arg-type]


def test_bfloat16_arrays_of_ml_dtypes_are_known() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([[1.0, -2.5]]).astype(ml_dtypes.bfloat16)
    assert encode("x", array) == Raw("BF16", (1, 2), b"\x80\x3f\x20\xc0")


@pytest.mark.parametrize(
    ("given", "shape", "elements"),
    [
        ([b"a", b"", b"\x00\xff\x00"], (3,), [b"a", b"", b"\x00\xff\x00"]),
        (["한국어", "a"], (2,), ["한국어".encode(), b"a"]),
        ((b"x",), (1,), [b"x"]),
        ([], (0,), []),
        (np.array([["a", "bc"]]), (1, 2), [b"a", b"bc"]),
        (np.array([b"a", b"bc"]), (2,), [b"a", b"bc"]),
        (np.array([[b"a\x00"], ["b"]], dtype=object), (2, 1), [b"a\x00", b"b"]),
    ],
)
def test_bytes_travel(
    given: Any, shape: tuple[int, ...], elements: list[bytes], client: Client, server: Server
) -> None:
    result = client.infer("echo", {"x": given})["x"]
    assert server.last.request.inputs[0].datatype == "BYTES"
    assert result.shape == shape
    assert result.ravel().tolist() == elements
    array = np.empty(len(elements), object)
    array[:] = elements
    serialized = triton.serialize_byte_tensor(array)
    expected = serialized.item() if serialized.size else b""
    assert server.last.request.raw_input_contents[0] == expected


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        ([1.0, 2.0], r"inputs\['x'\]\[0\].*NumPy array"),
        ([b"a", None], r"inputs\['x'\]\[1\].*NoneType"),
        (b"bytes", "list of bytes"),
        ("text", "list of bytes"),
        (3.0, "float"),
        ({"a": 1}, "dict"),
        (np.zeros(2, complex), "complex128"),
        (np.zeros(2, "datetime64[s]"), "datetime64"),
    ],
)
def test_what_is_no_tensor_never_leaves(
    tensor: Any, words: str, client: Client, server: Server
) -> None:
    with pytest.raises(TypeError, match=words):
        client.infer("echo", {"x": tensor})
    assert not server.seen


def test_what_converts_to_an_array_without_loss_is_taken() -> None:
    class Foreign:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array([1, 2], np.int16)

    assert encode("x", Foreign()) == Raw("INT16", (2,), b"\x01\x00\x02\x00")  # type: ignore[arg-type]


def test_outputs_are_views_that_cannot_be_written(client: Client) -> None:
    result = client.infer("echo", {"x": np.zeros(3, np.float32)})["x"]
    assert not result.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 1


@pytest.mark.parametrize(
    "raw",
    [
        Raw("FP32", (2,), b"1234567"),
        Raw("FP32", (2,), b"123456789"),
        Raw("FP32", (-1,), b""),
        Raw("FP32", (-1, -2), b"12345678"),
        Raw("FP33", (1,), b"1234"),
        Raw("", (1,), b"1234"),
        Raw("BYTES", (1,), b"\x05\x00\x00\x00abc"),
        Raw("BYTES", (1,), b"\x01\x00"),
        Raw("BYTES", (1,), b"\xff\xff\xff\xffa"),
        Raw("BYTES", (1,), b""),
        Raw("BYTES", (1,), b"\x01\x00\x00\x00a\x00\x00\x00\x00"),
        Raw("BYTES", (10**12,), b"\x00\x00\x00\x00"),
    ],
)
def test_contents_that_do_not_agree_with_their_description(raw: Raw) -> None:
    with pytest.raises(ValueError, match="output 'x'"):
        decode("x", raw)
