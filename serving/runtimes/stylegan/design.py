"""Low-pass filters as StyleGAN3's appendix designs them; in numpy, used where weights are made.

A trained checkpoint brings its filters along, and those are the ones computed with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def lowpass(
    taps: int, cutoff: float, width: float, rate: float, *, radial: bool = False
) -> NDArray[np.float64] | None:
    """A Kaiser-windowed ideal low-pass filter of unit gain at 0; None for a single tap.

    taps: how many, per axis
    cutoff, width, rate: middle and full width of the transition band, and the sampling rate,
        in one unit (the papers': cycles per image)
    radial: the jinc filter, (taps, taps), that treats all directions alike, in place of the
        separable sinc, (taps,)
    """
    if taps == 1:
        return None
    places = (np.arange(taps) - (taps - 1) / 2) / rate
    window = np.kaiser(taps, _beta(taps, width / (rate / 2)))
    if radial:
        radius = np.hypot(*np.meshgrid(places, places))
        ideal = _jinc(radius, cutoff)
        filter = ideal * np.outer(window, window)
    else:
        filter = np.sinc(2 * cutoff * places) * window
    return filter / filter.sum()


def _beta(taps: int, width: float) -> float:
    """Kaiser's formulas: the attenuation that so many taps reach, and the window for it."""
    attenuation = 2.285 * (taps - 1) * np.pi * width + 7.95
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return float(0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21))
    return 0.0


def _jinc(radius: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """The disc of radius `cutoff` transformed: J₁(2π·cutoff·r) / r, up to a factor."""
    # In the middle J₁(x) is x/2.
    safe = np.where(radius > 0, radius, 1.0)
    value = _bessel1(2 * np.pi * cutoff * safe) / safe
    return np.where(radius > 0, value, np.pi * cutoff)


def _bessel1(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """J₁ by its integral over a period, where the midpoint rule converges exponentially."""
    angles = (np.arange(512) + 0.5) * (np.pi / 512)
    return np.cos(angles - x[..., None] * np.sin(angles)).mean(axis=-1)
