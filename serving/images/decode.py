"""Decoding: a client's picture to upright RGB pixels, or a clear refusal.

Everything that can be known from the header is checked before a decoder runs: format,
bytes, pixels, frames, and how often a JPEG would be gone through. Pillow is given the
one format that the first bytes show, and a file that ends when its time is up. What a
picture means is defined here:

    transparency      shown on white
    16 bits, 1 bit    scaled to 8
    CMYK, YCCK        converted without colour management; ICC profiles are ignored
    orientation       EXIF's is applied; EXIF that cannot be read is ignored
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Registers the three; else the first WebP would make Pillow load all the formats it knows.
from PIL import JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401  # isort: skip

from serving.errors import InvalidArgument
from serving.images import header
from serving.images.picture import Picture

Size: TypeAlias = tuple[int, int]  # width, height

_MOST_SCANS = 100
# A scan costs about as much as decoding its pixels once; real files have about ten.
_SCANNED_PIXELS = 16
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright picture.

    pixels: (height, width, 3) uint8 RGB; smaller than `size` when a reduced decode was
        allowed
    size: (width, height) of the upright original
    """

    pixels: NDArray[np.uint8]
    size: Size


def decode(
    picture: Picture,
    *,
    max_bytes: int,
    max_pixels: int,
    max_seconds: float,
    enough: Callable[[Size], Size] | None = None,
) -> Decoded:
    """Decodes `picture`, or checks the pixels it already has.

    `enough` tells, for the upright original's size, a size that would do as well. A JPEG
    may then come back at a half, a quarter or an eighth of its size, both sides no shorter
    than that: much faster for a large photograph that a model will shrink anyway.

    `max_seconds` counts what this thread computes, so that a busy machine refuses nothing
    an idle one would take. It is looked at whenever the decoder asks for the next 64 KiB.

    Raises InvalidArgument; its reason is one of IMAGE_EMPTY, IMAGE_TOO_LARGE,
    IMAGE_TOO_MANY_PIXELS, IMAGE_FORMAT, IMAGE_CORRUPT, IMAGE_ANIMATED, IMAGE_TOO_COMPLEX,
    IMAGE_PIXELS.
    """
    if picture.pixels is not None:
        if picture.encoded is not None:
            raise _refuse(picture, "IMAGE_PIXELS", "has both a file and pixels; send one of them")
        return _from_pixels(picture, picture.pixels, max_pixels)
    data = picture.encoded
    if not data:
        raise _refuse(picture, "IMAGE_EMPTY", "is empty; send a JPEG, PNG or WebP file")
    if len(data) > max_bytes:
        raise _refuse(
            picture, "IMAGE_TOO_LARGE", f"has {len(data)} bytes; at most {max_bytes} are allowed"
        )
    claimed = _header(picture, data)
    _check_pixels(picture, claimed.width, claimed.height, max_pixels)
    if claimed.animated:
        raise _refuse(picture, "IMAGE_ANIMATED", "is animated; send a single frame")
    most_scans = min(_MOST_SCANS, _SCANNED_PIXELS * max_pixels // (claimed.width * claimed.height))
    if claimed.scans > most_scans < header.count_scans(data, enough=most_scans + 1):
        raise _refuse(
            picture, "IMAGE_TOO_COMPLEX", "is a JPEG of too many scans; save it as a baseline JPEG"
        )
    try:
        pixels = _pixels(_Budgeted(data, max_seconds), claimed, enough)
    except MemoryError:
        raise
    except _OutOfTimeError:
        raise _refuse(
            picture, "IMAGE_TOO_COMPLEX", "takes too long to decode; save it as a baseline JPEG"
        ) from None
    except Exception:
        # Pillow's plugins raise whatever their reading of a broken file leads to.
        raise _corrupt(picture) from None
    if pixels is None:
        raise _corrupt(picture)
    image, size = pixels
    return Decoded(image, size)


def _header(picture: Picture, data: bytes) -> header.Header:
    kind = header.sniff(data)
    if kind is None:
        raise _refuse(picture, "IMAGE_FORMAT", "is no JPEG, PNG or WebP file; convert it to one")
    try:
        return header.read(data, kind)
    except header.BrokenHeader:
        raise _corrupt(picture) from None


class _OutOfTimeError(Exception):
    """Decoding has used up its time. No OSError: Pillow takes those for the end of the file."""


class _Budgeted(io.BytesIO):
    """A file in memory that can be read for so many seconds of computing."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._deadline = time.thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.thread_time() > self._deadline:
            raise _OutOfTimeError
        return super().read(size)


def _pixels(
    file: io.BytesIO, claimed: header.Header, enough: Callable[[Size], Size] | None
) -> tuple[NDArray[np.uint8], Size] | None:
    """Upright RGB and the original's upright size; None if Pillow reads another header."""
    with Image.open(file, formats=(claimed.format,)) as image:
        if image.size != (claimed.width, claimed.height):
            return None
        jpeg = claimed.format == "JPEG"
        orientation = _orientation(image) if jpeg else 1
        if jpeg and enough is not None:
            image.draft(None, _turned(enough(_turned(image.size, orientation)), orientation))
        image.load()
        if not jpeg:  # PNG and WebP may carry their EXIF behind the pixels
            orientation = _orientation(image)
        upright = _to_rgb(image)
        if orientation in _UPRIGHT:
            upright = upright.transpose(_UPRIGHT[orientation])
        pixels = np.asarray(upright)
    return pixels, _turned((claimed.width, claimed.height), orientation)


def _turned(size: Size, orientation: int) -> Size:
    """Stored size to upright size, or back."""
    return size[::-1] if orientation > 4 else size


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, coloured).convert("RGB")
    return image.convert("RGB")


def _from_pixels(picture: Picture, pixels: NDArray[np.uint8], max_pixels: int) -> Decoded:
    grey = picture.channels == "GRAY"
    if pixels.dtype != np.uint8:
        raise _refuse(picture, "IMAGE_PIXELS", "must be uint8")
    if grey and pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim != (2 if grey else 3) or (not grey and pixels.shape[2] != 3):
        wanted = "(height, width)" if grey else "(height, width, 3)"
        shape = tuple(pixels.shape)
        raise _refuse(
            picture, "IMAGE_PIXELS", f"must be {wanted} for {picture.channels}, not {shape}"
        )
    height, width = pixels.shape[:2]
    if not height or not width:
        raise _refuse(picture, "IMAGE_EMPTY", "has no pixels")
    _check_pixels(picture, width, height, max_pixels)
    if grey:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    elif picture.channels == "BGR":
        pixels = pixels[:, :, ::-1]
    return Decoded(np.ascontiguousarray(pixels), (width, height))


def _check_pixels(picture: Picture, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _refuse(
            picture,
            "IMAGE_TOO_MANY_PIXELS",
            f"is {width}×{height}; at most {max_pixels} pixels are allowed, scale it down",
        )


def _corrupt(picture: Picture) -> InvalidArgument:
    return _refuse(picture, "IMAGE_CORRUPT", "cannot be decoded; the file is damaged or cut off")


def _refuse(picture: Picture, reason: str, problem: str) -> InvalidArgument:
    return InvalidArgument.field(picture.field, problem, reason=reason)
