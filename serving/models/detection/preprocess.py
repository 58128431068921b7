"""A picture's pixels to the network's input: resize, normalise, layout."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.images.resize import resize
from serving.models.base import DTYPES, TensorSpec
from serving.models.detection.options import Input

Size: TypeAlias = tuple[int, int]

# A JPEG decoded at a fraction of its size is smoothed by that; twice the input's size
# leaves scores where they were (within 0.002), once does not.
_ENOUGH = 2


class Preprocessor:
    """Makes the input of one picture: (1, 3, height, width), or (1, height, width, 3) with
    `channels_last`, of float32 or what `dtype` says.

    Networks that take uint8 normalise by themselves. Raises ValueError for options that
    want it done for them.
    """

    def __init__(
        self, options: Input, *, channels_last: bool = False, dtype: np.dtype[Any] | None = None
    ) -> None:
        self._width, self._height = options.size
        self._letterbox = options.resize == "letterbox"
        self._centred = options.align == "centre"
        self._filter = options.filter
        self._channels_last = channels_last
        self._dtype = dtype or np.dtype(np.float32)
        self._planes = (0, 1, 2) if options.channels == "RGB" else (2, 1, 0)
        mean, std = (np.array(values, np.float32) for values in (options.mean, options.std))
        self._gain = np.float32(options.scale) / std
        self._offset = -mean / std
        self._plain = bool((self._gain == 1).all() and not self._offset.any())
        self._empty = np.float32(options.pad) * self._gain + self._offset
        if self._dtype == np.uint8 and not self._plain:
            raise ValueError("weights that take uint8 normalise: leave out scale, mean and std")

    @classmethod
    def fitting(cls, options: Input, inputs: tuple[TensorSpec, ...]) -> Preprocessor:
        """For a network with these inputs. Raises ValueError if it takes something else."""
        width, height = options.size
        shape, datatype = (inputs[0].shape, inputs[0].datatype) if len(inputs) == 1 else ((), "")
        for layout in ((3, height, width), (height, width, 3)):
            fits = len(shape) == 4 and all(
                size in (-1, wanted) for size, wanted in zip(shape[1:], layout, strict=True)
            )
            if fits and datatype in ("FP32", "FP16", "UINT8"):
                return cls(options, channels_last=layout[2] == 3, dtype=DTYPES[datatype])
        raise ValueError(
            f"input.size {width}×{height} is not what the weights take "
            f"({', '.join(f'{spec.datatype} {spec.shape}' for spec in inputs)})"
        )

    def content(self, size: Size) -> Size:
        """Width and height the picture has within the input."""
        if not self._letterbox:
            return self._width, self._height
        ratio = min(self._width / size[0], self._height / size[1])
        return max(1, int(size[0] * ratio)), max(1, int(size[1] * ratio))

    def corner(self, size: Size) -> Size:
        """Where in the input the picture's upper left corner is: (x, y)."""
        if not self._centred:
            return 0, 0
        width, height = self.content(size)
        return (self._width - width) // 2, (self._height - height) // 2

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

    def __call__(self, pixels: NDArray[np.uint8], size: Size) -> NDArray[Any]:
        """`pixels` is (h, w, 3) uint8 RGB of a picture whose original has `size`."""
        width, height = self.content(size)
        left, top = self.corner(size)
        right, bottom = left + width, top + height
        rows = resize(pixels, width, height, planes=self._planes, filter=self._filter)
        picture = rows.transpose(0, 2, 1)
        if not self._plain:
            picture *= self._gain
            picture += self._offset
        if self._dtype == np.uint8:
            picture = np.rint(picture, out=picture)
        layout = (self._height, self._width, 3) if self._channels_last else None
        result = np.empty((1, *(layout or (3, self._height, self._width))), self._dtype)
        # Either way seen as (height, width, 3).
        canvas = result[0] if self._channels_last else result[0].transpose(1, 2, 0)
        canvas[top:bottom, left:right] = picture
        for border in (
            canvas[:top], canvas[bottom:],
            canvas[top:bottom, :left], canvas[top:bottom, right:],
        ):  # fmt: skip
            border[...] = self._empty
        return result
