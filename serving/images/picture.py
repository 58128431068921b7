"""A picture as a client sent it, not yet decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Picture:
    """Either `encoded` (a JPEG, PNG or WebP file) or `pixels`, never both.

    pixels: (height, width, 3) or (height, width) uint8 in the order `channels`.
    `field` is the path of the request field it came in, for error messages.
    """

    encoded: bytes | None = None
    pixels: NDArray[np.uint8] | None = None
    channels: Literal["RGB", "BGR", "GRAY"] = "RGB"
    field: str = "image"
