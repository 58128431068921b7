"""Files that are broken, oversized or up to no good are refused, with a reason, before they
cost anything."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from serving.errors import InvalidArgument
from serving.images import header
from serving.images.picture import Picture
from tests.unit.images.test_decode import decode, encoded, scene

FILES = {
    "jpeg": encoded(scene(), "JPEG"),
    "progressive": encoded(scene(), "JPEG", progressive=True),
    "png": encoded(scene(), "PNG"),
    "webp": encoded(scene(), "WEBP"),
    "webp lossless": encoded(scene(), "WEBP", lossless=True),
    "webp extended": encoded(scene().convert("RGBA"), "WEBP", exif=b"Exif\0\0x"),
}


def reason(data, **limits):
    with pytest.raises(InvalidArgument) as caught:
        decode(data, **limits)
    message = str(caught.value)
    assert caught.value.fields[0][0] == "image"
    assert "/" not in message and "0x" not in message and "Pillow" not in message
    return caught.value.reason


def test_nothing_is_no_picture():
    assert reason(b"") == "IMAGE_EMPTY"
    assert reason(Picture()) == "IMAGE_EMPTY"


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"%PDF-1.7",
        b"SIMPLE  =                    T",
        b"8BPS\0\1",
        b"II*\0\x08\0\0\0",
        b"MM\0*",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"GIF89a\1\0\1\0",
        b"BM",
        b"RIFF\0\0\0\0WAVE",
        b"\xff\xd8",
        b"\x89PNG",
    ],
)
def test_other_formats_never_reach_a_decoder(data, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was entered"))
    assert reason(data + bytes(64)) == "IMAGE_FORMAT"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_file_that_is_cut_off(name, tenths):
    data = FILES[name]
    assert reason(data[: len(data) * tenths // 10]) in {"IMAGE_CORRUPT", "IMAGE_FORMAT"}


@pytest.mark.parametrize("name", FILES)
def test_no_cut_at_all_escapes(name):
    for length in range(0, len(FILES[name]), 7):
        try:
            decode(FILES[name][:length])
        except InvalidArgument:
            pass


@given(
    name=st.sampled_from(sorted(FILES)),
    edits=st.lists(st.tuples(st.integers(0), st.binary(max_size=6)), min_size=1, max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_damaged_files_are_decoded_or_refused(name, edits):
    data = bytearray(FILES[name])
    for at, junk in edits:
        at %= len(data)
        data[at : at + len(junk)] = junk
    try:
        assert decode(bytes(data), max_pixels=10**6).pixels.shape[2] == 3
    except InvalidArgument:
        pass


def test_too_many_bytes_are_refused_unread():
    assert reason(b"\xff\xd8\xff" + bytes(1000), max_bytes=1000) == "IMAGE_TOO_LARGE"


def png_of(width, height):
    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def resized(data, width, height):
    """A JPEG whose frame header claims another size."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


@pytest.mark.parametrize(
    "data", [png_of(65535, 65535), resized(FILES["jpeg"], 65535, 65535), png_of(2**31 - 1, 1)]
)
def test_a_huge_picture_is_refused_by_its_header(data, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was entered"))
    assert reason(data) == "IMAGE_TOO_MANY_PIXELS"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert reason(data) == "IMAGE_ANIMATED"


def with_scans(count):
    """A progressive JPEG whose last scan is there `count` times more."""
    data = FILES["progressive"]
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (count + 1) + b"\xff\xd9"


def test_a_jpeg_of_thousands_of_scans_is_refused_quickly(monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("a decoder was entered"))
    data = with_scans(20_000)
    started = time.monotonic()
    assert reason(data) == "IMAGE_TOO_COMPLEX"
    assert time.monotonic() - started < 0.1


def test_decoding_ends_when_its_time_is_up(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "JPEG", progressive=True, quality=95)
    assert len(data) > 10 * 65536
    assert decode(data).size == (900, 900)
    clock = itertools.count()  # a second of computing between any two looks at the clock
    monkeypatch.setattr(time, "thread_time", clock.__next__)
    assert reason(data, max_seconds=6) == "IMAGE_TOO_COMPLEX"
    assert next(clock) == 8  # a decoder that went on would have looked more often


def test_a_large_picture_may_have_fewer_scans_than_a_small_one():
    data = with_scans(40)
    assert decode(data).size == (96, 64)
    assert reason(data, max_pixels=96 * 64) == "IMAGE_TOO_COMPLEX"


def test_what_only_looks_like_scans_does_not_count():
    assert decode(FILES["jpeg"] + b"\xff\xda\0\2" * 50_000).size == (96, 64)
    exact = header.count_scans(FILES["progressive"], enough=1000)
    assert exact == FILES["progressive"].count(b"\xff\xda")


@pytest.mark.parametrize("name", FILES)
def test_the_header_agrees_with_the_decoder(name):
    kind = header.sniff(FILES[name])
    assert kind is not None
    found = header.read(FILES[name], kind)
    assert (found.width, found.height, found.animated) == (96, 64, False)


def test_no_other_format_is_even_loaded():
    script = (
        "import sys; from serving.images.decode import decode; "
        "from serving.images.picture import Picture\n"
        "picture = Picture(sys.stdin.buffer.read())\n"
        "decode(picture, max_bytes=10**6, max_pixels=10**6, max_seconds=5)\n"
        "print(sorted(sys.modules.keys() & {'PIL.PsdImagePlugin', 'PIL.PdfImagePlugin'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], input=FILES["webp"], capture_output=True)
    assert done.stdout.strip() == b"[]", done.stderr
