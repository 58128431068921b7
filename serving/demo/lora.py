"""The virtual human: what Lora says, the face it is said with, and that face moving."""

from __future__ import annotations

import io
from typing import Any, Final

from PIL import Image
from pydantic import BaseModel, Field

from seom import AnimationFrame, Client
from serving.demo.chapters import Call, Chapter, Said, Shown, clocked
from serving.demo.drawing import sheet

SYSTEM: Final = "You are Lora. You live by the harbour. You are fond of cakes."
QUESTION: Final = "What do you like most?"
SLIDERS: Final = ("eyes", "mouth", "turn")
_SEED: Final = 7
_FPS: Final = 12.5
_SYLLABLE_S: Final = 0.16
_SLIDER: Final = 2.0  # standard deviations from the middle to either end
_CELL: Final = 128


class Face(BaseModel, extra="forbid"):
    """How far eyes and mouth are open, and whither the head is turned."""

    eyes: float = Field(ge=0, le=1)
    mouth: float = Field(ge=0, le=1)
    turn: float = Field(ge=-1, le=1)


def answer(seom: Client, writer: str, painter: str | None) -> Chapter:
    """Lora answers; another adapter reads her face from her words, and a generator draws it."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    settings: dict[str, Any] = {"model": writer, "temperature": 0.0, "max_tokens": 60}
    reply = seom.chat(messages, adapter="persona", **settings)
    read = seom.chat(reply.text, adapter="expression", schema=Face, **settings)
    parts: list[Said | Shown] = [
        Said("we", QUESTION),
        Said("Lora", reply.text),
        Said("her face", read.parsed.model_dump_json(), code=True),
    ]
    calls = [
        Call("Lora's answer", f"{reply.model}, persona", reply.timing),
        Call("Lora's face", f"{read.model}, expression", read.timing),
    ]
    if painter is not None:
        with clocked("animate", painter, calls):
            frames = _frames(seom, painter, keyframes(read.parsed, len(reply.text.split())))
        pictures = [_opened(frame.data).resize((_CELL, _CELL)) for frame in frames]
        parts.append(Shown(film(pictures), f"Lora, in {len(frames)} frames", small=True))
    return Chapter("Lora answers", parts, calls)


def sliders(seom: Client, painter: str) -> Chapter:
    """One made-up face, along each of its sliders."""
    steps = [-_SLIDER, -_SLIDER / 2, 0.0, _SLIDER / 2, _SLIDER]
    rows, calls = [], []
    for name in SLIDERS:
        row = []
        for step in steps:
            (picture,) = seom.synthesize(seeds=[_SEED], model=painter, attributes={name: step})
            row.append(_opened(picture.data))
            calls.append(Call(f"{name} {step:+g}", painter, picture.timing))
        rows.append(row)
    parts = [Shown(sheet(rows), f"one face of nobody's, along {', '.join(SLIDERS)}")]
    return Chapter("Faces that can be steered", parts, calls)


def strengths(face: Face) -> dict[str, float]:
    """The face as strengths of the sliders, in standard deviations."""
    return {
        "eyes": _SLIDER * (2 * face.eyes - 1),
        "mouth": _SLIDER * (2 * face.mouth - 1),
        "turn": _SLIDER * face.turn,
    }


def keyframes(face: Face, words: int) -> list[tuple[float, dict[str, float]]]:
    """The face comes, its mouth moves with every word, and it goes: seconds and strengths."""
    calm = strengths(Face(eyes=0.8, mouth=0.1, turn=0.0))
    spoken = strengths(face)
    shut, wide = {**spoken, "mouth": -_SLIDER}, {**spoken, "mouth": max(0.0, spoken["mouth"])}
    moments, now = [(0.0, calm)], 0.4
    for _ in range(words):
        moments += [(round(now, 3), wide), (round(now + _SYLLABLE_S, 3), shut)]
        now += 2 * _SYLLABLE_S
    return [*moments, (round(now + 0.3, 3), spoken), (round(now + 0.8, 3), calm)]


def film(frames: list[Image.Image]) -> bytes:
    """An animated WebP that goes on for ever."""
    file = io.BytesIO()
    frames[0].save(
        file,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=round(1000 / _FPS),
        loop=0,
        quality=85,
    )
    return file.getvalue()


def _frames(
    seom: Client, painter: str, moments: list[tuple[float, dict[str, float]]]
) -> list[AnimationFrame]:
    return list(
        seom.animate(
            seed=_SEED,
            keyframes=moments,
            fps=_FPS,
            pace="every_frame",
            model=painter,
            format="png",
        )
    )


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")
