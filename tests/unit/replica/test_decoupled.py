"""A decoupled model on a bare server: any number of responses to a message of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio

from seom.pb.inference.grpc_service_pb2 import ModelInferRequest
from seom.pb.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from seom.pb.v1.chat_pb2 import ChatRequest
from seom.pb.v1.chat_pb2_grpc import ChatServiceStub
from serving.errors import Unavailable
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from serving.services.describe import configuration

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Replica, grpc.aio.Channel]]:
    root: Path = tmp_path_factory.mktemp("repository")
    folder = root / "cpu" / "counter"
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(
        "family: tests.unit.counting\nplaces: 4\npause_s: 0.002\nfailing: 13\n"
        "limits: {queue: 4}\nresources: {cpus: 0.1}\n"
    )
    config = Repository(root, "cpu").find("counter")
    replica = Replica(config, load_model(config))
    await replica.check()
    server, port = await start(replica)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield replica, channel
    await server.stop(None)
    await replica.close()


@pytest.fixture
def stub(served: tuple[Replica, grpc.aio.Channel]) -> Any:
    return GRPCInferenceServiceStub(served[1])


def message(to: int, name: str = "a", model: str = "counter") -> ModelInferRequest:
    request = ModelInferRequest(model_name=model, id=name)
    request.inputs.add(name="to", datatype="INT32", shape=[1])
    request.raw_input_contents.append(np.int32(to).tobytes())
    return request


async def responses(stub: Any, *messages: ModelInferRequest, **options: Any) -> list[Any]:
    stream = stub.ModelStreamInfer(iter(messages), timeout=20, **options)
    return [response async for response in stream]


def number(response: Any) -> int:
    return int(np.frombuffer(response.infer_response.raw_output_contents[0], np.int32)[0])


def is_final(response: Any) -> bool:
    return bool(response.infer_response.parameters["triton_final_response"].bool_param)


async def test_each_response_says_whether_it_is_the_last(stub: Any) -> None:
    answers = await responses(stub, message(3))
    assert [number(answer) for answer in answers] == [1, 2, 3]
    assert [is_final(answer) for answer in answers] == [False, False, True]
    told = answers[0].infer_response
    assert (told.id, told.model_name, told.model_version) == ("a", "counter", "1")


async def test_the_answers_of_several_messages_mix(stub: Any) -> None:
    answers = await responses(stub, message(5, "a"), message(5, "b"))
    for name in ("a", "b"):
        mine = [number(answer) for answer in answers if answer.infer_response.id == name]
        assert mine == [1, 2, 3, 4, 5]
    names = [answer.infer_response.id for answer in answers]
    assert names != sorted(names), "one after the other, as if the second had waited"


async def test_an_error_belongs_to_its_message(stub: Any) -> None:
    answers = await responses(stub, message(14, "bad"), message(2, "good"), message(1, model="x"))
    failed = [answer for answer in answers if answer.error_message]
    assert {answer.infer_response.id for answer in failed} == {"bad", "a"}
    good = [answer for answer in answers if answer.infer_response.id == "good"]
    assert [number(answer) for answer in good] == [1, 2]


async def test_unless_the_client_wants_errors_to_end_the_stream(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        await responses(stub, message(14), metadata=[("triton_grpc_error", "true")])
    assert raised.value.code() is grpc.StatusCode.INTERNAL  # type: ignore[attr-defined]


async def test_more_than_there_is_room_for_waits_on_the_stream(stub: Any) -> None:
    """A stream's own messages wait for a place; they are not refused."""
    answers = await responses(stub, *(message(2, str(i)) for i in range(40)))
    assert not [answer for answer in answers if answer.error_message]
    assert sum(is_final(answer) for answer in answers) == 40


async def test_a_stream_that_is_left_takes_its_work_along(
    served: tuple[Replica, grpc.aio.Channel], stub: Any
) -> None:
    stream = stub.ModelStreamInfer(timeout=20)
    await stream.write(message(12))
    await stream.write(message(12))
    await stream.read()
    stream.cancel()
    model: Any = served[0].model
    async with asyncio.timeout(5):
        while model.counting or served[0].growing.streams.in_flight:
            await asyncio.sleep(0.01)


async def test_one_request_cannot_have_many_responses(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        await stub.ModelInfer(message(3), timeout=10)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]


async def test_typed_calls_of_another_family(served: tuple[Replica, grpc.aio.Channel]) -> None:
    chat = ChatServiceStub(served[1])  # type: ignore[no-untyped-call]
    for call in (chat.Chat, chat.ChatStream):
        with pytest.raises(grpc.RpcError) as raised:
            response = call(ChatRequest(model_name="counter"), timeout=10)
            await (response.read() if call is chat.ChatStream else response)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]


async def test_it_says_that_it_is_decoupled(served: tuple[Replica, grpc.aio.Channel]) -> None:
    told = configuration(served[0].describe()).config
    assert told.model_transaction_policy.decoupled


async def test_an_ill_model_makes_an_ill_replica(
    served: tuple[Replica, grpc.aio.Channel],
) -> None:
    replica = served[0]
    model: Any = replica.model
    model.ill = Unavailable("it does not get anywhere", reason="STALLED")
    try:
        with pytest.raises(Unavailable):
            await replica.check()
    finally:
        model.ill = None
    await replica.check()
