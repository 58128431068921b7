"""The keys of model.yaml that belong to the family `classification`."""

from __future__ import annotations

from typing import Literal

from serving.runtimes.vllm.options import EngineOptions


class Options(EngineOptions):
    """An engine's keys. sequences: texts computed together; what is above waits inside.

    The labels are those of the checkpoint's config.json.
    """

    task: Literal["classify"] = "classify"
