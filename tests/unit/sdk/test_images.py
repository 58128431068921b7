"""A photo in every form, and what is no photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seom import Client, images
from seom.pb.v1 import common_pb2

from .server import Server

RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
GRAY = np.arange(6, dtype=np.uint8).reshape(2, 3)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_encoded_bytes_go_as_they_are(kind: Any) -> None:
    assert images.message(kind(b"jpeg")).encoded == b"jpeg"
    assert images.message(kind(b"")).WhichOneof("kind") == "encoded"


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8jpeg")
    assert images.message(file).encoded == b"\xff\xd8jpeg"
    assert images.message(str(file)).encoded == b"\xff\xd8jpeg"


@pytest.mark.parametrize(
    ("array", "layout"),
    [(RGB, common_pb2.PIXEL_FORMAT_RGB), (GRAY, common_pb2.PIXEL_FORMAT_GRAY)],
)
def test_an_array(array: Any, layout: int) -> None:
    pixels = images.message(array).pixels
    assert (pixels.width, pixels.height, pixels.format) == (3, 2, layout)
    assert pixels.data == bytes(range(array.size))


def test_an_array_that_is_a_view_goes_row_by_row() -> None:
    """OpenCV's BGR is turned by a view with a negative stride."""
    turned = images.message(RGB[:, ::2, ::-1]).pixels
    assert (turned.width, turned.height) == (2, 2)
    assert turned.data == RGB[:, ::2, ::-1].copy().tobytes()


@pytest.mark.parametrize(
    ("mode", "layout", "channels"),
    [
        ("RGB", common_pb2.PIXEL_FORMAT_RGB, 3),
        ("RGBA", common_pb2.PIXEL_FORMAT_RGB, 3),
        ("P", common_pb2.PIXEL_FORMAT_RGB, 3),
        ("CMYK", common_pb2.PIXEL_FORMAT_RGB, 3),
        ("L", common_pb2.PIXEL_FORMAT_GRAY, 1),
        ("LA", common_pb2.PIXEL_FORMAT_GRAY, 1),
        ("1", common_pb2.PIXEL_FORMAT_GRAY, 1),
    ],
)
def test_a_pil_image(mode: str, layout: int, channels: int) -> None:
    picture = Image.fromarray(RGB).convert(mode)
    pixels = images.message(picture).pixels
    assert (pixels.width, pixels.height, pixels.format) == (3, 2, layout)
    expected = picture.convert("L" if channels == 1 else "RGB").tobytes()
    assert pixels.data == expected
    assert len(pixels.data) == 6 * channels


@pytest.mark.parametrize(
    ("photo", "error", "words"),
    [
        (RGB.astype(np.float32) / 255, TypeError, "float32.*uint8"),
        (RGB.astype(np.int64), TypeError, "int64.*uint8"),
        (np.zeros((3, 4, 4), np.uint8), ValueError, r"\(3, 4, 4\).*height, width, 3"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, "height, width, 3"),
        (np.zeros((1, 4, 4, 3), np.uint8), ValueError, "height, width, 3"),
        (np.zeros(4, np.uint8), ValueError, "height, width, 3"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "empty"),
        (Image.new("I;16", (2, 2)), ValueError, "8 bits"),
        (Image.new("F", (2, 2)), ValueError, "8 bits"),
        (Image.new("RGB", (0, 0)), ValueError, "empty"),
        (None, TypeError, "NoneType"),
        ([[1, 2], [3, 4]], TypeError, "list"),
        ("no/such/photo.jpg", FileNotFoundError, r"no such file.*no/such/photo\.jpg"),
        ("nul\0.jpg", ValueError, "file name"),
        (Path("/"), OSError, "directory"),
    ],
)
def test_what_is_no_photo_never_leaves(
    photo: Any, error: type[Exception], words: str, client: Client, server: Server
) -> None:
    with pytest.raises(error, match=words):
        client.detect(photo)
    assert not server.seen
