"""What a story is made of: chapters of pictures, words and tables, and the calls behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from seom.timing import GenerationTiming, Timing


@dataclass(frozen=True, slots=True)
class Shown:
    """data: a picture file. small: of several that stand beside each other."""

    data: bytes = field(repr=False)
    caption: str = ""
    small: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Words, and whose; `code` for what programs read."""

    who: str
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Part = Shown | Said | Listed


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model, and where its time went."""

    asked: str
    model: str
    timing: Timing

    def stages(self) -> dict[str, float | None]:
        """Milliseconds, in the order in which a call goes through them."""
        timing = self.timing
        first = timing.ttft_ms if isinstance(timing, GenerationTiming) else None
        waited = (timing.queue_ms or 0.0) + (timing.batch_wait_ms or 0.0)
        return {
            "decode": timing.decode_ms,
            "prepare": timing.preprocess_ms,
            "wait": waited,
            "model": timing.device_ms,
            "first token": first,
            "finish": _sum(timing.postprocess_ms, timing.encode_ms),
            "network": timing.network_ms,
            "round trip": timing.round_trip_ms,
        }


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    parts: Sequence[Part]
    calls: Sequence[Call] = ()


def _sum(*spent: float | None) -> float | None:
    known = [each for each in spent if each is not None]
    return sum(known) if known else None
