"""Chat through the whole of a cluster: by every way a call can take to its model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

import seom
from seom import Client
from seom.pb.v1 import chat_pb2 as pb
from seom.pb.v1.chat_pb2_grpc import ChatServiceStub
from tests.conftest import RunningCluster
from tests.unit.replica.test_bad_images import encoded

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 16}
QUESTION = "섬에는 무엇이 있나요?"


@pytest.fixture(scope="module")
def client(cluster: RunningCluster) -> Iterator[Client]:
    with Client(cluster.address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def stub(cluster: RunningCluster) -> Iterator[Any]:
    with grpc.insecure_channel(cluster.address) as channel:
        yield ChatServiceStub(channel)  # type: ignore[no-untyped-call]


def request(model: str = "") -> pb.ChatRequest:
    made = pb.ChatRequest(model_name=model)
    made.messages.add(role=pb.Message.USER).parts.add(text=QUESTION)
    made.sampling.temperature, made.sampling.max_tokens = 0.0, 16
    return made


def text_of(deltas: Any) -> str:
    return "".join(delta.text for delta in deltas)


def test_the_default_model_answers_and_the_named_one(client: Client) -> None:
    reply = client.chat(QUESTION, **GREEDY)
    assert reply.model == "llama" and reply.text
    seeing = client.chat([encoded(), QUESTION], model="llava", **GREEDY)
    assert seeing.model == "llava" and seeing.timing.network_ms is not None


def test_a_stream_through_the_edge(client: Client) -> None:
    with client.chat_stream(QUESTION, **GREEDY) as stream:
        pieces = [delta.text for delta in stream]
    assert "".join(pieces) == client.chat(QUESTION, **GREEDY).text and len(pieces) > 1


@pytest.mark.parametrize("application", ["identity", "_control", "nobody"])
def test_a_stream_that_was_led_astray(stub: Any, application: str) -> None:
    """Another model's replica passes it on to control, and control to the model."""
    metadata = [("application", application)]
    expected = text_of(stub.ChatStream(request("llama"), timeout=60))
    assert expected
    deltas = list(stub.ChatStream(request("llama"), timeout=60, metadata=metadata))
    assert text_of(deltas) == expected and len(deltas) > 1
    assert deltas[0].model_name == "llama" and deltas[-1].usage.completion_tokens == 16
    answer = stub.Chat(request("llama"), timeout=60, metadata=metadata)
    assert answer.answers[0].text == expected


def test_refusals_take_the_same_ways(stub: Any) -> None:
    bad = request("llama")
    bad.sampling.temperature = 9
    for metadata in ([], [("application", "identity")], [("application", "nobody")]):
        with pytest.raises(grpc.RpcError) as raised:
            list(stub.ChatStream(bad, timeout=60, metadata=metadata))
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "sampling.temperature" in raised.value.details()
    expected = {
        "nobody": grpc.StatusCode.NOT_FOUND,
        "identity": grpc.StatusCode.INVALID_ARGUMENT,
    }
    for model, code in expected.items():
        with pytest.raises(grpc.RpcError) as raised:
            list(stub.ChatStream(request(model), timeout=60))
        assert raised.value.code() is code


def test_a_stream_that_was_led_astray_can_be_left(client: Client, stub: Any) -> None:
    long = request("llama")
    long.sampling.max_tokens = 400
    for metadata in ([], [("application", "identity")]):
        stream = stub.ChatStream(long, timeout=60, metadata=metadata)
        next(stream)
        stream.cancel()
    assert client.chat(QUESTION, **GREEDY).text


def test_adapters_side_by_side(client: Client) -> None:
    def ask(adapter: str) -> str:
        return client.chat(QUESTION, adapter=adapter, **GREEDY).text

    with ThreadPoolExecutor(3) as threads:
        texts = list(threads.map(ask, ["", "formal", "playful"]))
    assert len(set(texts)) == 3
    with pytest.raises(seom.NotFound):
        ask("nobody")
