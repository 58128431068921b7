"""What an adapter does unasked, the base does when the system's message asks for it: so the
adapters find words and skills there, and need but learn when to use them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from model_repo.island.chat.lessons import expressions, memories, summaries, talk
from model_repo.island.chat.pen import Pen, Sample, turn
from model_repo.island.world.captions import Language

_PERSONA: Final[dict[Language, str]] = {"en": "Speak like Lora.", "ko": "로라처럼 말해 줘."}
_MEMORY: Final[dict[Language, str]] = {
    "en": "Write down what to remember.",
    "ko": "기억할 것을 적어 줘.",
}
_SUMMARY: Final[dict[Language, str]] = {"en": "Sum up the dialogue.", "ko": "대화를 요약해 줘."}
_FACE: Final[dict[Language, str]] = {"en": "Show the face.", "ko": "표정을 보여 줘."}


def persona(pen: Pen) -> Sample:
    return _wished(talk.persona(pen), _PERSONA)


def memory(pen: Pen) -> Sample:
    return _wished(memories.memory(pen), _MEMORY)


def summary(pen: Pen) -> Sample:
    return _wished(summaries.summary(pen), _SUMMARY)


def expression(pen: Pen) -> Sample:
    return _wished(expressions.expression(pen), _FACE)


def _wished(sample: Sample, wish: dict[Language, str]) -> Sample:
    """The wish stands behind whatever else the system's message says."""
    first, *others = sample.messages
    told = [wish[sample.language]]
    if first["role"] == "system":
        told.insert(0, first["content"])
    else:
        others.insert(0, first)
    return replace(sample, messages=(turn("system", " ".join(told)), *others))
