"""NVIDIA's own client, unmodified and without a header of ours: unary calls."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from tests.conftest import RunningCluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def client(cluster: RunningCluster) -> Iterator[Any]:
    with triton.InferenceServerClient(cluster.address) as client:
        yield client


def tensor(name: str, array: np.ndarray, datatype: str) -> Any:
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def ones(value: float = 1.0) -> Any:
    return [tensor("input", np.full((1, 4), value, np.float32), "FP32")]


def status(error: InferenceServerException) -> str:
    return str(error.status()).removeprefix("StatusCode.")


def test_live_and_ready(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("identity")
    assert client.is_model_ready("identity", "1")


def test_readiness_of_an_unknown_model_is_an_error(client: Any) -> None:
    with pytest.raises(InferenceServerException) as raised:
        client.is_model_ready("nobody")
    assert status(raised.value) == "NOT_FOUND"
    assert "identity" in raised.value.message()


def test_server_metadata(client: Any) -> None:
    metadata = client.get_server_metadata(as_json=True)
    assert metadata["name"] == "seom"
    assert "statistics" in metadata["extensions"]


def test_model_metadata_and_config_agree(client: Any) -> None:
    metadata = client.get_model_metadata("pair", as_json=True)
    assert [i["name"] for i in metadata["inputs"]] == ["a", "b"]
    assert metadata["inputs"][0] == {"name": "a", "datatype": "FP32", "shape": ["-1", "3"]}
    assert metadata["versions"] == ["1"]
    config = client.get_model_config("pair", as_json=True)["config"]
    assert config["max_batch_size"] == 8
    # With a batch, Triton's configuration leaves its dimension out.
    assert config["input"][0] == {"name": "a", "data_type": "TYPE_FP32", "dims": ["3"]}
    assert {o["name"] for o in config["output"]} == {"sum", "difference"}


def test_a_model_without_a_batch_dimension(client: Any) -> None:
    assert client.get_model_config("single").config.max_batch_size == 0
    answer = client.infer("single", [tensor("x", np.float32([1, 2, 3]), "FP32")])
    assert answer.as_numpy("y").tolist() == [2, 4, 6]


def test_index_lists_every_model_with_its_state(client: Any) -> None:
    index = {m.name: m.state for m in client.get_model_repository_index().models}
    assert index["identity"] == "READY"
    assert {"words", "bytes8", "pair"} <= set(index)


def test_statistics_count_what_was_asked(client: Any) -> None:
    def read() -> Any:
        (entry,) = client.get_inference_statistics("bytes8").model_stats
        return entry

    before = read()
    for _ in range(5):
        row = np.uint8([[1, 2, 3, 4]])
        client.infer("bytes8", [tensor("input", row, "UINT8")])
    after = read()
    assert int(after.version) == 1
    assert after.inference_count - before.inference_count == 5
    success = after.inference_stats.success
    assert success.count - before.inference_stats.success.count == 5
    assert success.ns > before.inference_stats.success.ns
    assert after.inference_stats.queue.count > before.inference_stats.queue.count
    parts = after.inference_stats
    stages = (parts.queue, parts.compute_input, parts.compute_infer, parts.compute_output)
    spent = sum(stage.ns for stage in stages)
    assert 0 < spent <= success.ns
    assert sum(b.compute_infer.count for b in after.batch_stats) == after.execution_count


def test_float_uint8_and_bytes(client: Any) -> None:
    values = np.float32([[0.5, -1, 3e38, 0]])
    assert np.array_equal(
        client.infer("identity", [tensor("input", values, "FP32")]).as_numpy("output"), values
    )
    rows = np.arange(8, dtype=np.uint8).reshape(2, 4)
    assert np.array_equal(
        client.infer("bytes8", [tensor("input", rows, "UINT8")]).as_numpy("output"), rows
    )
    words = np.array([["섬".encode(), b"island"], [b"", b"a" * 1000]], dtype=object)
    answer = client.infer("words", [tensor("input", words, "BYTES")]).as_numpy("output")
    assert answer.tolist() == words.tolist()


def test_several_outputs_and_some_of_them(client: Any) -> None:
    a, b = np.float32([[1, 2, 3]]), np.float32([[3, 2, 1]])
    inputs = [tensor("a", a, "FP32"), tensor("b", b, "FP32")]
    answer = client.infer("pair", inputs)
    assert answer.as_numpy("sum").tolist() == [[4, 4, 4]]
    assert answer.as_numpy("difference").tolist() == [[-2, 0, 2]]
    one = client.infer("pair", inputs, outputs=[triton.InferRequestedOutput("difference")])
    assert one.as_numpy("sum") is None
    assert one.as_numpy("difference").tolist() == [[-2, 0, 2]]
    swapped = [triton.InferRequestedOutput(name) for name in ("difference", "sum")]
    response = client.infer("pair", inputs, outputs=swapped).get_response()
    assert [o.name for o in response.outputs] == ["difference", "sum"]
    assert len(response.raw_output_contents) == 2


def test_ids_names_and_versions_come_back(client: Any) -> None:
    response = client.infer("identity", ones(), request_id="mine-7").get_response()
    assert (response.id, response.model_name, response.model_version) == ("mine-7", "identity", "1")
    response = client.infer("identity", ones(), model_version="1").get_response()
    assert response.model_version == "1"


def test_timing_comes_with_the_answer_when_asked(client: Any) -> None:
    response = client.infer("identity", ones(), parameters={"timing": True}).get_response()
    timing = {k: v.int64_param for k, v in response.parameters.items() if k.endswith("_ns")}
    assert timing["timing.device_ns"] > 0
    assert timing["timing.total_ns"] >= timing["timing.device_ns"]
    assert not client.infer("identity", ones()).get_response().parameters


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_messages(client: Any, algorithm: str) -> None:
    answer = client.infer("identity", ones(3), compression_algorithm=algorithm)
    assert answer.as_numpy("output").tolist() == [[3, 3, 3, 3]]


def test_large_tensors(client: Any) -> None:
    values = np.random.default_rng(0).random((8, 500_000), np.float32)  # 16 MB
    answer = client.infer("identity", [tensor("input", values, "FP32")])
    assert np.array_equal(answer.as_numpy("output"), values)


def test_200_calls_at_once_on_one_channel(client: Any) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    for number in range(200):
        client.async_infer(
            "identity",
            ones(number),
            callback=lambda result, error: answers.put((result, error)),
            request_id=str(number),
        )
    seen = set()
    for _ in range(200):
        result, error = answers.get(timeout=60)
        if error is not None:  # the queue is bounded, and says so
            assert status(error) == "RESOURCE_EXHAUSTED"
            continue
        number = int(result.get_response().id)
        assert result.as_numpy("output")[0, 0] == number
        seen.add(number)
    assert len(seen) == 200


def test_unknown_models_versions_and_bad_input(client: Any) -> None:
    for name, version in (("nobody", ""), ("identity", "7"), ("identity@7", "")):
        with pytest.raises(InferenceServerException) as raised:
            client.infer(name, ones(), model_version=version)
        assert status(raised.value) == "NOT_FOUND", (name, version)
        assert "identity" in raised.value.message()
    with pytest.raises(InferenceServerException) as raised:
        client.infer("identity", [tensor("x", np.float32([[1]]), "FP32")])
    assert status(raised.value) == "INVALID_ARGUMENT"


def test_a_deadline_that_passes(client: Any) -> None:
    with pytest.raises(InferenceServerException) as raised:
        client.infer("slow", [tensor("input", np.float32([[1]]), "FP32")], client_timeout=0.005)
    assert status(raised.value) == "DEADLINE_EXCEEDED"


def test_shared_memory_is_refused(client: Any) -> None:
    for call in (
        client.get_system_shared_memory_status,
        client.get_cuda_shared_memory_status,
        lambda: client.register_system_shared_memory("r", "/k", 64),
    ):
        with pytest.raises(InferenceServerException) as raised:
            call()
        assert status(raised.value) == "UNIMPLEMENTED"


def test_settings_can_be_read(client: Any) -> None:
    client.get_trace_settings()
    client.get_log_settings()
    with pytest.raises(InferenceServerException) as raised:
        client.update_log_settings({"log_verbose_level": 1})
    assert status(raised.value) == "UNIMPLEMENTED"


def test_unload_and_load(client: Any) -> None:
    values = [tensor("input", np.array([[True, False]]), "BOOL")]
    client.unload_model("flags")
    deadline = time.monotonic() + 5
    while True:
        try:
            client.infer("flags", values)
        except InferenceServerException as error:
            assert status(error) in ("NOT_FOUND", "UNAVAILABLE")
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    client.load_model("flags")
    assert client.is_model_ready("flags")
    answer = wait_for(lambda: client.infer("flags", values))
    assert answer.as_numpy("output").tolist() == [[True, False]]
    with pytest.raises(InferenceServerException) as raised:
        client.load_model("nobody")
    assert status(raised.value) == "NOT_FOUND"
    with pytest.raises(InferenceServerException) as raised:
        client.load_model("flags", config="{}")
    assert status(raised.value) == "INVALID_ARGUMENT"


def wait_for(call: Any, patience: float = 5.0) -> Any:
    """The edge learns of a new replica a moment after Serve does."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return call()
        except InferenceServerException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


async def test_the_aio_client(cluster: RunningCluster) -> None:
    async with triton_aio.InferenceServerClient(cluster.address) as client:
        assert await client.is_server_ready()
        answer = await client.infer("identity", ones(5), request_id="aio")
        assert answer.as_numpy("output").tolist() == [[5, 5, 5, 5]]
        assert (await client.get_model_config("identity")).config.max_batch_size == 8
