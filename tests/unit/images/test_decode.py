"""What a picture means: colours, orientation, sizes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from serving.errors import InvalidArgument
from serving.images import decode as decode_module
from serving.images.picture import Picture

LIMITS = {"max_bytes": 20 * 2**20, "max_pixels": 24 * 10**6, "max_seconds": 60}


def decode(data, **more):
    picture = data if isinstance(data, Picture) else Picture(encoded=data)
    return decode_module.decode(picture, **LIMITS | more)


def scene(width=96, height=64):
    """A smooth picture without symmetry, so that every rotation of it differs."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 / width, y * 255 / height, (x + 2 * y) * 255 / (width + 2 * height)]
    return Image.fromarray(np.stack(planes, axis=2).astype(np.uint8))


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def distance(one, other):
    return np.abs(one.astype(int) - np.asarray(other).astype(int)).max()


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 24),
        ("JPEG", {"quality": 95}, 12),
        ("JPEG", {"quality": 95, "progressive": True}, 12),
    ],
)
def test_each_format_gives_rgb(kind, options, tolerance):
    image = scene()
    result = decode(encoded(image, kind, **options))
    assert result.pixels.shape == (64, 96, 3)
    assert result.pixels.dtype == np.uint8
    assert result.size == (96, 64)
    assert distance(result.pixels, image) <= tolerance


def test_cmyk_means_the_same_colours():
    image = scene()
    assert distance(decode(encoded(image.convert("CMYK"), "JPEG", quality=98)).pixels, image) < 16


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_two_levels(mode):
    image = scene().convert(mode)
    expected = np.repeat(np.asarray(image.convert("L"))[:, :, None], 3, axis=2)
    assert distance(decode(encoded(image, "PNG")).pixels, expected) == 0


def test_sixteen_bits_are_scaled_not_clipped():
    wide = np.linspace(0, 65535, 64 * 96).reshape(64, 96).astype(np.uint16)
    result = decode(encoded(Image.fromarray(wide), "PNG")).pixels
    assert distance(result[:, :, 0], np.rint(wide / 257)) <= 1
    assert result.max() == 255


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_shows_white(mode):
    image = scene().convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))))
    image = image.convert(mode) if mode != "P" else image.quantize(64)
    data = encoded(image, "PNG")
    with Image.open(io.BytesIO(data)) as again:
        rgba = np.asarray(again.convert("RGBA")).astype(float)
    alpha = rgba[:, :, 3:] / 255
    expected = rgba[:, :, :3] * alpha + 255 * (1 - alpha)
    result = decode(data).pixels
    assert np.abs(result - expected).max() <= 1.5
    assert result[0, 0].tolist() == [255, 255, 255] or mode == "P"


def test_a_transparent_colour_key_counts_too():
    image = Image.new("RGB", (8, 8), (10, 20, 30))
    data = encoded(image, "PNG", transparency=(10, 20, 30))
    assert (decode(data).pixels == 255).all()


def turned(image, orientation):
    """`image` as a camera would store it that writes `orientation` into the file."""
    back = {6: 8, 8: 6}.get(orientation, orientation)
    method = decode_module._UPRIGHT.get(back)
    return image if method is None else image.transpose(method)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_pictures_come_out_upright(kind, orientation):
    image = scene()
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(turned(image, orientation), kind, exif=exif, quality=95)
    result = decode(data)
    assert result.size == (96, 64)
    assert distance(result.pixels, image) <= 24


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_is_upright(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(encoded(scene(), "JPEG", exif=exif)).size == (96, 64)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("metadata", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"x"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_metadata_is_ignored(kind, metadata):
    data = encoded(scene(), kind, exif=metadata, icc_profile=b"no profile", lossless=True)
    assert decode(data).pixels.shape == (64, 96, 3)


def test_a_reduced_decode_is_smaller_but_large_enough_and_alike():
    image = scene(800, 600)
    data = encoded(image, "JPEG", quality=95)
    result = decode(data, enough=lambda size: (150, 100))
    assert result.size == (800, 600)
    assert result.pixels.shape == (150, 200, 3)
    assert distance(result.pixels, image.resize((200, 150), Image.Resampling.BOX)) <= 8
    assert decode(data, enough=lambda size: (201, 100)).pixels.shape == (300, 400, 3)
    assert decode(data, enough=lambda size: (750, 1)).pixels.shape == (600, 800, 3)


def test_a_reduced_decode_minds_the_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(turned(scene(800, 400), 6), "JPEG", exif=exif)
    asked = []
    result = decode(data, enough=lambda size: asked.append(size) or (750, 10))
    assert asked == [(800, 400)]
    assert result.size == (800, 400)
    assert result.pixels.shape == (400, 800, 3)
    assert decode(data, enough=lambda size: (400, 10)).pixels.shape == (200, 400, 3)


@pytest.mark.parametrize("channels", ["RGB", "BGR", "GRAY"])
def test_pixels_are_taken_as_they_are(channels):
    rgb = np.asarray(scene())
    given = {"RGB": rgb, "BGR": rgb[:, :, ::-1], "GRAY": rgb[:, :, 0]}[channels]
    expected = np.repeat(rgb[:, :, :1], 3, axis=2) if channels == "GRAY" else rgb
    result = decode(Picture(pixels=given, channels=channels))
    assert distance(result.pixels, expected) == 0
    assert result.size == (96, 64)


@pytest.mark.parametrize(
    ("pixels", "channels"),
    [
        (np.zeros((4, 4, 4), np.uint8), "RGB"),
        (np.zeros((4, 4), np.uint8), "RGB"),
        (np.zeros((4, 4, 3), np.uint8), "GRAY"),
        (np.zeros((1, 4, 4, 3), np.uint8), "BGR"),
        (np.zeros((4, 4, 3), np.float32), "RGB"),
        (np.zeros((0, 4, 3), np.uint8), "RGB"),
        (np.zeros((5000, 5000, 3), np.uint8), "RGB"),
    ],
)
def test_wrong_pixels_are_refused(pixels, channels):
    with pytest.raises(InvalidArgument) as caught:
        decode(Picture(pixels=pixels, channels=channels, field="photo"))
    assert caught.value.fields[0][0] == "photo"
