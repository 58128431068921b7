"""What a story is made of: chapters of pictures, words and tables, and the calls behind them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from seom.timing import GenerationTiming, Timing

_FEW = 5  # calls of a chapter that are told one by one


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
        return {
            "decode": timing.decode_ms,
            "prepare": timing.preprocess_ms,
            "wait": _sum(timing.queue_ms, timing.batch_wait_ms),
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

    def spent(self) -> list[str]:
        """A line for each call, or one for many."""
        times = [call.timing.round_trip_ms or 0.0 for call in self.calls]
        if len(times) > _FEW:
            models = ", ".join(dict.fromkeys(call.model for call in self.calls))
            return [f"{len(times)} calls · {models} · {sum(times):.0f} ms together"]
        return [
            f"{call.asked} · {call.model} · {spent:.0f} ms"
            for call, spent in zip(self.calls, times, strict=True)
        ]


@contextmanager
def clocked(asked: str, model: str, calls: list[Call]) -> Iterator[None]:
    """Adds a call whose answer carries no time, by our own clock; a refused one as well."""
    began = time.perf_counter_ns()
    try:
        yield
    finally:
        spent = Timing(round_trip_ns=time.perf_counter_ns() - began)
        calls.append(Call(asked, model, spent))


def _sum(*spent: float | None) -> float | None:
    known = [each for each in spent if each is not None]
    return sum(known) if known else None
