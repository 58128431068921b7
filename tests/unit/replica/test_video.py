"""DetectVideo on bare servers: real frames, two models, and clients that misbehave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from seom.pb.v1 import detection_pb2 as pb
from seom.pb.v1.detection_pb2_grpc import DetectionServiceStub
from serving.errors import NotFound
from serving.models import detection
from serving.models.base import Array, Device, Model
from serving.models.detection.model import Prepared
from serving.replica.bare import start
from serving.replica.call import Call
from serving.replica.forward import Metadata, Reply
from serving.replica.replica import Replica
from serving.replica.servicer import Servicer
from serving.repository.config import Limits, ModelConfig
from serving.repository.scan import Repository
from serving.services.catalog import Rpc
from serving.timing import Timeline
from tests.errors import details_of
from tests.unit.replica.test_bad_images import encoded

PHOTO = encoded()


class Gated(detection.Model):
    """The detector, computing only while its gate is open."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, Device())
        self.gate = threading.Event()
        self.gate.set()
        self.load()

    def run(self, batch: Sequence[Prepared], timeline: Timeline) -> Sequence[Sequence[Array]]:
        self.gate.wait(10)
        return super().run(batch, timeline)


class Dispatcher(Servicer):
    """Sends each call on to the model it names, as control does."""

    def __init__(self, *replicas: Replica) -> None:
        super().__init__(secret=None, deadline_cap=60, identity="control", stream_window=8)
        self._replicas = {replica.config.name: replica for replica in replicas}

    async def answer(self, rpc: Rpc, request: Any, call: Call, timeline: Timeline) -> Reply:
        replica = self._replicas.get(request.model_name)
        if replica is None:
            raise NotFound(f"no model {request.model_name!r}", name=request.model_name)
        return await replica.forward(rpc.name, request.SerializeToString(), call.forwarded())


class Way:
    """The way of one replica's foreign calls to the dispatcher."""

    def __init__(self, *replicas: Replica) -> None:
        self._dispatcher = Dispatcher(*replicas)

    async def unary(self, rpc: str, payload: bytes, metadata: Metadata) -> Reply:
        return await self._dispatcher.forward(rpc, payload, metadata)

    async def message(self, payload: bytes, metadata: Metadata) -> list[bytes]:
        raise NotImplementedError


@asynccontextmanager
async def serving(replica: Servicer) -> AsyncIterator[Any]:
    """A stub of a server."""
    server, port = await start(replica)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield DetectionServiceStub(channel)
    await server.stop(None)


@pytest.fixture
def config(repository: Repository) -> ModelConfig:
    return repository.find("spots")


@pytest.fixture
async def make(config: ModelConfig) -> AsyncIterator[Callable[..., Replica]]:
    made: list[Replica] = []

    def replica(name: str = "spots", *, queue: int = 64, **options: Any) -> Replica:
        own = config.model_copy(update={"name": name, "limits": limits(config, queue)})
        made.append(Replica(own, Gated(own), **options))
        return made[-1]

    yield replica
    for each in made:
        each.model.gate.set()  # type: ignore[attr-defined]
        await each.close()


def limits(config: ModelConfig, queue: int) -> Limits:
    return config.limits.model_copy(update={"queue": queue})


def frame(number: int, photo: bytes = PHOTO, **fields: Any) -> pb.DetectVideoRequest:
    message = pb.DetectVideoRequest(frame_id=number, **fields)
    message.frame.encoded = photo
    return message


def opening(**settings: Any) -> pb.DetectVideoRequest:
    return pb.DetectVideoRequest(model_name="spots", settings=pb.VideoSettings(**settings))


async def answers(stub: Any, messages: Sequence[pb.DetectVideoRequest], **call: Any) -> list[Any]:
    return [answer async for answer in stub.DetectVideo(iter(messages), timeout=20, **call)]


async def ended(stub: Any, *messages: pb.DetectVideoRequest, **call: Any) -> grpc.RpcError:
    """How a stream ends; grpc.aio would lose the status if it were just writing."""
    stream = stub.DetectVideo(timeout=20, **call)
    with pytest.raises(grpc.RpcError) as raised:
        for message in messages:
            await stream.write(message)
            await stream.read()
    return raised.value


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_frames_are_looked_at_as_pictures_are(make: Callable[..., Replica]) -> None:
    replica = make(identity="r1")
    async with serving(replica) as stub:
        got = await answers(stub, [opening(), *(frame(10 * n) for n in range(20))])
    assert [answer.frame_id for answer in got] == list(range(0, 200, 10))
    for answer in got:
        assert answer.outcome == pb.FRAME_OUTCOME_DETECTED
        assert (answer.model_name, answer.model_version) == ("spots", "1")
        assert (answer.image_width, answer.image_height) == (200, 100)
        assert [thing.label for thing in answer.detections] == ["spot"]
        assert answer.detections[0].box.x_min == pytest.approx(75, abs=1)
        spent = answer.timing
        assert spent.total_ns > spent.decode_ns > 0
        assert (spent.batch_size > 0, spent.replica) == (True, "r1")
    statistics = replica.statistics
    assert (statistics.success, statistics.failed) == (20, 0)
    assert statistics.executions < 20, "frames of one stream share batches"


async def test_the_first_message_may_be_a_frame(make: Callable[..., Replica]) -> None:
    async with serving(make()) as stub:
        got = await answers(stub, [frame(5), frame(6)])
        assert [answer.frame_id for answer in got] == [5, 6]
        assert await answers(stub, [opening()]) == []
        assert await answers(stub, []) == []


async def test_skipped_frames_need_no_picture(make: Callable[..., Replica]) -> None:
    replica = make()
    without = [pb.DetectVideoRequest(frame_id=n) for n in (1, 2)]
    async with serving(replica) as stub:
        got = await answers(stub, [opening(every=3), frame(0), *without, frame(3)])
    D, S = pb.FRAME_OUTCOME_DETECTED, pb.FRAME_OUTCOME_SKIPPED
    assert [answer.outcome for answer in got] == [D, S, S, D]
    assert not got[1].HasField("timing")
    assert replica.statistics.success == 2


async def test_settings_are_heeded(make: Callable[..., Replica]) -> None:
    async with serving(make()) as stub:
        for settings, found in (
            ({"min_score": 0.95}, 0),
            ({"labels": ["nothing"]}, 0),
            ({"labels": ["spot"], "min_score": 0.1, "max_results": 3}, 1),
        ):
            (answer,) = await answers(stub, [opening(**settings), frame(0)])
            assert len(answer.detections) == found, settings


async def test_a_bad_frame_is_an_answer(make: Callable[..., Replica]) -> None:
    replica = make()
    bad = [frame(1, b"no picture"), frame(2, PHOTO[:200]), pb.DetectVideoRequest(frame_id=3)]
    async with serving(replica) as stub:
        got = await answers(stub, [frame(0), *bad, frame(4)])
    D, F = pb.FRAME_OUTCOME_DETECTED, pb.FRAME_OUTCOME_FAILED
    assert [answer.outcome for answer in got] == [D, F, F, F, D]
    assert [answer.error.reason for answer in got[1:4]] == [
        "IMAGE_FORMAT",
        "IMAGE_CORRUPT",
        "INVALID_ARGUMENT",
    ]
    assert all(answer.error.status == 3 for answer in got[1:4])
    assert all(answer.error.message.startswith("frame") for answer in got[1:4])
    assert all(answer.model_name == "" for answer in got[1:4]), "the one the stream named"
    assert (replica.statistics.success, replica.statistics.failed) == (2, 3)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"min_score": float("nan")}, "settings.min_score"),
        ({"further_models": ["spots"] * 16}, "settings.further_models"),
        ({"labels": ["spot", "unicorn"]}, "settings.labels[1]"),
    ],
)
async def test_a_bad_opening_ends_the_stream(
    make: Callable[..., Replica], settings: dict[str, Any], named: str
) -> None:
    async with serving(make()) as stub:
        error = await ended(stub, frame(0, settings=pb.VideoSettings(**settings)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(error).fields.keys() == {named}


async def test_a_model_of_nobodys_ends_the_stream(make: Callable[..., Replica]) -> None:
    async with serving(make()) as stub:
        error = await ended(stub, frame(0, model_name="nobody"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert details_of(error).resource == ("model", "nobody")


async def test_a_model_of_another_family_ends_the_stream(
    models: dict[str, Model[Any, Any, Any, Any]],
) -> None:
    replica = Replica(models["identity"].config, models["identity"])
    async with serving(replica) as stub:
        error = await ended(stub, frame(0, model_name="identity"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(error).reason == "WRONG_FAMILY"
    await replica.close()


@pytest.mark.parametrize(
    ("later", "named"),
    [
        (frame(1, model_name="other"), "model_name"),
        (frame(1, settings=pb.VideoSettings(every=2)), "settings"),
    ],
)
async def test_only_the_first_message_sets(
    make: Callable[..., Replica], later: pb.DetectVideoRequest, named: str
) -> None:
    async with serving(make()) as stub:
        error = await ended(stub, frame(0), later)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(error).fields.keys() == {named}


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("x-seom-scopes", "admin", "SCOPE_MISSING"),
        ("x-seom-models", "spots", "MODEL_NOT_ALLOWED"),
    ],
)
async def test_every_model_is_asked_for_at_the_start(
    make: Callable[..., Replica], header: str, value: str, reason: str
) -> None:
    async with serving(make()) as stub:
        metadata = [(header, value)]
        error = await ended(stub, opening(further_models=["other"]), metadata=metadata)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert details_of(error).reason == reason


# --- Several models ------------------------------------------------------------------------


async def test_models_take_turns(make: Callable[..., Replica]) -> None:
    other = make("other", identity="r2")
    own = make(identity="r1", forwarder=Way(other))
    bad = frame(3, b"no picture")
    async with serving(own) as stub:
        messages = [opening(further_models=["other"]), *map(frame, range(3)), bad, frame(4)]
        got = await answers(stub, messages)
    assert [answer.model_name for answer in got] == ["spots", "other"] * 2 + ["spots"]
    assert [answer.timing.replica for answer in got] == ["r1", "r2", "r1", "", "r1"]
    assert got[1].detections == got[0].detections
    assert got[3].outcome == pb.FRAME_OUTCOME_FAILED
    error = got[3].error
    assert (error.status, error.reason) == (3, "IMAGE_FORMAT")
    assert error.message.startswith("frame.encoded: ")
    assert (own.statistics.success, other.statistics.success) == (3, 1)


async def test_a_further_model_that_is_none_ends_the_stream(make: Callable[..., Replica]) -> None:
    own = make(forwarder=Way(make("other")))
    async with serving(own) as stub:
        for settings, code in (
            ({"further_models": ["nobody"]}, grpc.StatusCode.NOT_FOUND),
            ({"further_models": ["other"], "labels": ["x"]}, grpc.StatusCode.INVALID_ARGUMENT),
        ):
            first = frame(0, settings=pb.VideoSettings(**settings))
            error = await ended(stub, first, frame(1))
            assert error.code() is code


async def test_a_stream_of_nobodys_own(make: Callable[..., Replica]) -> None:
    """What the edge cannot route comes to control, which has every frame looked at."""
    replicas = make("spots", identity="r1"), make("other", identity="r2")
    async with serving(Dispatcher(*replicas)) as stub:
        got = await answers(stub, [opening(further_models=["other"]), *map(frame, range(4))])
        assert [answer.timing.replica for answer in got] == ["r1", "r2"] * 2
        error = await ended(stub, frame(0, model_name="nobody"))
        assert error.code() is grpc.StatusCode.NOT_FOUND
        settings = pb.VideoSettings(labels=["unicorn"])
        error = await ended(stub, frame(0, model_name="spots", settings=settings))
    assert details_of(error).fields.keys() == {"settings.labels[0]"}


async def test_cancelling_takes_all_work_along(make: Callable[..., Replica]) -> None:
    other = make("other")
    own = make(forwarder=Way(other))
    for replica in (own, other):
        replica.model.gate.clear()  # type: ignore[attr-defined]
    async with serving(own) as stub:
        stream = stub.DetectVideo(timeout=60)
        await stream.write(opening(further_models=["other"]))
        for number in range(4):
            await stream.write(frame(number))
        await until(
            lambda: (own.batched.batcher.in_flight, other.batched.batcher.in_flight) == (2, 2)
        )
        stream.cancel()
        await until(
            lambda: (own.batched.batcher.in_flight, other.batched.batcher.in_flight) == (0, 0)
        )


# --- Too much ------------------------------------------------------------------------------


async def test_late_frames_are_dropped_under_load(make: Callable[..., Replica]) -> None:
    replica = make()
    gate = replica.model.gate  # type: ignore[attr-defined]
    async with serving(replica) as stub:
        stream = stub.DetectVideo(timeout=60)
        gate.clear()
        await stream.write(opening(when_late=pb.LATE_POLICY_DROP))
        await stream.write(frame(0))
        await until(lambda: replica.batched.batcher.in_flight == 1)
        for number in range(1, 40):
            await stream.write(frame(number))
        await stream.done_writing()
        gate.set()
        got = [answer async for answer in stream]
    assert [answer.frame_id for answer in got] == list(range(40))
    outcomes = [answer.outcome for answer in got]
    assert outcomes[0] == pb.FRAME_OUTCOME_DETECTED
    assert outcomes[-1] == pb.FRAME_OUTCOME_DETECTED, "the newest is never dropped"
    dropped = outcomes.count(pb.FRAME_OUTCOME_DROPPED)
    assert dropped > 0
    assert replica.statistics.success == 40 - dropped


async def test_frames_wait_for_a_full_queue(make: Callable[..., Replica]) -> None:
    """A stream alone sends more frames at a time than this queue holds."""
    replica = make(queue=1)
    async with serving(replica) as stub:
        streams = [answers(stub, [opening(), *map(frame, range(15))]) for _ in range(2)]
        for got in await asyncio.gather(*streams):
            assert [answer.outcome for answer in got] == [pb.FRAME_OUTCOME_DETECTED] * 15
    assert replica.statistics.failed == 0


async def test_a_frame_has_the_models_deadline(make: Callable[..., Replica]) -> None:
    replica = make()
    replica.deadline_cap = 0.1
    gate = replica.model.gate  # type: ignore[attr-defined]
    async with serving(replica) as stub:
        stream = stub.DetectVideo(timeout=60)
        gate.clear()
        await stream.write(frame(0))
        late = await stream.read()
        assert (late.outcome, late.error.status) == (pb.FRAME_OUTCOME_FAILED, 4)
        gate.set()
        replica.deadline_cap = 60
        await stream.write(frame(1))
        assert (await stream.read()).outcome == pb.FRAME_OUTCOME_DETECTED


async def test_a_client_that_does_not_read_is_not_read_either(
    make: Callable[..., Replica],
) -> None:
    replica = make(identity="r" * 30_000)  # such answers soon fill all windows
    async with serving(replica) as stub:
        stream = stub.DetectVideo(timeout=60)
        sent = 0

        async def send() -> None:
            nonlocal sent
            pixels = bytes(300 * 100 * 3)
            await stream.write(opening())
            for number in range(600):
                message = pb.DetectVideoRequest(frame_id=number)
                message.frame.pixels.width, message.frame.pixels.height = 300, 100
                message.frame.pixels.format = 1
                message.frame.pixels.data = pixels
                await stream.write(message)
                sent += 1
            await stream.done_writing()

        sender = asyncio.create_task(send())
        before = -1
        while sent > before:  # until it is stuck
            before = sent
            await asyncio.sleep(0.5)
        assert sent < 600
        assert replica.batched.batcher.in_flight == 0
        # Others are served, and it may come back.
        assert len(await answers(stub, [frame(0)])) == 1
        got = [answer.frame_id async for answer in stream]
        assert got == list(range(600))
        await sender
