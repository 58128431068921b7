"""A video: one result a frame, in order, whatever becomes of the frames."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from seom import (
    AsyncClient,
    Cancelled,
    Client,
    DeadlineExceeded,
    FrameOutcome,
    Internal,
    InvalidArgument,
    SeomError,
)
from seom.pb.v1 import detection_pb2 as pb
from seom.video import AHEAD

from .server import OTHER_CODES, Server, wait_until

PHOTO = b"jpeg"


def outcomes(results: Any) -> list[tuple[int, str]]:
    return [(each.frame_id, str(each.outcome)) for each in results]


async def collect(results: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in results]


def test_every_frame_has_its_result(client: Client, server: Server) -> None:
    results = list(client.detect_video([PHOTO] * 100, model="m", min_score=0.5, labels=["cat"]))
    assert outcomes(results) == [(n, "DETECTED") for n in range(100)]
    result = results[0]
    assert result.outcome is FrameOutcome.DETECTED
    assert [thing.label for thing in result] == ["cat"]
    assert (result.model, result.version, result.size) == ("m", "1", (64, 48))
    assert (result.error, result.timing.device_ms) == (None, 2.0)
    assert (result.timing.round_trip_ms or 0) > 0
    assert len(result) == 1
    assert result[:1] == (result[0],)
    first, second = server.seen[0].request, server.seen[1].request
    assert (first.model_name, first.settings.min_score) == ("m", 0.5)
    assert list(first.settings.labels) == ["cat"]
    assert first.settings.when_late == pb.LATE_POLICY_WAIT
    assert not first.settings.HasField("max_overlap")
    assert (second.model_name, second.HasField("settings")) == ("", False)
    assert server.seen[0].metadata["application"] == "m"


def test_numbers_of_the_callers_own(client: Client, server: Server) -> None:
    frames = [(7, PHOTO), (2**64 - 1, PHOTO), PHOTO]
    results = list(client.detect_video(frames))
    assert [each.frame_id for each in results] == [7, 2**64 - 1, 2]


def test_models_take_turns(client: Client) -> None:
    results = client.detect_video([PHOTO] * 5, model="a", further_models=["b", "c"])
    assert [each.model for each in results] == ["a", "b", "c", "a", "b"]


def test_skipped_frames_do_not_even_leave(client: Client, server: Server) -> None:
    unreadable: Any = object()
    frames = [PHOTO, unreadable, unreadable] * 2
    results = list(client.detect_video(frames, every=3))
    D, S = "DETECTED", "SKIPPED"
    assert outcomes(results) == list(enumerate([D, S, S, D, S, S]))
    assert len(server.seen) == 2
    assert list(results[1]) == []


def test_a_frame_that_fails_does_not_end_the_stream(client: Client) -> None:
    results = list(client.detect_video([PHOTO, b"", PHOTO]))
    assert [str(each.outcome) for each in results] == ["DETECTED", "FAILED", "DETECTED"]
    error = results[1].error
    assert isinstance(error, InvalidArgument)
    assert (error.message, error.reason) == ("frame.encoded: is empty", "IMAGE_EMPTY")
    assert error.request_id
    assert list(results[1]) == []


def test_frames_the_server_drops(client: Client) -> None:
    results = list(client.detect_video([PHOTO] * 4, model="drowsy"))
    assert [str(each.outcome) for each in results] == ["DETECTED", "DROPPED"] * 2


def test_no_frames_make_no_call(client: Client, server: Server) -> None:
    assert list(client.detect_video([])) == []
    assert not server.seen


def test_a_sender_does_not_run_far_ahead(client: Client, server: Server) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield PHOTO

    results = client.detect_video(endless())
    assert next(results).frame_id == 0
    assert taken <= 3, "the first frame goes alone"
    for _ in range(50):
        next(results)
    assert wait_until(lambda: taken >= 50)
    assert not wait_until(lambda: taken > 51 + AHEAD + 2, 0.3)
    results.close()


def test_late_frames_are_dropped_before_they_leave(client: Client, server: Server) -> None:
    """The first frame's result is not taken yet, so the frames behind it are late."""
    shown, go_on = threading.Event(), threading.Event()

    def camera() -> Iterator[bytes]:
        for _ in range(100):
            yield PHOTO
        shown.set()
        go_on.wait(10)
        yield PHOTO

    results = client.detect_video(camera(), drop_late=True)
    first = next(results)
    assert shown.wait(5)
    late = [next(results) for _ in range(99)]
    assert len(server.seen) == 1
    assert server.seen[0].request.settings.when_late == pb.LATE_POLICY_DROP
    assert first.outcome is FrameOutcome.DETECTED
    assert outcomes(late) == [(n, "DROPPED") for n in range(1, 100)]
    go_on.set()
    (last,) = results
    assert last.frame_id == 100


@pytest.mark.parametrize("code", sorted(set(OTHER_CODES) - {"CANCELLED"}))
async def test_what_ends_the_stream_is_raised(
    code: str, client: Client, aclient: AsyncClient
) -> None:
    with pytest.raises(SeomError) as caught:
        list(client.detect_video([PHOTO] * 9, model="m", further_models=[code]))
    assert (caught.value.status, caught.value.message) == (code, f"{code} it is")
    with pytest.raises(SeomError) as caught:
        await collect(aclient.detect_video([PHOTO] * 9, model="m", further_models=[code]))
    assert (caught.value.status, caught.value.message) == (code, f"{code} it is")


def test_answers_nobody_asked_for(client: Client) -> None:
    with pytest.raises(Internal, match="no frame"):
        list(client.detect_video([PHOTO], model="chatty"))


def test_what_the_frames_raise_comes_after_earlier_results(client: Client) -> None:
    def frames() -> Iterator[bytes]:
        yield PHOTO
        yield PHOTO
        raise LookupError("no third one")

    seen = []
    with pytest.raises(LookupError, match="no third one"):
        for each in client.detect_video(frames()):
            seen.append(each.frame_id)  # noqa: PERF401
    assert seen == [0, 1]


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (None, TypeError, "NoneType"),
        ("nowhere.jpg", FileNotFoundError, "nowhere"),
        ((1, 2, PHOTO), TypeError, "frames"),
        ((1.5, PHOTO), TypeError, "frames"),
        ((True, PHOTO), TypeError, "frames"),
        ((-1, PHOTO), ValueError, "frames"),
        ((2**64, PHOTO), ValueError, "frames"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_frame(
    frame: Any, error: type[Exception], words: str, place: int, client: Client
) -> None:
    frames = [PHOTO] * place + [frame]
    with pytest.raises(error, match=words):
        list(client.detect_video(frames))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"labels": "cat"}, TypeError),
        ({"max_results": -1}, ValueError),
        ({"further_models": "m"}, TypeError),
        ({"further_models": ["m"] * 16}, ValueError),
        ({"every": 0}, ValueError),
        ({"timeout": 0}, ValueError),
    ],
)
async def test_arguments_are_checked_at_once(
    options: dict[str, Any], error: type[Exception], client: Client, aclient: AsyncClient
) -> None:
    for each in (client, aclient):
        with pytest.raises(error, match=next(iter(options))):
            each.detect_video([PHOTO], **options)


def test_leaving_early_cancels_the_stream_and_its_sender(client: Client, server: Server) -> None:
    senders = []

    def endless() -> Iterator[bytes]:
        while True:
            senders.append(threading.current_thread())
            yield PHOTO

    for _ in client.detect_video(endless()):
        assert wait_until(lambda: len(senders) > 1)
        break
    assert server.cancelled.wait(5)
    assert senders[-1] is not threading.current_thread()
    assert wait_until(lambda: not senders[-1].is_alive())


def test_the_timeout_is_for_the_whole_stream(client: Client, server: Server) -> None:
    def hesitant() -> Iterator[bytes]:
        yield PHOTO
        wait_until(lambda: False, 1.0)

    stream = client.detect_video(hesitant(), timeout=0.3)
    next(stream)
    with pytest.raises(DeadlineExceeded, match=r"0\.3 s"):
        next(stream)
    list(client.detect_video([PHOTO]))
    assert (server.last.remaining or 0) > 23 * 3600


# --- Awaited -------------------------------------------------------------------------------


async def test_results_are_the_same_awaited(aclient: AsyncClient, client: Client) -> None:
    frames = [PHOTO, b"", *[PHOTO] * 50]
    here = await collect(aclient.detect_video(frames, every=2))
    there = list(client.detect_video(frames, every=2))
    assert outcomes(here) == outcomes(there)
    assert [each.objects for each in here] == [each.objects for each in there]


async def test_frames_may_be_asynchronous(aclient: AsyncClient) -> None:
    answered = asyncio.Event()

    async def frames() -> AsyncIterator[bytes]:
        yield PHOTO
        await answered.wait()
        yield PHOTO

    seen = []
    async for each in aclient.detect_video(frames()):
        seen.append(each.frame_id)
        answered.set()
    assert seen == [0, 1]


async def test_a_camera_that_blocks_does_not_block_the_loop(aclient: AsyncClient) -> None:
    """Its second frame waits for the loop, which therefore must not wait for it."""
    loop_ran = threading.Event()

    def camera() -> Iterator[bytes]:
        yield PHOTO
        assert loop_ran.wait(5)
        yield PHOTO

    async def run() -> None:
        await asyncio.sleep(0.01)
        loop_ran.set()

    results, _ = await asyncio.gather(collect(aclient.detect_video(camera())), run())
    assert len(results) == 2


async def test_late_frames_are_dropped_awaited(aclient: AsyncClient) -> None:
    results = await collect(aclient.detect_video((PHOTO for _ in range(300)), drop_late=True))
    assert [each.frame_id for each in results] == list(range(300))
    assert {str(each.outcome) for each in results} == {"DETECTED", "DROPPED"}


async def test_a_bad_frame_awaited(aclient: AsyncClient) -> None:
    seen = []
    with pytest.raises(FileNotFoundError):
        async for each in aclient.detect_video([PHOTO, "nowhere.jpg"]):
            seen.append(each.frame_id)  # noqa: PERF401
    assert seen == [0]


async def test_closing_the_client_ends_its_streams(aclient: AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield PHOTO
        await asyncio.sleep(30)

    stream = aclient.detect_video(endless())
    await anext(stream)
    await aclient.close()
    with pytest.raises(Cancelled):
        await anext(stream)


async def test_cancelling_a_task_cancels_the_stream(aclient: AsyncClient, server: Server) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield PHOTO
        await asyncio.sleep(30)

    task = asyncio.create_task(collect(aclient.detect_video(endless())))
    assert await asyncio.to_thread(wait_until, lambda: server.seen)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.cancelled.wait, 5)
