"""A picture's pixels to the network's input: resize, normalise, channels first.

The resize is bilinear between the two nearest pixels, without smoothing, because that is
what detectors are trained on. Pillow smooths when it shrinks, which moves scores by up to
0.07; this agrees with a plain bilinear resize to half a grey level.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.models.detection.options import Input

Size: TypeAlias = tuple[int, int]
Taps: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]

# A JPEG decoded at a fraction of its size is smoothed by that; twice the input's size
# leaves scores where they were (within 0.002), once does not.
_ENOUGH = 2


class Preprocessor:
    """Makes the (1, 3, height, width) float32 input of one picture."""

    def __init__(self, options: Input) -> None:
        self._width, self._height = options.size
        self._letterbox = options.resize == "letterbox"
        planes = np.array([0, 1, 2] if options.channels == "RGB" else [2, 1, 0])
        self._planes = planes[:, None]
        mean, std = (np.array(values, np.float32) for values in (options.mean, options.std))
        self._gain = (np.float32(options.scale) / std)[:, None]
        self._offset = (-mean / std)[:, None]
        self._plain = bool((self._gain == 1).all() and not self._offset.any())
        self._empty = (np.float32(options.pad) * self._gain + self._offset)[:, :, None]

    def content(self, size: Size) -> Size:
        """Width and height the picture has within the input."""
        if not self._letterbox:
            return self._width, self._height
        ratio = min(self._width / size[0], self._height / size[1])
        return max(1, int(size[0] * ratio)), max(1, int(size[1] * ratio))

    def enough(self, size: Size) -> Size:
        """The size at which a picture may be decoded without loss to the result."""
        width, height = self.content(size)
        return _ENOUGH * width, _ENOUGH * height

    def to_original(self, size: Size) -> tuple[float, float]:
        """Original pixels per input pixel, horizontally and vertically."""
        if self._letterbox:
            ratio = min(self._width / size[0], self._height / size[1])
            return 1 / ratio, 1 / ratio
        return size[0] / self._width, size[1] / self._height

    def __call__(self, pixels: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
        """`pixels` is (h, w, 3) uint8 RGB of a picture whose original has `size`."""
        width, height = self.content(size)
        rows = self._resize(pixels, width, height)
        if not self._plain:
            rows *= self._gain
            rows += self._offset
        result = np.empty((1, 3, self._height, self._width), np.float32)
        result[0, :, :height, :width] = rows.transpose(1, 0, 2)
        result[0, :, height:] = self._empty
        result[0, :, :height, width:] = self._empty
        return result

    def _resize(self, pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float32]:
        """(height, 3, width) in the network's channel order, 0 to 255.

        Rows first, in 16-bit fixed point; then columns, where one gather of single values
        picks the neighbours and changes the order of the channels at once.
        """
        old_height, old_width, _ = pixels.shape
        upper, lower, down = _taps(old_height, height)
        weight = np.rint(down * 256).astype(np.uint16)[:, None]
        flat = pixels.reshape(old_height, old_width * 3)
        rows = flat[upper] * (256 - weight)  # at most 255 · 256, which 16 bits hold
        rows += flat[lower] * weight

        left, right, across = _taps(old_width, width)
        near = np.take(rows, (left * 3 + self._planes).ravel(), axis=1, mode="clip")
        far = np.take(rows, (right * 3 + self._planes).ravel(), axis=1, mode="clip")
        result = near.astype(np.float32)
        difference = far.astype(np.float32)
        difference -= result
        difference *= np.tile(across, 3)
        result += difference
        result *= 1 / 256
        return result.reshape(height, 3, width)


@lru_cache(maxsize=64)
def _taps(old: int, new: int) -> Taps:
    """For each new pixel its two neighbours among the old, and the second one's weight."""
    place = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = np.floor(place).astype(np.intp)
    second = np.minimum(first + 1, old - 1)
    return first, second, (place - first).astype(np.float32)
