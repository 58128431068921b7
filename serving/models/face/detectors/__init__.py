"""Face detectors: from a network's raw outputs to candidates, one file per kind of network.

A new one is a file here, a line in DETECTORS and its name in `Detector.kind` of the options.
"""

from __future__ import annotations

from serving.models.face.detectors.base import Candidates, Decoder
from serving.models.face.detectors.rfb import Rfb
from serving.models.face.detectors.scrfd import Scrfd
from serving.models.face.detectors.yunet import YuNet

DETECTORS: dict[str, type[Decoder]] = {"yunet": YuNet, "rfb": Rfb, "scrfd": Scrfd}

__all__ = ["DETECTORS", "Candidates", "Decoder"]
