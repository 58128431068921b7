"""The keys of model.yaml that belong to the family `classification`."""

from __future__ import annotations

from typing import Literal

from serving.runtimes.encoders.options import EncoderOptions


class Options(EncoderOptions):
    """An encoder's keys. The labels are those of the checkpoint's config.json."""

    task: Literal["classify"] = "classify"
