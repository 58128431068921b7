"""Decoders: from a network's raw outputs to candidate boxes, one file per kind of network.

A new one is a file here, a line in DECODERS and its name in `Options.decoder`.
"""

from __future__ import annotations

from serving.models.detection.decoders.base import Candidates, Decoder
from serving.models.detection.decoders.detr import Detr
from serving.models.detection.decoders.nanodet import NanoDet
from serving.models.detection.decoders.ssd import Ssd
from serving.models.detection.decoders.yolov8 import Yolov8
from serving.models.detection.decoders.yolox import Yolox

DECODERS: dict[str, type[Decoder]] = {
    "detr": Detr,
    "nanodet": NanoDet,
    "ssd": Ssd,
    "yolov8": Yolov8,
    "yolox": Yolox,
}

__all__ = ["DECODERS", "Candidates", "Decoder"]
