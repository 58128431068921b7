"""A picture's pixels to the detector's input: resize, normalise, channels first."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.images.resize import resize
from serving.models.face.options import Input, Pixel

Size: TypeAlias = tuple[int, int]  # width, height

_STEP = 32  # the coarsest grid of all detectors: inputs of free size are multiples of it
# A JPEG decoded at a fraction of its size is smoothed by that; twice the input's size leaves
# scores where they were, and of most faces enough to see how sharp they are.
_ENOUGH = 2


class Normaliser:
    """(value · scale − mean) / std for arrays that have the channels in dimension 1."""

    def __init__(self, options: Pixel) -> None:
        self.planes = (0, 1, 2) if options.channels == "RGB" else (2, 1, 0)
        mean, std = (np.array(values, np.float32) for values in (options.mean, options.std))
        self._gain = (np.float32(options.scale) / std)[:, None]
        self._offset = (-mean / std)[:, None]
        self._plain = bool((self._gain == 1).all() and not self._offset.any())

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Changes `rows`, (…, 3, width), in place and returns them."""
        if not self._plain:
            rows *= self._gain
            rows += self._offset
        return rows


class Preprocessor:
    """Makes the (1, 3, height, width) float32 input of one picture."""

    def __init__(self, options: Input) -> None:
        self._size = options.size
        self._resize = options.resize
        self._filter = options.filter
        self._normalise = Normaliser(options)
        self._empty = self._normalise(np.full((3, 1), options.pad, np.float32))[:, :, None]

    def content(self, size: Size) -> Size:
        """Width and height the picture has within the input."""
        if self._resize == "stretch":
            return self._size
        ratio = min(self._size[0] / size[0], self._size[1] / size[1])
        if self._resize == "fit":
            ratio = min(ratio, 1.0)
        return max(1, round(size[0] * ratio)), max(1, round(size[1] * ratio))

    def enough(self, size: Size) -> Size:
        """The size at which a picture may be decoded without loss to the result."""
        width, height = self.content(size)
        return _ENOUGH * width, _ENOUGH * height

    def to_original(self, size: Size) -> tuple[float, float]:
        """Original pixels per input pixel, horizontally and vertically."""
        width, height = self.content(size)
        return size[0] / width, size[1] / height

    def __call__(self, pixels: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
        """`pixels` is (h, w, 3) uint8 RGB of a picture whose original has `size`."""
        width, height = self.content(size)
        rows = resize(pixels, width, height, planes=self._normalise.planes, filter=self._filter)
        full_width, full_height = self._size
        if self._resize == "fit":
            full_width, full_height = (-(-side // _STEP) * _STEP for side in (width, height))
        result = np.empty((1, 3, full_height, full_width), np.float32)
        result[0, :, :height, :width] = self._normalise(rows).transpose(1, 0, 2)
        result[0, :, height:] = self._empty
        result[0, :, :height, width:] = self._empty
        return result
