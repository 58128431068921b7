"""How fast a training learns at each of its steps, as a share of its highest rate."""

from __future__ import annotations

import math


def warm_cosine(number: int, steps: int, warm: int = 100) -> float:
    """Rises for `warm` steps, then falls along half a cosine to nothing at `steps`
    (Loshchilov and Hutter 2017)."""
    if number < warm:
        return (number + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (number - warm) / max(1, steps - warm)))
