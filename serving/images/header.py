"""What an encoded picture claims to be, read from its header before any decoder sees it.

Only JPEG, PNG and WebP are known; everything else (SVG, TIFF, PDF, GIF …) is refused here.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Literal

Format = Literal["JPEG", "PNG", "WEBP"]

# In a JPEG's compressed data FF stands for itself only before 00 or a restart marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


class BrokenHeader(Exception):
    """The bytes begin like a picture and do not go on like one."""


@dataclass(frozen=True, slots=True)
class Header:
    """`scans` is at most how often a decoder goes through the picture: 1 but for some JPEGs."""

    format: Format
    width: int
    height: int
    animated: bool = False
    scans: int = 1


def sniff(data: bytes) -> Format | None:
    """The format by its first bytes, or None for one we do not take."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return None


def read(data: bytes, kind: Format) -> Header:
    """Reads the header of a sniffed picture. Raises BrokenHeader."""
    try:
        if kind == "JPEG":
            return _jpeg(data)
        return _png(data) if kind == "PNG" else _webp(data)
    except (struct.error, IndexError):
        raise BrokenHeader("the header is cut off") from None


def count_scans(data: bytes, *, enough: int) -> int:
    """A JPEG's scans, exactly, counted up to `enough`.

    Walks the whole file, which takes a while; `Header.scans` is a bound that takes none.
    """
    scans = at = 0
    while scans < enough and (marker := _MARKER.search(data, at or 2)):
        code, at = marker[1][0], marker.end()
        if code == _END_OF_IMAGE:
            break
        scans += code == _START_OF_SCAN
        if code not in _BARE:
            at += int.from_bytes(data[at : at + 2], "big")
    return scans


def _jpeg(data: bytes) -> Header:
    width = height = 0
    at = 2
    while marker := _MARKER.search(data, at):
        code, at = marker[1][0], marker.end()
        if code == _START_OF_SCAN:
            if width and height:
                return Header("JPEG", width, height, scans=1 + data.count(b"\xff\xda", at))
            break
        if code == _END_OF_IMAGE:
            break
        if code in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
        if code not in _BARE:
            at += struct.unpack_from(">H", data, at)[0]
    raise BrokenHeader("no picture follows the header")


def _png(data: bytes) -> Header:
    length, name, width, height = struct.unpack_from(">I4sII", data, 8)
    if name != b"IHDR" or length != 13 or not width or not height:
        raise BrokenHeader("no IHDR chunk")
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"acTL":
            return Header("PNG", width, height, animated=True)
        if name == b"IDAT":
            break
        at += 12 + length
    return Header("PNG", width, height)


def _webp(data: bytes) -> Header:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        if len(data) < 30:
            raise BrokenHeader("the VP8X chunk is cut off")
        return Header("WEBP", width, height, animated=bool(data[20] & 0x02))
    if chunk == b"VP8 ":
        if data[23:26] != b"\x9d\x01\x2a":
            raise BrokenHeader("no VP8 key frame")
        width, height = struct.unpack_from("<HH", data, 26)
        width, height = width & 0x3FFF, height & 0x3FFF
    elif chunk == b"VP8L":
        if data[20] != 0x2F:
            raise BrokenHeader("no VP8L signature")
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        raise BrokenHeader("an unknown first chunk")
    if not width or not height:
        raise BrokenHeader("no size")
    return Header("WEBP", width, height)
