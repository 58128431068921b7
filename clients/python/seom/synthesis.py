"""Synthesis: what a generator is asked for, and what comes of it, picture by picture.

Sending and waiting is the clients' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

from seom import latents, looks, methods, timing
from seom.call import Answer, Call
from seom.errors import Internal
from seom.latents import Latent
from seom.looks import Form, Format
from seom.pb.v1 import common_pb2
from seom.pb.v1 import synthesis_pb2 as pb
from seom.pictures import AnimationFrame, SynthesizedPicture

# Seconds a stream may take if it does not say; an animation's own length comes on top.
STREAM_TIMEOUT = 600.0
# Seconds an animation may last.
LONGEST = 600.0

Pace: TypeAlias = Literal["real_time", "every_frame"]
_PACES = {"real_time": pb.PACE_REAL_TIME, "every_frame": pb.PACE_EVERY_FRAME}

_CHANNELS = {common_pb2.PIXEL_FORMAT_RGB: 3, common_pb2.PIXEL_FORMAT_GRAY: 1}

# A time in seconds, and attributes with their strengths at it.
Keyframe: TypeAlias = tuple[float, Mapping[str, float]]


def synthesize(
    seeds: Iterable[int] | None,
    given: Iterable[Latent] | None,
    form: Form,
    *,
    return_latents: bool,
    model: str,
) -> Call[SynthesizedPicture]:
    """The call behind `Client.synthesize`; it is answered by many messages."""
    request = pb.SynthesizeRequest(
        model_name=model,
        origins=latents.origins(seeds, given),
        look=form.look,
        encoding=form.encoding,
        return_latents=return_latents,
    )
    known = [each.seed if each.WhichOneof("kind") == "seed" else None for each in request.origins]
    return Call(methods.SYNTHESIZE, request, partial(_picture, form.format, known), model)


def animate(
    seed: int | None,
    latent: Latent | None,
    keyframes: Iterable[Keyframe],
    form: Form,
    *,
    fps: float,
    pace: Pace,
    model: str,
) -> Call[AnimationFrame]:
    """The call behind `Client.animate`; it is answered by many messages."""
    request = pb.AnimateRequest(
        model_name=model,
        origin=latents.origin(seed, latent),
        look=form.look,
        encoding=form.encoding,
        keyframes=[_keyframe(each, f"keyframes[{n}]") for n, each in enumerate(keyframes)],
        pace=looks.chosen("pace", pace, _PACES),
    )
    if len(request.keyframes) < 2:
        raise ValueError("keyframes: give two or more, to move from one to the other")
    looks.put(request, "frames_per_second", fps, "fps")
    if not fps > 0:
        raise ValueError(f"fps: {fps} is no rate; give frames per second")
    return Call(methods.ANIMATE, request, partial(_frame, form.format), model)


def patience(call: Call[AnimationFrame]) -> float:
    """Seconds an animation may take if it does not say."""
    length: float = max(each.time_s for each in call.request.keyframes)
    return STREAM_TIMEOUT + length


def _keyframe(given: Any, where: str) -> pb.Keyframe:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise TypeError(f"{where}: give a time and attributes, (0.4, {{'mouth': 1}})")
    time, attributes = given
    made = pb.Keyframe()
    looks.put(made, "time_s", time, f"{where}[0]")
    if not 0 <= made.time_s <= LONGEST:
        raise ValueError(f"{where}[0]: {time} is not within 0 to {LONGEST:g} seconds")
    looks.strengths(made.attributes, attributes, f"{where}[1]")
    return made


def _picture(
    format: Format, seeds: Sequence[int | None], response: pb.SynthesizeResponse, answer: Answer
) -> SynthesizedPicture:
    if response.index >= len(seeds):
        raise Internal("a picture that was not asked for", request_id=answer.request_id)
    return SynthesizedPicture(
        _content(response, format, answer),
        format,
        response.width,
        response.height,
        response.model_name,
        response.model_version,
        answer.timing_of(response),
        response.index,
        seeds[response.index],
        _latent(response.latent, answer) if response.HasField("latent") else None,
    )


def _frame(format: Format, response: pb.AnimateResponse, answer: Answer) -> AnimationFrame:
    return AnimationFrame(
        _content(response, format, answer),
        format,
        response.width,
        response.height,
        response.model_name,
        response.model_version,
        timing.of_message(response.timing, None),
        response.frame,
        response.time_s,
        response.dropped,
    )


def _content(
    response: pb.SynthesizeResponse | pb.AnimateResponse, format: Format, answer: Answer
) -> bytes:
    """The bytes of a picture; raises Internal where they are not what was asked for."""
    pixels = response.image.pixels
    if format != "raw":
        content, fits = response.image.encoded, True
    else:
        size = response.width * response.height * _CHANNELS.get(pixels.format, 0)
        content, fits = pixels.data, len(pixels.data) == size
    if not (content and fits):
        raise Internal(f"a message without a {format} picture", request_id=answer.request_id)
    return content


def _latent(message: pb.Latent, answer: Answer) -> Latent:
    try:
        return latents.latent(message)
    except ValueError as error:
        raise Internal(f"the answer is broken: {error}", request_id=answer.request_id) from None
