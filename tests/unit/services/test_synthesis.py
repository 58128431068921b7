"""SynthesisService's messages: every field arrives, every wrong one is named, all is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seom.pb.v1 import common_pb2
from seom.pb.v1 import synthesis_pb2 as pb
from serving.errors import InvalidArgument
from serving.models.synthesis.types import Drawn, Encoding, Look, Mixing, Origin
from serving.services.catalog import DEFAULT_FAMILIES, RPCS
from serving.services.synthesis import (
    Series,
    Shot,
    build_animate,
    build_synthesize,
    parse_animate,
    parse_synthesize,
)
from serving.services.typed import SHOWN

NAN, INF = float("nan"), float("inf")
FLOATS = np.arange(4, dtype=np.float32)


def origins(*seeds: int) -> list[pb.Origin]:
    return [pb.Origin(seed=seed) for seed in seeds]


def synthesize(**fields: Any) -> pb.SynthesizeRequest:
    return pb.SynthesizeRequest(**{"origins": origins(1), **fields})


def keyframes(*times: float, **strengths: float) -> list[pb.Keyframe]:
    return [pb.Keyframe(time_s=time, attributes=strengths) for time in times]


def animate(**fields: Any) -> pb.AnimateRequest:
    given = {"origin": pb.Origin(seed=1), "keyframes": keyframes(0, 1), **fields}
    return pb.AnimateRequest(**given)


def refused(parse: Callable[[Any, int], Any], request: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as raised:
        parse(request, 8)
    return dict(raised.value.fields)


def test_synthesize_reads_every_field() -> None:
    look = pb.Look(
        psi=0.5,
        cutoff=0,
        attributes={"smile": 1.5},
        keep=["age"],
        class_id=0,
        noise=pb.NOISE_RANDOM,
        mixing=pb.Mixing(origin=pb.Origin(seed=9), first=2, end=5),
    )
    latent = pb.Latent(space=pb.LATENT_SPACE_W, values=FLOATS.astype("<f4").tobytes())
    series = parse_synthesize(
        pb.SynthesizeRequest(
            origins=[pb.Origin(seed=7), pb.Origin(latent=latent)],
            look=look,
            encoding=pb.Encoding(format=pb.PICTURE_FORMAT_WEBP, quality=70, size=32),
            return_latents=True,
        ),
        8,
    )
    first, second = series.drawings
    assert series.latents
    assert first.origin == Origin(seed=7, field="origins[0]")
    assert second.origin.field == "origins[1]"
    assert second.origin.latent is not None
    assert second.origin.latent.space == "w"
    np.testing.assert_array_equal(second.origin.latent.values, FLOATS)
    assert (
        first.look
        == second.look
        == Look(
            psi=0.5,
            cutoff=0,
            attributes={"smile": 1.5},
            keep=("age",),
            class_id=0,
            noise="random",
            mixing=Mixing(Origin(seed=9, field="look.mixing.origin"), 2, 5),
        )
    )
    assert first.encoding == Encoding("webp", 70, 32)


def test_what_is_not_said() -> None:
    series = parse_synthesize(synthesize(), 8)
    (drawing,) = series.drawings
    assert not series.latents
    assert (drawing.look, drawing.encoding) == (Look(), Encoding("png", 90, 0))
    animation = parse_animate(animate(), 8)
    assert (animation.fps, animation.in_time, animation.count) == (25, True, 26)
    assert animation.frame(3).encoding == Encoding("jpeg", 90, 0)
    assert animation.frame(3).look == Look()


def test_animate_reads_every_field() -> None:
    animation = parse_animate(
        animate(
            look=pb.Look(attributes={"smile": 1.0}, psi=0.5),
            encoding=pb.Encoding(format=pb.PICTURE_FORMAT_RAW),
            keyframes=[
                pb.Keyframe(time_s=0, attributes={"blink": 1.0}),
                pb.Keyframe(time_s=0.5, attributes={"smile": -1.0}),
            ],
            frames_per_second=4,
            pace=pb.PACE_EVERY_FRAME,
        ),
        8,
    )
    assert (animation.fps, animation.in_time, animation.count) == (4, False, 3)
    assert [dict(animation.frame(number).look.attributes) for number in range(3)] == [
        {"smile": 1.0, "blink": 1.0},
        {"smile": 0.5, "blink": 0.5},
        {"smile": 0.0, "blink": 0.0},
    ]
    assert animation.frame(1).look.psi == 0.5
    assert animation.frame(1).encoding.format == "raw"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"origins": []}, "origins"),
        ({"origins": origins(*range(9))}, "origins"),
        ({"origins": [*origins(1), pb.Origin()]}, "origins[1]"),
        ({"origins": [pb.Origin(latent=pb.Latent())]}, "origins[0].latent.space"),
        (
            {"origins": [pb.Origin(latent=pb.Latent(space=pb.LATENT_SPACE_Z, values=b"abc"))]},
            "origins[0].latent.values",
        ),
        ({"look": pb.Look(noise=99)}, "look.noise"),
        ({"look": pb.Look(keep=["a"] * 257)}, "look.keep"),
        ({"look": pb.Look(attributes={str(n): 1.0 for n in range(257)})}, "look.attributes"),
        ({"look": pb.Look(mixing=pb.Mixing())}, "look.mixing.origin"),
        ({"encoding": pb.Encoding(format=99)}, "encoding.format"),
        ({"encoding": pb.Encoding(quality=101)}, "encoding.quality"),
    ],
)
def test_wrong_fields_of_synthesize(fields: dict[str, Any], named: str) -> None:
    assert set(refused(parse_synthesize, synthesize(**fields))) == {named}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"origin": pb.Origin()}, "origin"),
        ({"keyframes": []}, "keyframes"),
        ({"keyframes": keyframes(0)}, "keyframes"),
        ({"keyframes": keyframes(*range(1001))}, "keyframes"),
        ({"keyframes": keyframes(1, 2)}, "keyframes[0].time_s"),
        ({"keyframes": keyframes(0, 1, 1)}, "keyframes[2].time_s"),
        ({"keyframes": keyframes(0, 2, 1)}, "keyframes[2].time_s"),
        ({"keyframes": keyframes(0, NAN)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(0, INF)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(0, 601)}, "keyframes[1].time_s"),
        ({"keyframes": keyframes(-1, 1)}, "keyframes[0].time_s"),
        (
            {"keyframes": keyframes(0, 1, **{f"a{n}": 1.0 for n in range(257)})[:1] + keyframes(1)},
            "keyframes[0].attributes",
        ),
        (
            {
                "keyframes": keyframes(0, **{f"a{n}": 1.0 for n in range(200)})
                + keyframes(1, **{f"b{n}": 1.0 for n in range(200)})
            },
            "keyframes",
        ),
        ({"frames_per_second": -1}, "frames_per_second"),
        ({"frames_per_second": 121}, "frames_per_second"),
        ({"frames_per_second": NAN}, "frames_per_second"),
        ({"pace": 9}, "pace"),
        ({"encoding": pb.Encoding(quality=101)}, "encoding.quality"),
    ],
)
def test_wrong_fields_of_animate(fields: dict[str, Any], named: str) -> None:
    assert set(refused(parse_animate, animate(**fields))) == {named}


def test_all_wrong_fields_are_named() -> None:
    request = animate(
        origin=pb.Origin(), look=pb.Look(noise=9), frames_per_second=NAN, keyframes=keyframes(0)
    )
    named = {"origin", "look.noise", "frames_per_second", "keyframes"}
    assert set(refused(parse_animate, request)) == named


def test_pictures_are_told() -> None:
    latent = np.arange(6, dtype=np.float32).reshape(3, 2)
    told = build_synthesize(Shot(4, Drawn(32, latent, encoded=b"file"), latent=True))
    assert (told.index, told.width, told.height, told.image.encoded) == (4, 32, 32, b"file")
    assert told.latent.space == pb.LATENT_SPACE_W_PLUS
    np.testing.assert_array_equal(np.frombuffer(told.latent.values, "<f4"), latent.ravel())
    assert not build_synthesize(Shot(0, Drawn(32, latent, encoded=b"x"))).HasField("latent")


@pytest.mark.parametrize(
    ("channels", "form"),
    [(3, common_pb2.PIXEL_FORMAT_RGB), (1, common_pb2.PIXEL_FORMAT_GRAY)],
)
def test_frames_are_told(channels: int, form: int) -> None:
    pixels = np.arange(4 * 4 * channels, dtype=np.uint8).reshape(4, 4, channels)
    drawn = Drawn(4, np.zeros((1, 1), np.float32), pixels=pixels)
    told = build_animate(Shot(7, drawn, time_s=0.28, dropped=2))
    assert (told.frame, told.time_s, told.dropped, told.width, told.height) == (7, 0.28, 2, 4, 4)
    sent = told.image.pixels
    assert (sent.width, sent.height, sent.format, sent.data) == (4, 4, form, pixels.tobytes())


@pytest.mark.parametrize("name", ["Synthesize", "Animate"])
def test_the_service_is_known(name: str) -> None:
    assert DEFAULT_FAMILIES[RPCS[name].service] == SHOWN[name].family
    assert RPCS[name].server_streaming


def test_a_series_is_what_it_says() -> None:
    assert isinstance(parse_synthesize(synthesize(origins=origins(*range(8))), 8), Series)
