"""The environment an engine starts in."""

from __future__ import annotations

from serving.models.base import Device
from serving.runtimes.vllm import settings
from serving.runtimes.vllm.options import EngineOptions


def test_what_is_kept_of_schemas_is_bounded() -> None:
    """vLLM's own bound is half a gigabyte, as counted; see test_schemas for the engine."""
    for device in (Device(), Device(gpu=True)):
        chosen = settings.environment(EngineOptions(), device)
        assert chosen["VLLM_XGRAMMAR_CACHE_MB"] == "64"
