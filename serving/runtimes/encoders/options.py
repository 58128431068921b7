"""The keys of model.yaml that say how an encoder runs."""

from __future__ import annotations

from typing import Literal

from serving.runtimes.vllm.options import EngineOptions


class EncoderOptions(EngineOptions):
    """An engine's keys, of which transformers takes `context`, `dtype`, `sequences`,
    `step_tokens` and `stall_s`.

    runtime: what computes; `auto` is vLLM, but transformers for what vLLM has no model of
    sequences: texts computed together; what is above waits inside
    """

    runtime: Literal["auto", "vllm", "transformers"] = "auto"
