"""What a synthesis model is asked for, and what it gives: one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Space: TypeAlias = Literal["z", "w", "w+"]
Noise: TypeAlias = Literal["const", "random", "none"]
Format: TypeAlias = Literal["png", "jpeg", "webp", "raw"]


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """values: float32; z_dim of them in Z, w_dim in W, num_ws × w_dim in W+, in any shape"""

    space: Space
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a picture starts from: a seed or a latent, never both.

    `field` is the path of the request's field it came in, for error messages.
    """

    seed: int | None = None
    latent: Latent | None = None
    field: str = "origin"


@dataclass(frozen=True, slots=True)
class Mixing:
    """Layers from `first` to before `end` listen to another origin; an end of 0 is the last."""

    origin: Origin
    first: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to look; None means as the model's own options have it.

    attributes: strengths by name, in standard deviations
    keep: attributes that stay as they are while others move
    """

    psi: float | None = None
    cutoff: int | None = None
    attributes: Mapping[str, float] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    class_id: int | None = None
    noise: Noise | None = None
    mixing: Mixing | None = None


@dataclass(frozen=True, slots=True)
class Encoding:
    """quality: of JPEG and WebP, 1 to 100; size: of either side in pixels, 0 is all there are"""

    format: Format = "raw"
    quality: int = 90
    size: int = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture to be drawn."""

    origin: Origin
    look: Look = Look()
    encoding: Encoding = Encoding()


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """pixels: (size, size, c) uint8, or None where `encoded` is a file
    latent: (num_ws, w_dim) float32, the picture as it looks: with its attributes, truncated
        and mixed
    """

    size: int
    latent: NDArray[np.float32]
    pixels: NDArray[np.uint8] | None = None
    encoded: bytes | None = None
