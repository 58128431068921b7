"""NVIDIA's own client, unmodified: ModelStreamInfer."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from tests.conformance.test_triton_unary import ones, status, tensor
from tests.conftest import RunningCluster

pytestmark = pytest.mark.cluster


class Stream:
    """A client with one open stream whose answers arrive in a queue."""

    def __init__(self, cluster: RunningCluster, **options: Any) -> None:
        self.client = triton.InferenceServerClient(cluster.address)
        self.answers: queue.Queue[Any] = queue.Queue()
        self.client.start_stream(lambda result, error: self.answers.put((result, error)), **options)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_stream()
        self.client.close()

    def send(self, model: str, inputs: Any, **options: Any) -> None:
        self.client.async_stream_infer(model, inputs, **options)

    def answer(self, timeout: float = 30) -> Any:
        result, error = self.answers.get(timeout=timeout)
        if error is not None:
            raise error
        return result

    def error(self) -> InferenceServerException:
        result, error = self.answers.get(timeout=30)
        assert result is None, result
        return error


def final(result: Any) -> bool:
    return bool(result.get_response().parameters["triton_final_response"].bool_param)


def test_answers_come_in_order_and_say_that_they_are_final(cluster: RunningCluster) -> None:
    with Stream(cluster) as stream:
        for number in range(64):
            stream.send("identity", ones(number), request_id=str(number))
        for number in range(64):
            result = stream.answer()
            assert result.get_response().id == str(number)
            assert result.as_numpy("output")[0, 0] == number
            assert final(result)


def test_empty_final_responses_may_be_asked_for(cluster: RunningCluster) -> None:
    with Stream(cluster) as stream:
        stream.send("identity", ones(), enable_empty_final_response=True)
        assert final(stream.answer())
        assert stream.answers.empty()


def test_an_error_inside_a_stream_stays_inside_it(cluster: RunningCluster) -> None:
    with Stream(cluster) as stream:
        stream.send("identity", ones(1), request_id="a")
        stream.send("identity", [tensor("wrong", np.float32([[1]]), "FP32")], request_id="b")
        stream.send("nobody", ones(1), request_id="c")
        stream.send("identity", ones(2), request_id="d")
        assert stream.answer().get_response().id == "a"
        assert "wrong" in str(stream.error())
        assert "nobody" in str(stream.error())
        assert stream.answer().as_numpy("output")[0, 0] == 2


def test_triton_grpc_error_ends_the_stream_with_the_status(cluster: RunningCluster) -> None:
    with Stream(cluster, headers={"triton_grpc_error": "true"}) as stream:
        stream.send("identity", [tensor("wrong", np.float32([[1]]), "FP32")])
        assert status(stream.error()) == "INVALID_ARGUMENT"


def test_one_stream_may_name_several_models(cluster: RunningCluster) -> None:
    rows = np.uint8([[9, 8, 7, 6]])
    with Stream(cluster) as stream:
        for number in range(8):
            if number % 2:
                stream.send("bytes8", [tensor("input", rows, "UINT8")], request_id=str(number))
            else:
                stream.send("identity", ones(number), request_id=str(number))
        for number in range(8):
            result = stream.answer()
            assert result.get_response().id == str(number)
            expected = rows.tolist() if number % 2 else [[float(number)] * 4]
            assert result.as_numpy("output").tolist() == expected


def test_a_stream_whose_first_model_is_unknown_goes_on(cluster: RunningCluster) -> None:
    with Stream(cluster) as stream:
        stream.send("nobody", ones(1))
        stream.send("identity", ones(2))
        assert "nobody" in str(stream.error())
        assert stream.answer().as_numpy("output")[0, 0] == 2


def test_the_first_message_may_come_late(cluster: RunningCluster) -> None:
    with Stream(cluster) as stream:
        time.sleep(5)
        stream.send("identity", ones(4))
        assert stream.answer().as_numpy("output")[0, 0] == 4


def test_compressed_streams(cluster: RunningCluster) -> None:
    with Stream(cluster, compression_algorithm="gzip") as stream:
        stream.send("identity", ones(6))
        assert stream.answer().as_numpy("output")[0, 0] == 6


def test_streams_at_the_same_time(cluster: RunningCluster) -> None:
    failures: list[str] = []

    def talk(number: int) -> None:
        with Stream(cluster) as stream:
            for turn in range(20):
                stream.send("identity", ones(number * 100 + turn))
                value = stream.answer().as_numpy("output")[0, 0]
                if value != number * 100 + turn:
                    failures.append(f"{number}: {value} for turn {turn}")

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


async def test_the_aio_client_streams(cluster: RunningCluster) -> None:
    async def requests() -> Any:
        for number in range(10):
            yield {"model_name": "identity", "inputs": ones(number), "request_id": str(number)}

    async with triton_aio.InferenceServerClient(cluster.address) as client:
        values = []
        async for result, error in client.stream_infer(requests()):
            assert error is None
            values.append(result.as_numpy("output")[0, 0])
        assert values == list(range(10))
