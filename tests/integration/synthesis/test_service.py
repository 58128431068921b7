"""seom.v1.SynthesisService on a real generator: pictures, frames, their order, their end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from seom.pb.v1 import synthesis_pb2 as pb
from serving.models.synthesis.types import Drawing, Origin
from serving.timing import Timeline
from tests.integration.synthesis.replicas import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

RAW = pb.Encoding(format=pb.PICTURE_FORMAT_RAW)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    settings = "batching: {max_batch_size: 4}\nmax_images: 40\n"
    async with serving(tmp_path_factory.mktemp("r"), "stylegan2", settings) as served:
        yield served


def synthesize(*seeds: int, **fields: Any) -> pb.SynthesizeRequest:
    return pb.SynthesizeRequest(origins=[pb.Origin(seed=seed) for seed in seeds], **fields)


def animate(seconds: float, **fields: Any) -> pb.AnimateRequest:
    keyframes = [
        pb.Keyframe(time_s=0, attributes={"age": -2}),
        pb.Keyframe(time_s=seconds, attributes={"age": 2}),
    ]
    return pb.AnimateRequest(
        **{"origin": pb.Origin(seed=7), "keyframes": keyframes, "encoding": RAW, **fields}
    )


async def pictures(served: Served, request: pb.SynthesizeRequest) -> list[Any]:
    return [message async for message in served.stub.Synthesize(request, timeout=30)]


def pixels(message: Any) -> np.ndarray:
    if message.image.HasField("encoded"):
        return np.asarray(Image.open(io.BytesIO(message.image.encoded)))
    sent = message.image.pixels
    return np.frombuffer(sent.data, np.uint8).reshape(sent.height, sent.width, 3)


async def idle(served: Served) -> None:
    """Waits until nothing is under way; fails after two seconds."""
    async with asyncio.timeout(2):
        while served.replica.batched.batcher.in_flight:
            await asyncio.sleep(0.01)


# Synthesize -------------------------------------------------------------------------


async def test_pictures_in_order(served: Served) -> None:
    found = await pictures(served, synthesize(*range(30, 70), encoding=RAW))
    assert [message.index for message in found] == list(range(40))
    model = served.model
    for message in (found[0], found[17], found[39]):
        prepared = model.prepare(Drawing(Origin(seed=30 + message.index)), Timeline())
        (alone,) = model.run([prepared], Timeline())
        np.testing.assert_array_equal(pixels(message), alone.pixels)
    assert {(m.model_name, m.model_version, m.width, m.height) for m in found} == {
        ("stylegan2", "1", 64, 64)
    }
    timing = found[5].timing
    assert timing.device_ns and timing.total_ns >= timing.device_ns and timing.batch_size >= 1
    assert max(message.timing.batch_size for message in found) > 1


async def test_every_format(served: Served) -> None:
    (raw,) = await pictures(served, synthesize(3, encoding=RAW))
    (png,) = await pictures(served, synthesize(3))
    np.testing.assert_array_equal(pixels(png), pixels(raw))
    assert png.image.encoded.startswith(b"\x89PNG") and png.timing.encode_ns
    for format, magic in ((pb.PICTURE_FORMAT_JPEG, b"\xff\xd8"), (pb.PICTURE_FORMAT_WEBP, b"RIFF")):
        encoding = pb.Encoding(format=format, size=32)
        (found,) = await pictures(served, synthesize(3, encoding=encoding))
        assert found.image.encoded.startswith(magic)
        assert pixels(found).shape == (32, 32, 3) and (found.width, found.height) == (32, 32)


async def test_a_latent_makes_its_picture_again(served: Served) -> None:
    look = pb.Look(psi=0.6, attributes={"smile": 1.5, "age": -1})
    (first,) = await pictures(served, synthesize(3, look=look, encoding=RAW, return_latents=True))
    assert first.latent.space == pb.LATENT_SPACE_W_PLUS
    origin = pb.Origin(latent=first.latent)
    (again,) = await pictures(served, pb.SynthesizeRequest(origins=[origin], encoding=RAW))
    assert again.image == first.image
    assert not again.HasField("latent")


async def test_attributes_move(served: Served) -> None:
    found = [
        (await pictures(served, synthesize(3, look=look, encoding=RAW)))[0].image.pixels.data
        for look in (
            pb.Look(),
            pb.Look(attributes={"smile": 2}),
            pb.Look(attributes={"glasses": 2}),
            pb.Look(attributes={"glasses": 2}, keep=["age"]),
            pb.Look(noise=pb.NOISE_NONE),
            pb.Look(mixing=pb.Mixing(origin=pb.Origin(seed=9), first=3)),
        )
    ]
    assert len(set(found)) == len(found)


async def test_who_leaves_early(served: Served) -> None:
    stream = served.stub.Synthesize(synthesize(*range(40)), timeout=30)
    await stream.read()
    stream.cancel()
    await idle(served)


async def test_many_at_once(served: Served) -> None:
    """More pictures than the queue has places: those under way wait for theirs."""
    calls = [pictures(served, synthesize(*range(n, n + 8), encoding=RAW)) for n in range(6)]
    found = await asyncio.gather(*calls)
    for n, messages in enumerate(found):
        assert [message.index for message in messages] == list(range(8))
        assert messages[0].image == found[0][n].image  # of the same seed
    await idle(served)


async def test_statistics(served: Served) -> None:
    before = served.replica.statistics.success
    await pictures(served, synthesize(1, 2, 3))
    assert served.replica.statistics.success == before + 3


# Animate ----------------------------------------------------------------------------


async def test_every_frame(served: Served) -> None:
    request = animate(0.8, pace=pb.PACE_EVERY_FRAME)
    found = [message async for message in served.stub.Animate(request, timeout=30)]
    assert [message.frame for message in found] == list(range(21))
    assert [message.time_s for message in found] == [n / 25 for n in range(21)]
    assert {message.dropped for message in found} == {0}
    assert len({message.image.pixels.data for message in found}) == 21
    look = pb.Look(attributes={"age": 2})
    (last,) = await pictures(served, synthesize(7, look=look, encoding=RAW))
    np.testing.assert_array_equal(pixels(found[-1]), pixels(last))


async def test_frames_are_jpegs_unless_asked_otherwise(served: Served) -> None:
    request = animate(0.08, encoding=pb.Encoding())
    found = [message async for message in served.stub.Animate(request, timeout=30)]
    assert all(message.image.encoded.startswith(b"\xff\xd8") for message in found)


async def test_real_time_takes_its_time(served: Served) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    stream = served.stub.Animate(animate(1, frames_per_second=10), timeout=30)
    found = [message async for message in stream]
    # Never sooner than it is due; how much later is the machine's affair.
    assert loop.time() - began >= 1.0
    frames = [message.frame for message in found]
    assert frames == sorted(set(frames)) and (frames[0], frames[-1]) == (0, 10)
    assert [m.dropped for m in found] == [m.frame - n for n, m in enumerate(found)]


async def test_a_slow_reader_misses_frames(served: Served) -> None:
    """Windows of 64 KiB hold a few pictures of 12 KiB; what comes later is left out."""
    options = [("grpc.http2.lookahead_bytes", 2**16), ("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(served.address, options=options) as channel:
        stub = type(served.stub)(channel)
        stream = stub.Animate(animate(3, frames_per_second=100), timeout=60)
        found = []
        while (message := await stream.read()) is not grpc.aio.EOF:
            found.append(message)
            await asyncio.sleep(0.1)
    frames = [message.frame for message in found]
    assert frames == sorted(set(frames)) and frames[-1] == 300
    assert 2 < len(frames) < 200
    assert found[-1].dropped == 301 - len(found)
    assert served.replica.batched.batcher.in_flight == 0


async def test_an_animation_is_cancelled_at_once(served: Served) -> None:
    stream = served.stub.Animate(animate(60), timeout=100)
    for _ in range(3):
        await stream.read()
    stream.cancel()
    await idle(served)


async def test_an_animation_ends_with_its_time(served: Served) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        async for _ in served.stub.Animate(animate(60), timeout=0.5):
            pass
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await idle(served)


# Limits -----------------------------------------------------------------------------


async def test_a_short_queue(tmp_path: Path) -> None:
    """Only a call's first picture may find it full; the others wait for their places."""
    settings = "batching: {max_batch_size: 4}\nlimits: {queue: 1}\n"
    async with serving(tmp_path, "stylegan2-orig", settings) as served:
        found = await pictures(served, synthesize(*range(24)))
        assert [message.index for message in found] == list(range(24))


async def test_the_models_own_limit_of_a_stream(tmp_path: Path) -> None:
    async with serving(tmp_path, "stylegan2-orig", "limits: {stream_s: 0.5}\n") as served:
        with pytest.raises(grpc.RpcError) as raised:
            async for _ in served.stub.Animate(animate(60), timeout=30):
                pass
        assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await idle(served)
