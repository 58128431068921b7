"""Pictures of a generator: what is asked, what comes, and how streams of them end."""

from __future__ import annotations

import asyncio
import gc
import inspect
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seom import (
    AsyncClient,
    Cancelled,
    Client,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    Latent,
    Mix,
    NotFound,
    Overloaded,
    Picture,
    Unavailable,
)
from seom.pb.v1 import synthesis_pb2 as pb

from .server import Server
from .synthesis_server import LAYERS, W_DIM

MOUTH = [(0.0, {"mouth": 0}), (0.4, {"mouth": 1, "smile": 0.5})]


async def collect(pictures: AsyncIterator[Any]) -> list[Any]:
    return [each async for each in pictures]


def test_pictures_come_in_order(client: Client, server: Server) -> None:
    pictures = list(client.synthesize(range(5, 2, -1), model="m"))
    assert [(each.index, each.seed) for each in pictures] == [(0, 5), (1, 4), (2, 3)]
    first = pictures[0]
    assert isinstance(first, Picture)
    assert (first.data, first.format) == (b"png of seed 5", "png")
    assert (first.width, first.height, first.model, first.version) == (64, 64, "m", "1")
    assert (first.latent, first.timing.device_ms) == (None, 2.0)
    trips = [each.timing.round_trip_ns or 0 for each in pictures]
    assert 0 < trips[0] < trips[1] < trips[2], "each is counted from the beginning"
    assert server.last.metadata["application"] == "m"


def test_what_is_not_said_is_left_to_the_model(client: Client, server: Server) -> None:
    list(client.synthesize([7]))
    format = pb.PICTURE_FORMAT_PNG
    assert server.last.request == pb.SynthesizeRequest(
        origins=[pb.Origin(seed=7)], encoding=pb.Encoding(format=format)
    )
    assert "application" not in server.last.metadata
    assert 590 < (server.last.remaining or 0) < 610
    list(client.animate(7, keyframes=MOUTH))
    request = server.last.request
    assert [field.name for field, _ in request.ListFields()] == [
        "origin",
        "encoding",
        "keyframes",
        "frames_per_second",
        "pace",
    ]
    assert request.encoding == pb.Encoding(format=pb.PICTURE_FORMAT_JPEG)
    assert (request.frames_per_second, request.pace) == (25, pb.PACE_REAL_TIME)
    list(client.animate(7, keyframes=[(0, {}), (300, {})], fps=0.01))
    assert 890 < (server.last.remaining or 0) < 910, "what it lasts comes on top"


LOOK: dict[str, Any] = {
    "model": "m@2",
    "psi": 0.0,
    "cutoff": 0,
    "attributes": {"smile": np.float32(1.5), "age": -1},
    "keep": ("glasses",),
    "class_id": 0,
    "noise": "random",
    "mix": Mix(np.int64(9), first=4, end=8),
    "format": "webp",
    "quality": 80,
    "size": 32,
    "timeout": 5.0,
    "metadata": {"traceparent": "00-1"},
}


def check_look(server: Server) -> None:
    request = server.last.request
    assert request.model_name == "m@2"
    look = pb.Look(
        psi=0,
        cutoff=0,
        attributes={"smile": 1.5, "age": -1},
        keep=["glasses"],
        class_id=0,
        noise=pb.NOISE_RANDOM,
        mixing=pb.Mixing(origin=pb.Origin(seed=9), first=4, end=8),
    )
    assert request.look == look
    encoding = pb.Encoding(format=pb.PICTURE_FORMAT_WEBP, quality=80, size=32)
    assert request.encoding == encoding
    assert server.last.metadata["traceparent"] == "00-1"
    assert 0 < (server.last.remaining or 0) < 6


async def test_every_argument_arrives(client: Client, aclient: AsyncClient, server: Server) -> None:
    list(client.synthesize(seeds=[1, 2**32 - 1], return_latents=True, **LOOK))
    check_look(server)
    here = server.last.request
    assert [each.seed for each in here.origins] == [1, 2**32 - 1]
    assert here.return_latents
    await collect(aclient.synthesize(seeds=[1, 2**32 - 1], return_latents=True, **LOOK))
    check_look(server)
    assert server.last.request == here

    list(client.animate(3, keyframes=MOUTH, fps=12.5, pace="every_frame", **LOOK))
    check_look(server)
    there = server.last.request
    assert (there.origin.seed, there.frames_per_second) == (3, 12.5)
    assert there.pace == pb.PACE_EVERY_FRAME
    assert [(each.time_s, dict(each.attributes)) for each in there.keyframes] == MOUTH
    frames = aclient.animate(3, keyframes=MOUTH, fps=12.5, pace="every_frame", **LOOK)
    await collect(frames)
    check_look(server)
    assert server.last.request == there


@pytest.mark.parametrize("name", ["synthesize", "animate"])
def test_both_clients_have_the_same_defaults(name: str) -> None:
    here, there = (inspect.signature(getattr(each, name)) for each in (Client, AsyncClient))
    assert here.parameters == there.parameters


def test_mixing_with_a_latent_up_to_the_last_layer(client: Client, server: Server) -> None:
    latent = Latent("w", np.ones(4, np.float32))
    list(client.synthesize([1], mix=Mix(latent, first=8)))
    mixing = server.last.request.look.mixing
    assert (mixing.origin.latent.space, mixing.first, mixing.end) == (pb.LATENT_SPACE_W, 8, 0)


# --- Latents ----------------------------------------------------------------------------------


async def test_latents_make_their_pictures_again(
    client: Client, aclient: AsyncClient, server: Server
) -> None:
    pictures = list(client.synthesize([5, 7], return_latents=True))
    latents = [each.latent for each in pictures]
    first, _ = latents
    assert first is not None
    assert (first.space, first.values.dtype, first.values.shape) == ("w+", "f4", (LAYERS * W_DIM,))
    assert first.values.reshape(-1, W_DIM)[1, 0] == 5.5
    again = list(client.synthesize(latents=latents, return_latents=True))  # type: ignore[arg-type]
    assert [each.data for each in again] == [each.data for each in pictures]
    assert [each.latent for each in again] == latents
    assert [each.seed for each in again] == [None, None]
    sent = [each.latent for each in server.last.request.origins]
    assert [np.frombuffer(each.values, "<f4").tolist() for each in sent] == [
        each.values.tolist() for each in latents if each
    ]
    mine = [each async for each in aclient.synthesize(latents=iter([first]))]
    assert [each.data for each in mine] == [b"png of seed 5"]
    frames = list(client.animate(latent=first, keyframes=MOUTH))
    assert server.last.request.origin.latent == sent[0]
    assert len(frames) == 11


def test_a_latent_of_ones_own(client: Client, server: Server) -> None:
    """Rows, doubles and big-endian numbers go as float32, row by row."""
    rows = np.arange(8, dtype=">f8").reshape(2, 4)
    list(client.synthesize(latents=[Latent("w+", rows), Latent("z", rows[::2, 1])]))
    rowwise, single = (each.latent for each in server.last.request.origins)
    assert rowwise.space == pb.LATENT_SPACE_W_PLUS
    assert rowwise.values == np.arange(8, dtype="<f4").tobytes()
    assert single == pb.Latent(space=pb.LATENT_SPACE_Z, values=np.array([1], "<f4").tobytes())


def test_latents_are_values() -> None:
    one, same = (Latent("z", np.ones(4, np.float32)) for _ in range(2))
    others = [Latent("w", one.values), Latent("z", 2 * one.values), Latent("z", one.values[:2])]
    assert one == same
    assert hash(one) == hash(same)
    assert one not in others
    assert one != "z"
    assert pickle.loads(pickle.dumps(one)) == one  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("space", "values", "error", "words"),
    [
        ("x", np.ones(4), ValueError, "space: 'x' is none of z, w, w+"),
        ("z", [1.0], TypeError, "values: give a NumPy array, not list"),
        ("z", np.ones(4, int), TypeError, "values: give floats"),
        ("z", np.array(["a"]), TypeError, "values: give floats"),
        ("z", np.ones((0, 4)), ValueError, r"values: the array is empty \(shape \(0, 4\)\)"),
    ],
)
def test_what_is_no_latent(space: Any, values: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Latent(space, values)


# --- Pictures as files and arrays -------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "name"),
    [("png", "a.png"), ("jpeg", "a.JPEG"), ("jpeg", "a.jpg"), ("webp", "a.webp"), ("png", "a")],
)
def test_save(format: Any, name: str, client: Client, tmp_path: Path) -> None:
    (picture,) = client.synthesize([5], format=format)
    picture.save(tmp_path / name)
    picture.save(str(tmp_path / "again"))
    assert (tmp_path / name).read_bytes() == f"{format} of seed 5".encode()
    assert (tmp_path / "again").read_bytes() == picture.data


def test_a_name_that_promises_another_format(client: Client, tmp_path: Path) -> None:
    (picture,) = client.synthesize([5])
    with pytest.raises(ValueError, match=r"path: 'a\.jpg' .* came as png; ask for format='jpeg'"):
        picture.save(tmp_path / "a.jpg")
    (raw,) = client.synthesize([5], format="raw")
    with pytest.raises(ValueError, match=r"ask for format='png', or end it in \.ppm"):
        raw.save(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        picture.save(tmp_path / "nowhere" / "a.png")


def test_raw_pixels(client: Client, tmp_path: Path) -> None:
    (picture,) = client.synthesize([5], format="raw", size=8)
    pixels = picture.array()
    assert (pixels.shape, pixels.dtype, pixels.flags.writeable) == ((8, 8, 3), np.uint8, False)
    assert pixels[7, 7].tolist() == [1, 2, 3]
    picture.save(tmp_path / "a.ppm")
    assert (tmp_path / "a.ppm").read_bytes() == b"P6 8 8 255\n" + pixels.tobytes()
    (gray,) = client.synthesize([5], format="raw", size=8, model="gray")
    assert gray.array().shape == (8, 8)
    gray.save(tmp_path / "a.pgm")
    assert (tmp_path / "a.pgm").read_bytes() == b"P5 8 8 255\n" + bytes([7] * 64)
    assert client.detect(pixels).size == (64, 48), "pixels go where photos go"


def test_pixels_of_an_encoded_picture(client: Client) -> None:
    (picture,) = client.synthesize([5])
    with pytest.raises(ValueError, match="array: this picture came as a png file"):
        picture.array()


# --- Animations -------------------------------------------------------------------------------


async def test_frames(client: Client, aclient: AsyncClient) -> None:
    frames = list(client.animate(seed=7, keyframes=iter(MOUTH), fps=5))
    assert [(each.number, each.time, each.dropped) for each in frames] == [
        (0, 0, 0),
        (1, 0.2, 0),
        (2, 0.4, 0),
    ]
    assert [each.data for each in frames] == [f"jpeg of frame {n}".encode() for n in range(3)]
    assert (frames[0].timing.device_ms, frames[0].timing.round_trip_ns) == (2.0, None)
    assert await collect(aclient.animate(seed=7, keyframes=MOUTH, fps=5)) == frames


def test_frames_that_were_late_are_told(client: Client) -> None:
    frames = list(client.animate(7, keyframes=MOUTH, model="late"))
    assert [(each.number, each.dropped) for each in frames] == [(0, 0), (1, 0), (10, 8)]


# --- Wrong arguments --------------------------------------------------------------------------

ANY_WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"attributes": ["smile"]}, TypeError, "attributes: give strengths by name"),
    ({"attributes": {"smile": "much"}}, TypeError, r"attributes\['smile'\]: .* not str"),
    ({"attributes": {7: 1.0}}, TypeError, r"attributes\[7\]"),
    ({"keep": "glasses"}, TypeError, "keep: give a sequence"),
    ({"psi": "much"}, TypeError, "psi: 'much' is of the wrong type"),
    ({"cutoff": -1}, ValueError, "cutoff: -1 is out of range"),
    ({"class_id": 2**32}, ValueError, "class_id"),
    ({"noise": "loud"}, ValueError, "noise: 'loud' is none of const, random, none"),
    ({"mix": 9}, TypeError, "mix: give a Mix, not int"),
    ({"mix": Mix("9", 4)}, TypeError, r"mix.origin: give a seed \(int\) or a Latent, not str"),  # type: ignore[arg-type]
    ({"mix": Mix(-9, 4)}, ValueError, "mix.origin: -9 is no seed"),
    ({"mix": Mix(9, -4)}, ValueError, "mix.first: -4"),
    ({"mix": Mix(9, 4, 4)}, ValueError, "mix.end: 4 leaves no layer from 4 on"),
    ({"mix": Mix(9, 0, 0)}, ValueError, "mix.end"),
    ({"format": "gif"}, ValueError, "format: 'gif' is none of png, jpeg, webp, raw"),
    ({"quality": 0}, ValueError, "quality: 0 is less than 1"),
    ({"quality": 9.5}, TypeError, "quality"),
    ({"size": 0}, ValueError, "size: 0 is less than 1"),
    ({"timeout": 0}, ValueError, "timeout"),
    ({"metadata": {"authorization": "x"}}, ValueError, "metadata"),
]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        *ANY_WRONG,
        ({"seeds": None}, ValueError, "seeds: give either seeds or latents"),
        ({"latents": []}, ValueError, "seeds: give either seeds or latents"),
        ({"seeds": []}, ValueError, "seeds: give one or more"),
        ({"seeds": None, "latents": []}, ValueError, "latents: give one or more"),
        ({"seeds": 7}, TypeError, r"seeds: give a sequence, \[7\], not one int"),
        ({"seeds": [1, 2.0]}, TypeError, r"seeds\[1\]: give a whole number, not float"),
        ({"seeds": [-1]}, ValueError, r"seeds\[0\]: -1 is no seed of 0 to 4294967295"),
        ({"seeds": [2**32]}, ValueError, r"seeds\[0\]: 4294967296"),
        ({"seeds": None, "latents": [None]}, TypeError, r"latents\[0\]: .*return_latents=True"),
        ({"seeds": None, "latents": [np.ones(4)]}, TypeError, "give a Latent, not ndarray"),
        ({"seeds": None, "latents": Latent("z", np.ones(4))}, TypeError, "not one Latent"),
    ],
)
async def test_wrong_arguments_of_synthesize(
    options: dict[str, Any],
    error: type[Exception],
    words: str,
    client: Client,
    aclient: AsyncClient,
    server: Server,
) -> None:
    for each in (client, aclient):
        with pytest.raises(error, match=words):
            each.synthesize(**{"seeds": [7], **options})  # type: ignore[attr-defined]
    assert not server.seen


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        *ANY_WRONG,
        ({"seed": None}, ValueError, "seed: give either a seed or a latent"),
        ({"latent": Latent("z", np.ones(4))}, ValueError, "seed: give either"),
        ({"seed": "7"}, TypeError, "seed: give a whole number, not str"),
        ({"seed": -1}, ValueError, "seed: -1"),
        ({"keyframes": []}, ValueError, "keyframes: give two or more"),
        ({"keyframes": MOUTH[:1]}, ValueError, "keyframes: give two or more"),
        ({"keyframes": [*MOUTH, 3]}, TypeError, r"keyframes\[2\]: give a time and attributes"),
        ({"keyframes": [*MOUTH, "0:"]}, TypeError, r"keyframes\[2\]: give a time and attributes"),
        ({"keyframes": [*MOUTH, ("1", {})]}, TypeError, r"keyframes\[2\]\[0\]: '1'"),
        ({"keyframes": [*MOUTH, (float("nan"), {})]}, ValueError, r"keyframes\[2\]\[0\]: nan"),
        ({"keyframes": [*MOUTH, (601, {})]}, ValueError, r"keyframes\[2\]\[0\]: 601 is not"),
        ({"keyframes": [(-1, {}), *MOUTH]}, ValueError, r"keyframes\[0\]\[0\]: -1"),
        ({"keyframes": [*MOUTH, (1, {"a": "b"})]}, TypeError, r"keyframes\[2\]\[1\]\['a'\]"),
        ({"fps": 0}, ValueError, "fps: 0 is no rate"),
        ({"fps": float("nan")}, ValueError, "fps: nan"),
        ({"fps": "25"}, TypeError, "fps: '25'"),
        ({"pace": "slow"}, ValueError, "pace: 'slow' is none of real_time, every_frame"),
    ],
)
async def test_wrong_arguments_of_animate(
    options: dict[str, Any],
    error: type[Exception],
    words: str,
    client: Client,
    aclient: AsyncClient,
    server: Server,
) -> None:
    for each in (client, aclient):
        with pytest.raises(error, match=words):
            each.animate(**{"seed": 7, "keyframes": MOUTH, **options})  # type: ignore[attr-defined]
    assert not server.seen


# --- How streams end --------------------------------------------------------------------------


async def test_errors_are_those_of_other_calls(client: Client, aclient: AsyncClient) -> None:
    for each in (
        client.synthesize([1], model="busy"),
        client.animate(1, keyframes=MOUTH, model="busy"),
    ):
        with pytest.raises(Overloaded) as caught:
            next(each)
        assert (caught.value.retry_after, caught.value.reason) == (0.25, "QUEUE_FULL")
        assert caught.value.request_id == "theirs"
    with pytest.raises(NotFound, match="missing"):
        await anext(aclient.synthesize([1], model="missing"))
    with pytest.raises(InvalidArgument):
        await collect(aclient.animate(1, keyframes=MOUTH, model="INVALID_ARGUMENT"))


@pytest.mark.parametrize(("model", "error"), [("lost", Unavailable), ("broken", Internal)])
async def test_what_ends_a_stream_is_raised_after_what_came(
    model: str, error: type[Exception], client: Client, aclient: AsyncClient
) -> None:
    pictures = client.synthesize(range(3), model=model)
    assert next(pictures).seed == 0
    with pytest.raises(error):
        next(pictures)
    assert list(pictures) == [], "it is over"
    frames = aclient.animate(1, keyframes=MOUTH, model=model)
    assert (await anext(frames)).number == 0
    with pytest.raises(error):
        await anext(frames)
    assert await collect(frames) == []


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("misplaced", {}, "a picture that was not asked for"),
        ("misshapen", {"format": "raw"}, "a message without a raw picture"),
        ("empty", {}, "a message without a png picture"),
        ("empty", {"format": "raw"}, "a message without a raw picture"),
        ("odd", {"return_latents": True}, "the answer is broken"),
    ],
)
def test_answers_nobody_asked_for(
    model: str, options: dict[str, Any], words: str, client: Client, server: Server
) -> None:
    pictures = client.synthesize(range(9), model=model, **options)
    with pytest.raises(Internal, match=words) as caught:
        next(pictures)
    assert len(caught.value.request_id) == 32
    assert server.cancelled.wait(5)


def test_nothing_is_asked_before_the_first_picture_is(client: Client, server: Server) -> None:
    pictures = client.synthesize([7])
    pictures.close()
    assert list(pictures) == []
    assert not server.seen


def leave_by_break(client: Client) -> None:
    for frame in client.animate(1, keyframes=MOUTH, model="endless"):
        if frame.number == 3:
            break


def leave_by_close(client: Client) -> Any:
    pictures = client.synthesize([1], model="endless")
    next(pictures)
    pictures.close()
    assert list(pictures) == []
    return pictures


def leave_by_block(client: Client) -> Any:
    with client.synthesize([1], model="endless") as pictures:
        next(pictures)
    assert list(pictures) == []
    return pictures


def leave_by_cancel(client: Client) -> Any:
    pictures = client.synthesize([1], model="endless")
    next(pictures)
    pictures.cancel()
    with pytest.raises(Cancelled):
        for _ in pictures:
            pass
    pictures.cancel()
    return pictures


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is dropped must go by itself, and not when garbage is collected some day."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("leave", [leave_by_break, leave_by_close, leave_by_block, leave_by_cancel])
def test_leaving_cancels(leave: Callable[[Client], Any], client: Client, server: Server) -> None:
    kept = leave(client)
    assert server.cancelled.wait(5)
    assert client.live(), "the connection goes on"
    del kept


def test_cancelled_before_it_began(client: Client) -> None:
    pictures = client.synthesize([1], model="endless")
    pictures.cancel()
    with pytest.raises(Cancelled):
        next(pictures)


async def leave_by_break_async(client: AsyncClient) -> None:
    async for frame in client.animate(1, keyframes=MOUTH, model="endless"):
        if frame.number == 3:
            break


async def leave_by_aclose(client: AsyncClient) -> Any:
    pictures = client.synthesize([1], model="endless")
    await anext(pictures)
    await pictures.aclose()
    assert await collect(pictures) == []
    return pictures


async def leave_by_block_async(client: AsyncClient) -> Any:
    async with client.synthesize([1], model="endless") as pictures:
        await anext(pictures)
    return pictures


async def leave_by_cancel_async(client: AsyncClient) -> Any:
    pictures = client.synthesize([1], model="endless")
    await anext(pictures)
    pictures.cancel()
    with pytest.raises(Cancelled):
        await collect(pictures)
    return pictures


async def leave_by_cancelling_the_task(client: AsyncClient) -> None:
    first = asyncio.Event()

    async def read() -> None:
        async for _ in client.synthesize([1, 2], model="hesitant"):
            first.set()

    task = asyncio.create_task(read())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break_async,
        leave_by_aclose,
        leave_by_block_async,
        leave_by_cancel_async,
        leave_by_cancelling_the_task,
    ],
)
async def test_leaving_cancels_awaited(
    leave: Callable[[AsyncClient], Any], aclient: AsyncClient, server: Server
) -> None:
    kept = await leave(aclient)
    assert await asyncio.to_thread(server.cancelled.wait, 5)
    assert await aclient.live()
    del kept


async def test_closing_the_client_ends_its_streams(client: Client, aclient: AsyncClient) -> None:
    waiting = client.synthesize([1, 2], model="hesitant")
    next(waiting)
    client.close()
    with pytest.raises(Cancelled):
        next(waiting)
    awaited = aclient.synthesize([1, 2], model="hesitant")
    await anext(awaited)
    await aclient.close()
    with pytest.raises(Cancelled):
        await anext(awaited)
    for pictures in (client.synthesize([1]), client.animate(1, keyframes=MOUTH)):
        with pytest.raises(RuntimeError, match="closed"):
            next(pictures)


async def test_the_timeout_is_for_the_whole_stream(client: Client, aclient: AsyncClient) -> None:
    pictures = client.synthesize([1, 2], model="hesitant", timeout=0.5)
    next(pictures)
    with pytest.raises(DeadlineExceeded, match=r"0\.5 s"):
        next(pictures)
    frames = aclient.animate(1, keyframes=MOUTH, model="hesitant", timeout=0.5)
    await anext(frames)
    with pytest.raises(DeadlineExceeded, match=r"0\.5 s"):
        await anext(frames)


def test_streams_are_not_sent_again(client: Client, server: Server) -> None:
    server.unavailable = 1
    with pytest.raises(Unavailable, match="starting"):
        list(client.synthesize([1]))
    assert len(server.seen) == 1
