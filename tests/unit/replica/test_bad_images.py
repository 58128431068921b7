"""Every kind of wrong picture gets its exact status and details, and harms nobody."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from seom.pb.v1.common_pb2 import PIXEL_FORMAT_RGB, Pixels
from seom.pb.v1.detection_pb2 import DetectRequest, DetectResponse
from tests.errors import details_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def photograph(width: int = 200, height: int = 100) -> Image.Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8))


def encoded(picture: Image.Image | None = None, kind: str = "JPEG", **options: Any) -> bytes:
    target = io.BytesIO()
    (picture or photograph()).save(target, kind, **options)
    return target.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and has one row of nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def animation(kind: str) -> bytes:
    frames = [photograph(20 + 0 * n, 10) for n in range(3)]
    for number, frame in enumerate(frames):
        frame.putpixel((number, 0), (255, 255, 255))
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


# What is sent → the reason. All of it is INVALID_ARGUMENT on the field image.encoded.
WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "IMAGE_EMPTY"),
    "text": (b"not a picture at all, just words", "IMAGE_FORMAT"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "IMAGE_FORMAT"),
    "pdf": (b"%PDF-1.7\n1 0 obj", "IMAGE_FORMAT"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "IMAGE_FORMAT"),
    "fits": (b"SIMPLE  =                    T" + b" " * 60, "IMAGE_FORMAT"),
    "psd": (b"8BPS\0\1" + b"\0" * 40, "IMAGE_FORMAT"),
    "tiff": (encoded(kind="TIFF"), "IMAGE_FORMAT"),
    "gif": (encoded(kind="GIF"), "IMAGE_FORMAT"),
    "bmp": (encoded(kind="BMP"), "IMAGE_FORMAT"),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40, "IMAGE_FORMAT"),
    "65,535² by its header": (png_header(65535, 65535), "IMAGE_TOO_MANY_PIXELS"),
    "5 MiB": (encoded(kind="JPEG") + b"\0" * (5 * 2**20), "IMAGE_TOO_LARGE"),
    "animated PNG": (animation("PNG"), "IMAGE_ANIMATED"),
    "animated WebP": (animation("WEBP"), "IMAGE_ANIMATED"),
}


async def detect(stubs: dict[str, Any], photo: bytes, **fields: Any) -> DetectResponse:
    request = DetectRequest(model_name="spots", **fields)
    request.image.encoded = photo
    response: DetectResponse = await stubs["spots"].Detect(request, timeout=10)
    return response


async def good(stubs: dict[str, Any]) -> None:
    found = await detect(stubs, encoded())
    assert [thing.label for thing in found.detections] == ["spot"]


async def refused(stubs: dict[str, Any], request: DetectRequest) -> tuple[Any, str]:
    with pytest.raises(grpc.RpcError) as raised:
        await stubs["spots"].Detect(request, timeout=10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT, raised.value.details()
    await good(stubs)
    return details_of(raised.value), raised.value.details()


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_picture(stubs: dict[str, Any], case: str) -> None:
    photo, reason = WRONG[case]
    request = DetectRequest(model_name="spots")
    request.image.encoded = photo
    details, message = await refused(stubs, request)
    assert details.fields.keys() == {"image.encoded"}, message
    if photo:
        assert details.reason == reason
    assert "/" not in message.replace("image/", ""), message
    assert "0x" not in message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tenth", range(1, 10))
async def test_cut_off_pictures(stubs: dict[str, Any], kind: str, tenth: int) -> None:
    whole = encoded(kind=kind)
    request = DetectRequest(model_name="spots")
    request.image.encoded = whole[: len(whole) * tenth // 10]
    details, _ = await refused(stubs, request)
    assert details.reason in ("IMAGE_CORRUPT", "IMAGE_FORMAT")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"min_score": 1.5}, "min_score"),
        ({"min_score": float("nan")}, "min_score"),
        ({"max_overlap": -0.1}, "max_overlap"),
        ({"labels": ["spot", "unicorn"]}, "labels[1]"),
    ],
)
async def test_wrong_options(stubs: dict[str, Any], fields: dict[str, Any], named: str) -> None:
    request = DetectRequest(model_name="spots", **fields)
    request.image.encoded = encoded()
    details, _ = await refused(stubs, request)
    assert any(field.startswith(named.split("[")[0]) for field in details.fields)


async def test_all_wrong_fields_are_named(stubs: dict[str, Any]) -> None:
    request = DetectRequest(model_name="spots", min_score=2, max_overlap=2)
    details, _ = await refused(stubs, request)
    assert set(details.fields) == {"min_score", "max_overlap", "image"}


@pytest.mark.parametrize(
    "pixels",
    [
        Pixels(width=4, height=4, format=PIXEL_FORMAT_RGB, data=b"\0" * 47),
        Pixels(width=0, height=4, format=PIXEL_FORMAT_RGB),
        Pixels(width=4, height=4, data=b"\0" * 48),
        Pixels(width=2**31, height=2**31, format=PIXEL_FORMAT_RGB, data=b"\0"),
    ],
)
async def test_wrong_pixels(stubs: dict[str, Any], pixels: Pixels) -> None:
    request = DetectRequest(model_name="spots")
    request.image.pixels.CopyFrom(pixels)
    details, _ = await refused(stubs, request)
    assert all(field.startswith("image.pixels") for field in details.fields)


async def test_a_tensor_model_does_not_detect(stubs: dict[str, Any]) -> None:
    request = DetectRequest(model_name="identity")
    request.image.encoded = encoded()
    with pytest.raises(grpc.RpcError) as raised:
        await stubs["spots"].Detect(request, timeout=10)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "picture",
    [
        encoded(photograph().convert("CMYK")),
        encoded(photograph().convert("L")),
        encoded(photograph().convert("1"), "PNG"),
        encoded(photograph().convert("P"), "PNG"),
        encoded(photograph().convert("LA"), "PNG"),
        encoded(photograph().convert("RGBA"), "PNG"),
        encoded(photograph(), "WEBP"),
        encoded(photograph(), icc_profile=b"nonsense"),
        encoded(photograph(), exif=b"Exif\0\0nonsense"),
        encoded(photograph(), progressive=True),
    ],
)
async def test_every_usual_picture_is_read(stubs: dict[str, Any], picture: bytes) -> None:
    found = await detect(stubs, picture)
    (thing,) = found.detections
    assert (found.image_width, found.image_height) == (200, 100)
    assert thing.box.x_min == pytest.approx(75, abs=1)
    assert thing.box.y_max == pytest.approx(62.5, abs=1)
    assert found.timing.total_ns > found.timing.decode_ns > 0


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_boxes_are_in_the_upright_picture(stubs: dict[str, Any], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = await detect(stubs, encoded(exif=exif.tobytes()))
    turned = orientation >= 5
    assert (found.image_width, found.image_height) == ((100, 200) if turned else (200, 100))
