"""What leaves the client and what comes back, over a real connection."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from seom import Box, Cancelled, Client, Detections, Internal

from .server import Server

X = np.arange(4, dtype=np.float32).reshape(1, 4)

# Every unary method, and the model it names.
CALLS: dict[str, tuple[Any, str]] = {
    "detect": (lambda c, **kw: c.detect(b"jpeg", model="m", **kw), "m"),
    "faces.detect": (lambda c, **kw: c.faces.detect(b"jpeg", model="m", **kw), "m"),
    "faces.embed": (lambda c, **kw: c.faces.embed([b"jpeg"], model="m", **kw), "m"),
    "faces.verify": (lambda c, **kw: c.faces.verify(b"jpeg", b"png", model="m", **kw), "m"),
    "chat": (lambda c, **kw: c.chat("Hello.", model="m", **kw), "m"),
    "complete": (lambda c, **kw: c.complete("Hello.", model="m", **kw), "m"),
    "score": (lambda c, **kw: c.score("Hello.", model="m", **kw), "m"),
    "infer": (lambda c, **kw: c.infer("m", {"x": X}, **kw), "m"),
    "live": (lambda c, **kw: c.live(**kw), ""),
    "ready": (lambda c, **kw: c.ready(**kw), ""),
    "ready of a model": (lambda c, **kw: c.ready("m", **kw), "m"),
    "server_metadata": (lambda c, **kw: c.server_metadata(**kw), ""),
    "metadata": (lambda c, **kw: c.metadata("m", **kw), "m"),
    "config": (lambda c, **kw: c.config("m", **kw), "m"),
    "statistics": (lambda c, **kw: c.statistics("m", **kw), "m"),
    "models": (lambda c, **kw: c.models(**kw), ""),
    "load": (lambda c, **kw: c.load("m", **kw), "m"),
    "unload": (lambda c, **kw: c.unload("m", **kw), "m"),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_has_a_deadline_an_id_and_its_models_name(
    name: str, client: Client, server: Server
) -> None:
    call, model = CALLS[name]
    call(client)
    assert server.last.remaining is not None
    assert 5 < server.last.remaining <= 10.1
    call(client, timeout=3)
    assert server.last.remaining is not None
    assert 0 < server.last.remaining <= 3.1
    metadata = server.last.metadata
    assert metadata.get("application", "") == model
    assert re.fullmatch("[0-9a-f]{32}", metadata["x-request-id"])
    assert metadata["x-request-id"] != server.seen[-2].metadata["x-request-id"]
    assert metadata["user-agent"].startswith("seom-python/")
    assert "authorization" not in metadata


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_a_call_without_a_deadline_never_leaves(
    timeout: float, client: Client, server: Server
) -> None:
    with pytest.raises(ValueError, match="timeout"):
        client.live(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        Client(server.address, timeout=timeout)
    with pytest.raises(TypeError, match="timeout"):
        Client(server.address, timeout=None)  # type: ignore[arg-type]
    assert not server.seen


def test_detect(client: Client, server: Server) -> None:
    found = client.detect(
        b"jpeg",
        model="yolox",
        min_score=0.25,
        max_overlap=0.5,
        labels=["cat", "dog"],
        max_results=9,
    )
    request = server.last.request
    assert request.model_name == "yolox"
    assert request.image.encoded == b"jpeg"
    assert (request.min_score, request.max_overlap) == (0.25, 0.5)
    assert (list(request.labels), request.max_results) == (["cat", "dog"], 9)

    assert isinstance(found, Detections)
    assert (found.model, found.version, found.size) == ("yolox", "1", (64, 48))
    cat, dog = found
    assert (cat.label, cat.class_id) == ("cat", 15)
    assert cat.score == pytest.approx(0.9)
    assert cat.box == Box(16, 12, 48, 36)
    assert (cat.box.width, cat.box.height, cat.box.center) == (32, 24, (32, 24))
    assert found[-1] is dog
    assert found[:1] == (cat,)
    assert len(found) == 2
    assert dog in found
    assert found.timing.encode_ns == 1, "the response's own timing goes before the trailer's"


def test_detect_leaves_to_the_model_what_is_not_said(client: Client, server: Server) -> None:
    client.detect(b"jpeg")
    request = server.last.request
    assert not request.HasField("min_score")
    assert not request.HasField("max_overlap")
    assert request.model_name == ""


@pytest.mark.parametrize(
    ("options", "error"),
    [({"labels": "cat"}, TypeError), ({"max_results": -1}, ValueError)],
)
def test_detect_refuses_before_calling(
    options: dict[str, Any], error: type[Exception], client: Client, server: Server
) -> None:
    with pytest.raises(error, match=next(iter(options))):
        client.detect(b"jpeg", **options)
    assert not server.seen


def test_timing_from_a_trailer(client: Client) -> None:
    timing = client.detect(b"jpeg", model="trailer-only").timing
    assert (timing.device_ms, timing.encode_ms, timing.replica) == (2.0, None, "r1")
    assert (timing.batch_size, timing.batch_id) == (4, 7)
    assert timing.round_trip_ms is not None
    assert timing.network_ms == pytest.approx(timing.round_trip_ms - 3.0)


def test_infer(client: Client, server: Server) -> None:
    result = client.infer(
        "double",
        {"x": X, "y": X + 1},
        outputs=["x"],
        version="2",
        parameters={"b": True, "i": -3, "u": 2**63, "f": 0.5, "s": "text"},
        request_id="order-66",
    )
    request = server.last.request
    assert (request.model_name, request.model_version, request.id) == ("double", "2", "order-66")
    assert server.last.metadata["x-request-id"] == "order-66"
    assert [output.name for output in request.outputs] == ["x"]
    assert [tensor.name for tensor in request.inputs] == ["x", "y"]
    assert not any(tensor.HasField("contents") for tensor in request.inputs)
    sent = {k: v.WhichOneof("parameter_choice") for k, v in request.parameters.items()}
    assert sent == {
        "timing": "bool_param",
        "b": "bool_param",
        "i": "int64_param",
        "u": "uint64_param",
        "f": "double_param",
        "s": "string_param",
    }
    np.testing.assert_array_equal(result["x"], X * 2)
    assert list(result) == ["x", "y"]
    assert (result.model, result.version, result.id) == ("double", "2", "order-66")
    assert (result.final, result.error) == (True, None)
    assert result.parameters == {"note": "kept"}
    assert (result.timing.queue_ms, result.timing.device_ms) == (0.5, 2.0)
    assert result == result
    assert result != client.infer("double", {"x": X})


def test_timing_can_be_declined(client: Client) -> None:
    """The parameters are the server's answer to a wish; the trailer comes anyway."""
    result = client.infer("double", {"x": X}, parameters={"timing": False})
    assert result.timing.device_ms == 2.0
    assert result.timing.batch_id == 7


@pytest.mark.parametrize("model", ["miscounted", "misshapen"])
def test_an_answer_that_contradicts_itself_is_refused(model: str, client: Client) -> None:
    with pytest.raises(Internal, match="answer") as caught:
        client.infer(model, {"x": X}, request_id="r-1")
    assert caught.value.request_id == "r-1"


@pytest.mark.parametrize("parameter", [2**64, -(2**63) - 1, None, b"x"])
def test_a_parameter_that_cannot_be(parameter: Any, client: Client, server: Server) -> None:
    with pytest.raises((TypeError, ValueError), match=r"parameters\['p'\]"):
        client.infer("m", {"x": X}, parameters={"p": parameter})
    assert not server.seen


def test_metadata_goes_along(client: Client, server: Server) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    sent = {"traceparent": trace, "X-Request-Id": "mine", "blob-bin": b"\x00\xff"}
    result = client.infer("m", {"x": X}, metadata=sent)
    metadata = server.last.metadata
    assert metadata["traceparent"] == trace
    assert metadata["x-request-id"] == "mine"
    assert metadata["blob-bin"] == b"\x00\xff"
    assert result.id == "mine"


@pytest.mark.parametrize(
    "metadata",
    [
        {"application": "other"},
        {"Authorization": "Bearer x"},
        {"grpc-timeout": "1S"},
        {"sp ace": "x"},
        {"trace": "line\nend"},
        {"trace": "한국어"},
        {"trace": b"bytes"},
        {"blob-bin": "text"},
    ],
)
def test_metadata_that_cannot_travel(
    metadata: dict[str, Any], client: Client, server: Server
) -> None:
    with pytest.raises((TypeError, ValueError), match="metadata"):
        client.detect(b"jpeg", metadata=metadata)
    assert not server.seen


def test_a_model_name_that_is_no_header_is_left_to_the_server(
    client: Client, server: Server
) -> None:
    client.infer("größe", {"x": X})
    assert server.last.request.model_name == "größe"
    assert "application" not in server.last.metadata


def test_the_server_and_its_models(client: Client, server: Server) -> None:
    assert client.live() is True
    assert client.ready() is True
    assert client.ready("double") is True
    assert client.ready("other", version="2") is False
    assert server.last.request.version == "2"
    assert client.health() == "SERVING"
    assert client.health("double") == "NOT_SERVING"
    described = client.server_metadata()
    assert (described.name, described.version, described.extensions) == (
        "seom",
        "9.9",
        ("statistics",),
    )
    model = client.metadata("double", version="2")
    assert (model.name, model.versions, model.platform) == (
        "double",
        ("1", "2"),
        "onnxruntime_onnx",
    )
    assert [(t.name, t.datatype, t.shape) for t in model.outputs] == [("y", "FP32", (-1, 4))]
    assert [(m.name, m.state, m.ready) for m in client.models()] == [
        ("double", "READY", True),
        ("large", "UNAVAILABLE", False),
    ]
    assert len(client.models(ready=True)) == 1
    (totals,) = client.statistics()
    assert (totals.name, totals.inference_count, totals.execution_count) == ("double", 10, 4)
    assert (totals.success.count, totals.success.mean_ms) == (4, 2.0)
    assert totals.fail.mean_ms is None
    assert (totals.batches[0].batch_size, totals.batches[0].compute_infer.count) == (2, 3)
    client.load("large")
    assert server.last.request.model_name == "large"
    client.unload("large")
    assert server.last.method == "RepositoryModelUnload"


def test_config_is_plain_data(client: Client) -> None:
    assert client.config("double") == {
        "name": "double",
        "max_batch_size": 8,
        "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 4]}],
        "dynamic_batching": {"preferred_batch_size": [8]},
        "parameters": {"family": {"string_value": "tensor"}},
    }


def test_threads_share_a_client(client: Client, server: Server) -> None:
    def ask(n: int) -> bool:
        x = np.full((1, 4), n, np.float32)
        return bool((client.infer("double", {"x": x})["x"] == 2 * n).all())

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(100)))
    assert len({seen.metadata["x-request-id"] for seen in server.seen}) == 100


def test_close(server: Server) -> None:
    client = Client(server.address)
    client.close()  # before any call
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.live()
    assert repr(client) == f"Client('{server.address}', closed)"
    with Client(server.address) as client:
        client.live()
    with pytest.raises(RuntimeError, match="closed"):
        client.live()


def test_close_gives_up_calls_under_way(server: Server) -> None:
    client = Client(server.address)
    closing = threading.Timer(0.2, client.close)
    closing.start()
    with pytest.raises(Cancelled):
        client.detect(b"jpeg", model="slow")
    closing.join()


def test_a_message_of_many_megabytes(client: Client) -> None:
    x = np.zeros(6 * 2**20, np.float32)
    assert client.infer("echo", {"x": x})["x"].nbytes == 24 * 2**20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_client_brought_along_by_a_fork_says_so() -> None:
    program = """
import os, sys
from seom import Client
client = Client("127.0.0.1:1")
child = os.fork()
if child == 0:
    try:
        client.live()
    except RuntimeError as error:
        client.close()
        os._exit(42 if "fork" in str(error) else 1)
    os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.stdout.strip() == "42", ran.stderr
