"""How fast a training learns at each of its steps, as a share of its highest rate."""

from __future__ import annotations

import math
from collections.abc import Sequence


def warm_cosine(number: int, steps: int, warm: int = 100) -> float:
    """Rises for `warm` steps, then falls along half a cosine to nothing at `steps`
    (Loshchilov and Hutter 2017)."""
    if number < warm:
        return (number + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (number - warm) / max(1, steps - warm)))


def in_cycle(number: int, cycles: Sequence[int]) -> tuple[int, int]:
    """Which step of its cycle a step is, and of how many. cycles: the steps of each"""
    *first, last = cycles
    for steps in first:
        if number < steps:
            return number, steps
        number -= steps
    return number, last
