"""The typed RPCs that run one item through one model, by name.

A service adds its rows here; the replica needs nothing else to serve it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving.services.detection import build_detect, parse_detect
from serving.services.face import (
    build_detect_faces,
    build_embed_faces,
    build_verify_faces,
    parse_detect_faces,
    parse_embed_faces,
    parse_verify_faces,
)


@dataclass(frozen=True)
class Typed:
    """One RPC: the family that answers it, and both translations.

    parse: request message → the family's item, raising InvalidArgument
    build: the family's result → response message, without name, version and timing
    """

    family: str
    parse: Callable[[Any], Any]
    build: Callable[[Any], Any]


TYPED: dict[str, Typed] = {
    "Detect": Typed("detection", parse_detect, build_detect),
    "DetectFaces": Typed("face", parse_detect_faces, build_detect_faces),
    "EmbedFaces": Typed("face", parse_embed_faces, build_embed_faces),
    "VerifyFaces": Typed("face", parse_verify_faces, build_verify_faces),
}
