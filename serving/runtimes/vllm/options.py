"""The keys of model.yaml that say how an engine runs; vLLM's other settings are ours."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from serving.repository.config import Quantity, Section, Sha256

NAME = "[a-z0-9][a-z0-9._-]{0,62}"
Name = Annotated[str, Field(pattern=f"^{NAME}$")]
# Relative to the model's folder; what is loaded is written down, never asked for.
_PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
Folder = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART})*$")]
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # vLLM sizes its buffers in these steps


class Adapter(Section):
    """A LoRA adapter in PEFT's layout that requests may ask for by name.

    folder: in the model's; holds adapter_model.safetensors, of this sha256, and
        adapter_config.json
    rank: the largest its matrices may have; `r` of adapter_config.json
    """

    name: Name
    folder: Folder
    sha256: Sha256 | None = None
    rank: int = Field(default=16, ge=1, le=RANKS[-1])


class Speculation(Section):
    """Several tokens a step: guessed cheaply, checked by the model at once.

    ngram: repeats what stood in the prompt; draft, eagle, eagle3: a small model in `folder`
    """

    method: Literal["ngram", "draft", "eagle", "eagle3"]
    tokens: int = Field(ge=1, le=16)
    folder: Folder | None = None

    @model_validator(mode="after")
    def _has_its_model(self) -> Speculation:
        if (self.folder is None) != (self.method == "ngram"):
            raise ValueError("`folder` names the small model, which ngram alone does without")
        return self


class EngineOptions(Section):
    """One engine.

    task: what the model does; `embed` and `classify` are encoders' work
    context: tokens of prompt and reply together; the model's own limit when absent
    sequences: replies computed together; what is above waits inside the engine
    step_tokens: tokens computed in one step; long prompts are cut into such pieces, unless
        `chunked_prefill` is off, which takes a step for a prompt
    kv_cache: bytes for keys and values; on a GPU, what `gpu_memory` leaves when absent
    kv_dtype: what keys and values are kept as; the fp8 kinds halve them
    block: tokens of a cache block, the grain in which prefixes are reused
    quantisation: how the weights are packed, where their config.json does not say;
        fp8 also packs weights that are not
    tensor_parallel: GPUs, or processes on a CPU, that share each layer
    sleep_after_s: seconds without work after which the weights leave the GPU for the
        memory of the machine; the next request waits for their return. GPU only
    adapters_together: adapters that one step may use, on a GPU; on a CPU all
    adapter_room: adapters that may come while the engine runs, beyond those listed now,
        each of `adapter_rank` at most; more of them or larger ones need a new start
    json_spaces: JSON held to a schema may have white space between its parts, as most models
        write it unasked; without, it has none, for some write nothing else until the end
    strict_tools: the arguments of a tool call keep to the tool's schema
    stall_s: seconds without a step, while there is work, after which the engine is ill;
        above what the longest step takes
    """

    task: Literal["generate", "embed", "classify"] = "generate"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    context: int | None = Field(default=None, ge=16, le=10**7)
    sequences: int = Field(default=32, ge=1, le=4096)
    step_tokens: int | None = Field(default=None, ge=32, le=10**6)
    kv_cache: Quantity | None = None
    kv_dtype: Literal["auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    block: Literal[16, 32, 64, 128] | None = None
    gpu_memory: float = Field(default=0.9, gt=0, le=1)
    prefix_caching: bool = True
    chunked_prefill: bool = True
    quantisation: (
        Literal["awq", "awq_marlin", "gptq", "gptq_marlin", "fp8", "compressed-tensors"] | None
    ) = None
    tensor_parallel: int = Field(default=1, ge=1, le=64)
    speculation: Speculation | None = None
    eager: bool | None = None
    sleep_after_s: float | None = Field(default=None, ge=1, le=86400)
    seed: int = Field(default=0, ge=0, lt=2**31)
    images: int = Field(default=0, ge=0, le=64)
    image_cache: Quantity = 2**30
    adapters: tuple[Adapter, ...] = Field(default=(), max_length=256)
    adapters_together: int = Field(default=4, ge=1, le=64)
    adapter_room: int = Field(default=0, ge=0, le=256)
    adapter_rank: int = Field(default=16, ge=1, le=RANKS[-1])
    json_spaces: bool = False
    tool_parser: str | None = Field(default=None, pattern=r"^[a-z0-9_]+$")
    strict_tools: bool = True
    reasoning_parser: str | None = Field(default=None, pattern=r"^[a-z0-9_]+$")
    logprobs: int = Field(default=20, ge=0, le=100)
    stall_s: float = Field(default=15.0, gt=0, le=600)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> EngineOptions:
        names = [adapter.name for adapter in self.adapters]
        if len(set(names)) < len(names):
            raise ValueError("two adapters have one name")
        generates = self.adapter_places or self.speculation or self.tool_parser
        if self.task != "generate" and generates:
            raise ValueError(f"adapters, speculation and tools are not for task {self.task}")
        return self

    @property
    def adapter_places(self) -> int:
        """Adapters the engine has room for, those that may come included."""
        return len(self.adapters) + self.adapter_room

    @property
    def rank(self) -> int:
        """The rank vLLM makes room for."""
        ranks = [adapter.rank for adapter in self.adapters]
        most = max([*ranks, self.adapter_rank if self.adapter_room else 1])
        return next(rank for rank in RANKS if rank >= most)
