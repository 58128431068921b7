"""DetectVideo through the edge: turns over several applications, ends, and its neighbours."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from seom import AsyncClient, Client, FrameOutcome, InvalidArgument, NotFound
from seom.pb.inference.grpc_service_pb2 import ModelInferRequest
from seom.pb.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from seom.pb.v1 import detection_pb2 as pb
from seom.pb.v1.detection_pb2_grpc import DetectionServiceStub
from tests.conftest import RunningCluster
from tests.errors import details_of
from tests.unit.replica.test_bad_images import encoded

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

PHOTO = encoded()
DETECTORS = ("spots", "dots", "yolox-nano")
ROW = np.float32([[1, 2, 3, 4]])


@pytest.fixture
def seom(cluster: RunningCluster) -> Iterator[Client]:
    with Client(cluster.address, timeout=30) as client:
        yield client


@pytest.fixture
def stub(cluster: RunningCluster) -> Iterator[Any]:
    with grpc.insecure_channel(cluster.address) as channel:
        yield DetectionServiceStub(channel)


def frame(number: int, **fields: Any) -> pb.DetectVideoRequest:
    message = pb.DetectVideoRequest(frame_id=number, **fields)
    message.frame.encoded = PHOTO
    return message


def counts(seom: Client, model: str) -> int:
    (statistics,) = seom.statistics(model)
    return statistics.success.count


def test_models_of_several_applications_take_turns(seom: Client) -> None:
    before = counts(seom, "dots")
    results = list(seom.detect_video([PHOTO] * 20, model="spots", further_models=["dots"]))
    assert [each.frame_id for each in results] == list(range(20))
    assert [each.model for each in results] == ["spots", "dots"] * 10
    assert all([thing.label for thing in each] == ["spot"] for each in results)
    assert len({each.timing.replica for each in results}) == 2
    assert all((each.timing.total_ns or 0) > (each.timing.device_ns or 0) > 0 for each in results)
    assert counts(seom, "dots") == before + 10


def test_a_long_video_on_the_default_model(seom: Client) -> None:
    numbers = itertools.count(10**12, 40)
    frames = list(zip(numbers, [PHOTO] * 300, strict=False))
    results = list(seom.detect_video(frames, every=3))
    assert [each.frame_id for each in results] == [number for number, _ in frames]
    assert sum(each.outcome is FrameOutcome.DETECTED for each in results) == 100
    assert {each.model for each in results if each} <= set(DETECTORS)


async def test_awaited(cluster: RunningCluster) -> None:
    async with AsyncClient(cluster.address, timeout=30) as seom:
        stream = seom.detect_video([PHOTO, b"none", PHOTO], model="spots")
        outcomes = [str(each.outcome) async for each in stream]
    assert outcomes == ["DETECTED", "FAILED", "DETECTED"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "nobody"}, NotFound),
        ({"model": "spots", "further_models": ["nobody"]}, NotFound),
        ({"model": "spots", "labels": ["unicorn"]}, InvalidArgument),
        ({"model": "spots", "min_score": float("nan")}, InvalidArgument),
        ({"model": "identity"}, InvalidArgument),
        ({"model": "spots", "further_models": ["identity"]}, InvalidArgument),
        ({"model": "no name"}, InvalidArgument),
    ],
)
async def test_what_is_wrong_with_a_stream_ends_it(
    cluster: RunningCluster, seom: Client, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        list(seom.detect_video([PHOTO] * 4, **options))
    async with AsyncClient(cluster.address, timeout=30) as aclient:
        with pytest.raises(error):
            async for _ in aclient.detect_video([PHOTO] * 4, **options):
                pass


def test_a_stream_the_edge_cannot_route(stub: Any) -> None:
    """Compressed, its model's name is not to be seen: control has the frames looked at."""
    frames = [frame(0, model_name="spots"), frame(1), frame(2)]
    frames[0].settings.further_models.append("dots")
    compressed = grpc.Compression.Gzip
    answers = list(stub.DetectVideo(iter(frames), timeout=20, compression=compressed))
    assert [answer.model_name for answer in answers] == ["spots", "dots", "spots"]
    nameless = list(stub.DetectVideo(iter([frame(0)]), timeout=20, compression=compressed))
    assert nameless[0].model_name in DETECTORS
    with pytest.raises(grpc.RpcError) as raised:
        list(stub.DetectVideo(iter([frame(0, model_name="nobody")]), timeout=20))
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert details_of(raised.value).reason == "MODEL_NOT_FOUND"


def test_late_frames_are_dropped(stub: Any) -> None:
    first = frame(0, model_name="spots")
    first.settings.when_late = pb.LATE_POLICY_DROP
    messages = itertools.chain([first], map(frame, range(1, 300)))
    answers = list(stub.DetectVideo(messages, timeout=60))
    assert [answer.frame_id for answer in answers] == list(range(300))
    outcomes = {answer.outcome for answer in answers}
    assert outcomes == {pb.FRAME_OUTCOME_DETECTED, pb.FRAME_OUTCOME_DROPPED}
    assert answers[-1].outcome == pb.FRAME_OUTCOME_DETECTED


def test_a_stream_that_is_not_read_holds_up_no_one(seom: Client) -> None:
    """Not even on its own connection: the SDK sends no further than it is answered."""
    unread = seom.detect_video((PHOTO for _ in range(10**6)), model="spots")
    for _ in range(5):
        next(unread)
    time.sleep(1)
    for _ in range(20):
        assert np.array_equal(seom.infer("identity", {"input": ROW}, timeout=2)["output"], ROW)
        assert seom.detect(PHOTO, model="spots", timeout=5).model == "spots"
    assert next(unread).frame_id == 5
    unread.close()


def test_a_call_that_is_given_up_ends_wherever_it_was_sent_on_to(
    cluster: RunningCluster, seom: Client
) -> None:
    """A header for one model and a body for another: two hops through Ray's handles."""
    request = ModelInferRequest(model_name="slow")
    request.inputs.add(name="input", datatype="FP32", shape=[1, 1])
    request.raw_input_contents.append(b"\0" * 4)
    with grpc.insecure_channel(cluster.address) as channel:
        infer = GRPCInferenceServiceStub(channel).ModelInfer
        metadata = (("application", "identity"),)
        infer(request, timeout=30, metadata=metadata)  # handles take a while to get going
        before = counts(seom, "slow")
        calls = [infer.future(request, timeout=30, metadata=metadata) for _ in range(8)]
        while not any(call.done() for call in calls):
            time.sleep(0.001)
        for call in calls:
            call.cancel()
        given_up = sum(call.code() is grpc.StatusCode.CANCELLED for call in calls)

    # Alone, each of them would take some tens of milliseconds.
    succeeded = settled(lambda: counts(seom, "slow"), 1.0) - before
    assert given_up > 4
    assert succeeded < len(calls) - 1, "they were computed for nobody"


def settled(read: Callable[[], int], seconds: float) -> int:
    """A reading, once it has not changed for so long."""
    last, since = read(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.05)
        if (now := read()) != last:
            last, since = now, time.monotonic()
    return last


def test_cameras_at_the_same_time(seom: Client) -> None:
    wrong: list[Any] = []

    def watch(number: int) -> None:
        frames = [(1000 * number + n, PHOTO) for n in range(30)]
        results = list(seom.detect_video(frames, model="spots", further_models=["dots"]))
        if [each.frame_id for each in results] != [each for each, _ in frames]:
            wrong.append(results)
        if any(each.outcome is not FrameOutcome.DETECTED for each in results):
            wrong.append([each.error for each in results])

    threads = [threading.Thread(target=watch, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)
