"""seom.v1.SynthesisService: protobuf to and from the synthesis family's dataclasses.

What a request says is judged here as far as it can be without the model; the rest is the
model's to judge, before the first picture is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seom.pb.v1 import common_pb2
from seom.pb.v1 import synthesis_pb2 as pb
from serving.models.synthesis.animation import Animation, Keyframe
from serving.models.synthesis.types import (
    Drawing,
    Drawn,
    Encoding,
    Format,
    Latent,
    Look,
    Mixing,
    Noise,
    Origin,
    Space,
)
from serving.services.fields import Fields

MOST_KEYFRAMES = 1000
MOST_ATTRIBUTES = 256
LONGEST_S = 600
FASTEST = 120

_SPACES: dict[int, Space] = {
    pb.LATENT_SPACE_Z: "z",
    pb.LATENT_SPACE_W: "w",
    pb.LATENT_SPACE_W_PLUS: "w+",
}
_NOISES: dict[int, Noise | None] = {
    pb.NOISE_UNSPECIFIED: None,
    pb.NOISE_CONST: "const",
    pb.NOISE_RANDOM: "random",
    pb.NOISE_NONE: "none",
}
_FORMATS: dict[int, Format] = {
    pb.PICTURE_FORMAT_PNG: "png",
    pb.PICTURE_FORMAT_JPEG: "jpeg",
    pb.PICTURE_FORMAT_WEBP: "webp",
    pb.PICTURE_FORMAT_RAW: "raw",
}
_PACES = {pb.PACE_UNSPECIFIED, pb.PACE_REAL_TIME, pb.PACE_EVERY_FRAME}


@dataclass(frozen=True, slots=True)
class Series:
    """Pictures that have nothing to do with each other.

    latents: whether each is to be told with its place in W+
    """

    drawings: tuple[Drawing, ...]
    latents: bool


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of either RPC, on its way out: which it is, and how many before were left out."""

    number: int
    drawn: Drawn
    time_s: float = 0.0
    dropped: int = 0
    latent: bool = False


def parse_synthesize(request: pb.SynthesizeRequest, most: int) -> Series:
    """most: pictures one request may ask for

    Raises InvalidArgument naming every field that is wrong, as the next does.
    """
    fields = Fields(request)
    origins = _origins(request.origins, most, fields)
    look = _look(request.look, fields)
    encoding = _encoding(request.encoding, "png", fields)
    fields.check()
    return Series(tuple(Drawing(each, look, encoding) for each in origins), request.return_latents)


def parse_animate(request: pb.AnimateRequest, most: int) -> Animation:
    fields = Fields(request)
    origin = _origin(request.origin, "origin", fields)
    look = _look(request.look, fields)
    encoding = _encoding(request.encoding, "jpeg", fields)
    keyframes = _keyframes(request.keyframes, fields)
    fps = request.frames_per_second
    if not 0 <= fps <= FASTEST:  # written so that NaN is refused, too
        fields.wrong("frames_per_second", f"must be above 0 and at most {FASTEST}, not {fps:g}")
    if request.pace not in _PACES:
        fields.wrong("pace", "must be REAL_TIME or EVERY_FRAME")
    fields.check()
    return Animation(
        Drawing(origin, look, encoding),
        keyframes,
        fps or 25.0,
        in_time=request.pace != pb.PACE_EVERY_FRAME,
    )


def build_synthesize(shot: Shot) -> pb.SynthesizeResponse:
    size = shot.drawn.size
    response = pb.SynthesizeResponse(
        index=shot.number, image=_image(shot.drawn), width=size, height=size
    )
    if shot.latent:
        response.latent.space = pb.LATENT_SPACE_W_PLUS
        response.latent.values = shot.drawn.latent.astype("<f4", copy=False).tobytes()
    return response


def build_animate(shot: Shot) -> pb.AnimateResponse:
    size = shot.drawn.size
    return pb.AnimateResponse(
        frame=shot.number,
        time_s=shot.time_s,
        image=_image(shot.drawn),
        width=size,
        height=size,
        dropped=shot.dropped,
    )


# Requests ---------------------------------------------------------------------------


def _origins(given: Any, most: int, fields: Fields) -> list[Origin]:
    if not 1 <= len(given) <= most:
        fields.wrong("origins", f"has {len(given)}; send 1 to {most}")
        return []
    return [_origin(origin, f"origins[{index}]", fields) for index, origin in enumerate(given)]


def _origin(given: pb.Origin, path: str, fields: Fields) -> Origin:
    match given.WhichOneof("kind"):
        case "seed":
            return Origin(seed=given.seed, field=path)
        case "latent":
            return Origin(latent=_latent(given.latent, f"{path}.latent", fields), field=path)
    fields.wrong(path, "is missing; give a seed or a latent")
    return Origin(seed=0, field=path)


def _latent(given: pb.Latent, path: str, fields: Fields) -> Latent:
    space = _SPACES.get(given.space)
    if space is None:
        fields.wrong(f"{path}.space", "must be Z, W or W_PLUS")
    values = given.values
    if len(values) % 4:
        fields.wrong(f"{path}.values", f"has {len(values)} bytes, which are no 32-bit floats")
        values = b""
    return Latent(space or "z", np.frombuffer(values, "<f4"))


def _look(given: pb.Look, fields: Fields) -> Look:
    if given.noise not in _NOISES:
        fields.wrong("look.noise", "must be CONST, RANDOM or NONE")
    if len(given.keep) > MOST_ATTRIBUTES:
        fields.wrong("look.keep", f"has {len(given.keep)}; send at most {MOST_ATTRIBUTES}")
    mixing = None
    if given.HasField("mixing"):
        origin = _origin(given.mixing.origin, "look.mixing.origin", fields)
        mixing = Mixing(origin, given.mixing.first, given.mixing.end)
    return Look(
        psi=given.psi if given.HasField("psi") else None,
        cutoff=given.cutoff if given.HasField("cutoff") else None,
        attributes=_strengths(given.attributes, "look.attributes", fields),
        keep=tuple(given.keep[:MOST_ATTRIBUTES]),
        class_id=given.class_id if given.HasField("class_id") else None,
        noise=_NOISES.get(given.noise),
        mixing=mixing,
    )


def _strengths(given: Mapping[str, float], path: str, fields: Fields) -> dict[str, float]:
    """Names are the model's to know."""
    if len(given) > MOST_ATTRIBUTES:
        fields.wrong(path, f"has {len(given)}; send at most {MOST_ATTRIBUTES}")
        return {}
    return dict(given)


def _encoding(given: pb.Encoding, default: Format, fields: Fields) -> Encoding:
    format = _FORMATS.get(given.format, default)
    if given.format and given.format not in _FORMATS:
        fields.wrong("encoding.format", "must be PNG, JPEG, WEBP or RAW")
    if given.quality > 100:
        fields.wrong("encoding.quality", f"must be from 1 to 100, not {given.quality}")
    return Encoding(format, given.quality or 90, given.size)


def _keyframes(given: Any, fields: Fields) -> list[Keyframe]:
    if not 2 <= len(given) <= MOST_KEYFRAMES:
        fields.wrong("keyframes", f"has {len(given)}; send 2 to {MOST_KEYFRAMES}")
        return []
    keyframes: list[Keyframe] = []
    for index, each in enumerate(given):
        path, time = f"keyframes[{index}]", each.time_s
        if not 0 <= time <= LONGEST_S:  # written so that NaN is refused, too
            fields.wrong(f"{path}.time_s", f"must lie between 0 and {LONGEST_S}, not {time:g}")
        elif index == 0 and time:
            fields.wrong(f"{path}.time_s", f"must be 0 in the first keyframe, not {time:g}")
        elif keyframes and not time > keyframes[-1].time:
            text = f"must be later than the keyframe before, {keyframes[-1].time:g}"
            fields.wrong(f"{path}.time_s", text)
        strengths = _strengths(each.attributes, f"{path}.attributes", fields)
        keyframes.append(Keyframe(time, strengths))
    names = len({name for each in keyframes for name in each.strengths})
    if names > MOST_ATTRIBUTES:
        fields.wrong("keyframes", f"name {names} attributes; at most {MOST_ATTRIBUTES} in all")
    return keyframes


# Responses --------------------------------------------------------------------------


def _image(drawn: Drawn) -> common_pb2.Image:
    if drawn.encoded is not None:
        return common_pb2.Image(encoded=drawn.encoded)
    assert drawn.pixels is not None, "a picture without pixels and file. This is a bug."
    height, width, channels = drawn.pixels.shape
    grey = channels == 1
    pixels = common_pb2.Pixels(
        width=width,
        height=height,
        format=common_pb2.PIXEL_FORMAT_GRAY if grey else common_pb2.PIXEL_FORMAT_RGB,
        data=drawn.pixels.tobytes(),
    )
    return common_pb2.Image(pixels=pixels)
