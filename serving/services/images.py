"""seom.v1.Image to a Picture: the checks that need no decoder."""

from __future__ import annotations

from typing import Literal

import numpy as np

from seom.pb.v1 import common_pb2 as pb
from serving.errors import InvalidArgument
from serving.images.picture import Picture

_CHANNELS: dict[int, Literal["RGB", "BGR", "GRAY"]] = {
    pb.PIXEL_FORMAT_RGB: "RGB",
    pb.PIXEL_FORMAT_BGR: "BGR",
    pb.PIXEL_FORMAT_GRAY: "GRAY",
}


def picture(image: pb.Image, field: str) -> Picture:
    """Raises InvalidArgument with `field` as the path when the image says nothing usable."""
    kind = image.WhichOneof("kind")
    if kind == "encoded":
        if not image.encoded:
            raise InvalidArgument.field(f"{field}.encoded", "is empty", reason="IMAGE_EMPTY")
        return Picture(encoded=image.encoded, field=f"{field}.encoded")
    if kind == "pixels":
        return _from_pixels(image.pixels, f"{field}.pixels")
    raise InvalidArgument.field(
        field, "carries neither `encoded` nor `pixels`", reason="IMAGE_EMPTY"
    )


def _from_pixels(pixels: pb.Pixels, field: str) -> Picture:
    channels = _CHANNELS.get(pixels.format)
    if channels is None:
        raise InvalidArgument.field(f"{field}.format", "must be RGB, BGR or GRAY")
    depth = 1 if channels == "GRAY" else 3
    expected = pixels.width * pixels.height * depth
    if not expected or len(pixels.data) != expected:
        raise InvalidArgument.field(
            f"{field}.data",
            f"has {len(pixels.data)} bytes; {pixels.width}×{pixels.height} {channels} "
            f"pixels take {expected}" + ("" if expected else ", and an image needs at least one"),
        )
    shape = (pixels.height, pixels.width) if depth == 1 else (pixels.height, pixels.width, 3)
    array = np.frombuffer(pixels.data, np.uint8).reshape(shape)
    return Picture(pixels=array, channels=channels, field=field)
