"""A chat model over the Open Inference Protocol, asked by Triton's own client."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests.conftest import RunningCluster
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

GREEDY = {"temperature": 0, "max_tokens": 16}


def inputs(text: str, *, stream: bool, sampling: Any = GREEDY, **flags: bool) -> list[Any]:
    """As the clients of Triton's vLLM backend make them."""
    made = []
    words = {"text_input": text.encode(), "sampling_parameters": json.dumps(sampling).encode()}
    for name, value in words.items():
        tensor = triton.InferInput(name, [1], "BYTES")
        tensor.set_data_from_numpy(np.array([value], object))
        made.append(tensor)
    for name, flag in {"stream": stream, **flags}.items():
        tensor = triton.InferInput(name, [1], "BOOL")
        tensor.set_data_from_numpy(np.array([flag]))
        made.append(tensor)
    return made


def ask(address: str, *requests: list[Any], ids: str = "", **options: Any) -> list[tuple[Any, Any]]:
    """Sends requests on one stream; result and error of each response until all are final.

    ids: the one of all requests; each has its number for a name without
    """
    answers: queue.Queue[tuple[Any, Any]] = queue.Queue()
    found = []
    with triton.InferenceServerClient(address) as client:
        client.start_stream(callback=lambda result, error: answers.put((result, error)))
        for number, request in enumerate(requests):
            client.async_stream_infer("llama", request, request_id=ids or str(number), **options)
        open_requests = len(requests)
        while open_requests:
            result, error = answers.get(timeout=60)
            found.append((result, error))
            final = error is not None or is_final(result)
            open_requests -= final
        client.stop_stream()
    return found


def is_final(result: Any) -> bool:
    return bool(result.get_response().parameters["triton_final_response"].bool_param)


def text_of(results: list[tuple[Any, Any]], request: int | str = 0) -> str:
    mine = [r for r, _ in results if r and r.get_response().id == str(request)]
    return b"".join(bytes(result.as_numpy("text_output")[0]) for result in mine).decode()


async def on_a_thread(*arguments: Any, **options: Any) -> list[tuple[Any, Any]]:
    return await asyncio.to_thread(ask, *arguments, **options)


async def test_streamed_and_whole_say_the_same(llama: Served) -> None:
    streamed = await on_a_thread(llama.address, inputs("섬에는", stream=True))
    whole = await on_a_thread(
        llama.address, inputs("섬에는", stream=False, exclude_input_in_output=True)
    )
    assert len(streamed) > 1 and len(whole) == 1
    assert text_of(streamed) == text_of(whole) != ""
    expected = await llama.client.complete("섬에는", temperature=0.0, max_tokens=16)
    assert text_of(whole) == expected.text


async def test_the_input_comes_first_unless_it_is_excluded(llama: Served) -> None:
    whole = await on_a_thread(llama.address, inputs("섬에는", stream=False))
    assert text_of(whole).startswith("섬에는")


async def test_many_on_one_stream(llama: Served) -> None:
    requests = [inputs(f"섬 {number}", stream=True) for number in range(40)]
    answers = await on_a_thread(llama.address, *requests)
    assert not [error for _, error in answers if error]
    alone = await on_a_thread(llama.address, inputs("섬 7", stream=True))
    assert text_of(answers, 7) == text_of(alone)


async def test_two_messages_with_one_id(llama: Served) -> None:
    """What belongs to which only a client with two ids can tell; but both are answered."""
    requests = [inputs(text, stream=False) for text in ("섬 7", "Once")]
    answers = await on_a_thread(llama.address, *requests, ids="same")
    alone = [text_of(await on_a_thread(llama.address, request)) for request in requests]
    assert sorted(text_of([answer], "same") for answer in answers) == sorted(alone)


async def test_an_adapter_and_numbers_as_texts(llama: Served) -> None:
    sampling = {"temperature": "0", "max_tokens": "16", "lora_name": "formal"}
    adapted = await on_a_thread(llama.address, inputs("섬에는", stream=True, sampling=sampling))
    plain = await on_a_thread(llama.address, inputs("섬에는", stream=True))
    assert text_of(adapted) != text_of(plain)


async def test_empty_final_responses_can_be_asked_for(llama: Served) -> None:
    answers = await on_a_thread(
        llama.address, inputs("섬에는", stream=True), enable_empty_final_response=True
    )
    assert [is_final(result) for result, _ in answers][-1]


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"n": 2}, "n: is unknown"),
        ({"guided_json": {}}, "guided_json"),
        ({"lora_name": "nobody"}, "nobody"),
        ({"lora_name": "../x"}, "sampling_parameters.lora_name"),
        ([], "sampling_parameters"),
    ],
)
async def test_bad_parameters(llama: Served, sampling: Any, words: str) -> None:
    ((_, error),) = await on_a_thread(llama.address, inputs("a", stream=True, sampling=sampling))
    assert isinstance(error, InferenceServerException) and words in str(error)


async def test_metadata_says_what_triton_s_backend_says(llama: Served) -> None:
    replica = llama.replica.describe()
    assert replica.signature.decoupled
    assert [spec.name for spec in replica.signature.inputs] == [
        "text_input",
        "stream",
        "sampling_parameters",
        "exclude_input_in_output",
    ]


@pytest.mark.cluster
@pytest.mark.timeout(400)
async def test_a_whole_cluster(cluster: RunningCluster) -> None:
    """Through the edge: what kind of model it is, its answer piece by piece, and the end."""
    await asyncio.to_thread(look, cluster.address)
    streamed = await on_a_thread(cluster.address, inputs("섬에는", stream=True))
    whole = await on_a_thread(
        cluster.address, inputs("섬에는", stream=False, exclude_input_in_output=True)
    )
    assert not [error for _, error in [*streamed, *whole] if error]
    *before, last = [is_final(result) for result, _ in streamed]
    assert last and before and not any(before)
    assert text_of(streamed) == text_of(whole) != ""


def look(address: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_model_ready("llama")
        found = client.get_model_metadata("llama", as_json=True)
        config = client.get_model_config("llama", as_json=True)["config"]
    assert [tensor["name"] for tensor in found["inputs"]][:2] == ["text_input", "stream"]
    assert [tensor["name"] for tensor in found["outputs"]] == ["text_output"]
    assert config["model_transaction_policy"]["decoupled"] is True


async def test_a_stream_that_ends_takes_its_work_along(llama: Served) -> None:
    started = threading.Event()

    def leave() -> None:
        with triton.InferenceServerClient(llama.address) as client:
            client.start_stream(callback=lambda result, error: started.set())
            long = {"min_tokens": 400, "max_tokens": 400}
            for _ in range(3):
                client.async_stream_infer("llama", inputs("a", stream=True, sampling=long))
            started.wait(30)
            client.stop_stream(cancel_requests=True)

    await asyncio.to_thread(leave)
    async with asyncio.timeout(2):
        while llama.replica.growing.streams.in_flight or llama.engine.unfinished:
            await asyncio.sleep(0.01)
    assert await llama.engine.blocks_free()
