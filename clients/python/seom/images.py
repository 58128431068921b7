"""A photo in any form a caller may hold it, as the message that carries it.

Encoded bytes go as they are and arrays as plain pixels; nothing is decoded, resized
or re-encoded here, so the SDK needs no imaging library.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from seom.pb.v1 import common_pb2


@runtime_checkable
class PILImage(Protocol):
    """What the SDK uses of a PIL.Image.Image."""

    @property
    def mode(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def tobytes(self) -> bytes: ...
    def convert(self, mode: str) -> Any: ...


# A path, the bytes of a JPEG, PNG or WebP file, a PIL image, or an RGB (height,
# width, 3) or gray (height, width) uint8 array.
Photo: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | PILImage | NDArray[np.uint8]
)

_ACCEPTED = "a path, bytes, a PIL image or a uint8 NumPy array"


def message(photo: Photo) -> common_pb2.Image:
    """The photo as seom.v1.Image.

    Raises OSError when a file cannot be read, TypeError and ValueError when an array
    or a PIL image is no 8-bit picture.
    """
    if isinstance(photo, str | os.PathLike):
        return common_pb2.Image(encoded=read(photo))
    if isinstance(photo, bytes | bytearray | memoryview):
        return common_pb2.Image(encoded=bytes(photo))
    if isinstance(photo, np.ndarray):
        return common_pb2.Image(pixels=_of_array(photo))
    if isinstance(photo, PILImage):
        return common_pb2.Image(pixels=_of_pil(photo))
    raise TypeError(f"photo: give {_ACCEPTED}, not {type(photo).__name__}")


def read(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises OSError, with a message that names the file.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, "photo: no such file", str(path)) from None
    except ValueError as error:  # a NUL in the name
        raise ValueError(f"photo: no file name: {error}") from None


async def loaded(photo: Photo) -> Photo:
    """The photo with its file read, if it is one, while the event loop goes on."""
    if isinstance(photo, str | os.PathLike):
        return await asyncio.to_thread(read, photo)
    return photo


def _of_array(array: NDArray[Any]) -> common_pb2.Pixels:
    if array.dtype != np.uint8:
        raise TypeError(
            f"photo: the array holds {array.dtype}, but pixels are uint8 (0 to 255); "
            "scale and convert it with .astype('uint8')"
        )
    gray = array.ndim == 2
    if not gray and (array.ndim != 3 or array.shape[2] != 3):
        raise ValueError(
            f"photo: an array of shape {array.shape} is no picture; "
            "give (height, width, 3) in RGB order or (height, width) in gray"
        )
    if array.size == 0:
        raise ValueError(f"photo: the array is empty (shape {array.shape})")
    return common_pb2.Pixels(
        width=array.shape[1],
        height=array.shape[0],
        format=common_pb2.PIXEL_FORMAT_GRAY if gray else common_pb2.PIXEL_FORMAT_RGB,
        data=array.tobytes(),
    )


def _of_pil(image: PILImage) -> common_pb2.Pixels:
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"photo: a PIL image of mode {image.mode!r} has more than 8 bits a pixel; "
            "scale it to 0 to 255 and convert it to 'L' first"
        )
    gray = image.mode in ("L", "1", "LA")
    mode = "L" if gray else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    width, height = image.size
    if not width or not height:
        raise ValueError(f"photo: the PIL image is empty ({width}×{height})")
    return common_pb2.Pixels(
        width=width,
        height=height,
        format=common_pb2.PIXEL_FORMAT_GRAY if gray else common_pb2.PIXEL_FORMAT_RGB,
        data=plain.tobytes(),
    )
