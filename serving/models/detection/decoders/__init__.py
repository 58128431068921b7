"""Decoders: from a network's raw outputs to candidate boxes, one file per kind of network.

A new one is a file here, a line in DECODERS and its name in `Options.decoder`.
"""

from __future__ import annotations

from serving.models.detection.decoders.base import Candidates, Decoder
from serving.models.detection.decoders.yolox import Yolox

DECODERS: dict[str, type[Decoder]] = {"yolox": Yolox}

__all__ = ["DECODERS", "Candidates", "Decoder"]
