"""Which model plays which part; a part that no model can play is left out of the story."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Cast:
    """Names of models; None where there is none.

    things, people: find objects, and faces with a gallery
    seer: describes pictures
    writer: writes and calls tools; Lora, too, where it has her adapters
    painter: draws faces whose eyes, mouth and turn can be steered
    """

    things: str | None = None
    people: str | None = None
    seer: str | None = None
    writer: str | None = None
    painter: str | None = None

    @classmethod
    def of(cls, profile: str, there: Collection[str]) -> Self:
        """Those of a profile's that the repository holds."""
        meant = asdict(CASTS.get(profile, cls()))
        return cls(**{part: name for part, name in meant.items() if name in there})

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(name for name in asdict(self).values() if name)


CASTS = {
    "reference": Cast(
        things="island-detector",
        people="island-face",
        seer="island-llava",
        writer="island-chat",
        painter="island-stylegan",
    ),
    "cpu": Cast(things="yolox-nano", people="faces"),
    "gpu": Cast(
        things="rtdetr-r18",
        seer="llava-onevision-0.5b",
        writer="qwen2.5-0.5b-instruct",
    ),
}
