"""Our options in vLLM's words: environment, engine arguments, sampling parameters."""

from __future__ import annotations

import os
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.runtimes.vllm.descend import OWNER
from serving.runtimes.vllm.lora import USUAL
from serving.runtimes.vllm.options import EngineOptions
from serving.runtimes.vllm.types import Constraint, Sampling

_CPU_CACHE = 256 * 2**20
_CPU_BLOCK = 32  # vLLM would take 128, and reuse no prefix that is shorter
_CPU_STEP = 512  # vLLM would take 2048: half a minute for half a billion weights


def environment(options: EngineOptions, device: Device) -> dict[str, str]:
    """To be set before vLLM is imported; the engine's processes inherit it.

    Nothing is fetched or told, only our own plug-in is loaded, and every process is
    started afresh, for a forked one would skip the plug-in.
    """
    chosen = {
        OWNER: str(os.getpid()),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_PLUGINS": "seom",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_LOGGING_LEVEL": os.environ.get("VLLM_LOGGING_LEVEL", "WARNING"),
        "TOKENIZERS_PARALLELISM": "false",
        # Every schema becomes an automaton that is kept; half a gigabyte of them is vLLM's own
        # bound, and the memory they really take is several times what is counted.
        "VLLM_XGRAMMAR_CACHE_MB": "64",
    }
    if not device.gpu:
        chosen |= {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": str(device.threads)}
        if options.eager is not False:
            # Or the first request for log-probabilities compiles a kernel for 15 seconds,
            # and all others wait for it.
            chosen["TORCH_COMPILE_DISABLE"] = "1"
        if options.tensor_parallel == 1:
            # vLLM puts a CPU's model into a process behind the engine's, to set the number
            # of its threads. It is set above, so one process less, and one hop a step.
            chosen["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    return chosen


def engine_arguments(
    folder: Path,
    options: EngineOptions,
    device: Device,
    name: str,
    modules: Set[str] = USUAL,
) -> Any:
    """vLLM's `AsyncEngineArgs`; raises FailedPrecondition for what a CPU cannot do.

    modules: the layers that adapters may change
    """
    if options.sleep_after_s is not None and not device.gpu:
        raise FailedPrecondition(
            "sleep_after_s: only a GPU's memory can be given back; leave it out on a CPU",
            reason="NEEDS_GPU",
        )
    from vllm.config import StructuredOutputsConfig
    from vllm.engine.arg_utils import AsyncEngineArgs

    cpu = not device.gpu
    chosen: dict[str, Any] = {
        "model": str(folder),
        "served_model_name": name,
        "runner": "generate" if options.task == "generate" else "pooling",
        "dtype": options.dtype,
        "max_model_len": options.context,
        "max_num_seqs": options.sequences,
        "max_num_batched_tokens": options.step_tokens or _step(options, device),
        "kv_cache_memory_bytes": options.kv_cache or (_CPU_CACHE if cpu else None),
        "kv_cache_dtype": options.kv_dtype,
        "block_size": options.block or (_CPU_BLOCK if cpu else None),
        "gpu_memory_utilization": options.gpu_memory,
        "quantization": options.quantisation,
        "tensor_parallel_size": options.tensor_parallel,
        "distributed_executor_backend": "mp" if options.tensor_parallel > 1 else "uni",
        "enforce_eager": cpu if options.eager is None else options.eager,
        "enable_sleep_mode": options.sleep_after_s is not None,
        "seed": options.seed,
        "max_logprobs": options.logprobs,
        "disable_log_stats": True,  # ours is the only stat logger
        "trust_remote_code": False,
        "enable_prompt_embeds": False,
        "enable_mm_embeds": False,
        "limit_mm_per_prompt": {"image": options.images, "video": 0, "audio": 0},
        "mm_processor_cache_gb": options.image_cache / 2**30,
        "reasoning_parser": options.reasoning_parser or "",
        "structured_outputs_config": StructuredOutputsConfig(
            backend="xgrammar", disable_any_whitespace=not options.json_spaces
        ),
        "scheduling_policy": "priority",
    }
    if options.task == "generate":
        chosen["enable_prefix_caching"] = options.prefix_caching
        chosen["enable_chunked_prefill"] = options.chunked_prefill
    if places := options.adapter_places:
        # vLLM's CPU kernels give rows without an adapter the last slot's (index -1). Slots
        # are filled from the first, so with one too many the last stays zero.
        together = places + 1 if cpu else min(options.adapters_together, places)
        chosen |= {
            "enable_lora": True,
            "max_loras": together,
            "max_lora_rank": options.rank,
            "max_cpu_loras": max(together, places),
            "lora_target_modules": sorted(modules),
        }
    if options.speculation:
        speculation: dict[str, Any] = {
            "method": {"draft": "draft_model"}.get(
                options.speculation.method, options.speculation.method
            ),
            "num_speculative_tokens": options.speculation.tokens,
        }
        if options.speculation.folder:
            speculation["model"] = str(folder / options.speculation.folder)
        chosen["speculative_config"] = speculation
    return AsyncEngineArgs(**chosen)


def _step(options: EngineOptions, device: Device) -> int | None:
    """Tokens a step; None leaves it to vLLM, which knows what a picture or an encoder needs."""
    cut = options.task == "generate" and options.chunked_prefill and not options.images
    return max(_CPU_STEP, options.sequences) if cut and not device.gpu else None


def adapter(name: str, number: int, folder: Path) -> Any:
    """vLLM's `LoRARequest`; the number must be one adapter's alone."""
    from vllm.lora.request import LoRARequest

    return LoRARequest(lora_name=name, lora_int_id=number, lora_path=str(folder))


def sampling(chosen: Sampling, room: int, defaults: Mapping[str, Any]) -> Any:
    """vLLM's `SamplingParams`: what the request says, then the model, then no effect.

    room: tokens the prompt leaves of the context
    defaults: what the model's generation_config.json says
    """
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    def pick(name: str, neutral: float) -> Any:
        value = getattr(chosen, name)
        return defaults.get(name, neutral) if value is None else value

    return SamplingParams(
        n=chosen.n,
        temperature=pick("temperature", 1.0),
        top_p=pick("top_p", 1.0),
        top_k=pick("top_k", 0),
        min_p=pick("min_p", 0.0),
        presence_penalty=pick("presence_penalty", 0.0),
        frequency_penalty=pick("frequency_penalty", 0.0),
        repetition_penalty=pick("repetition_penalty", 1.0),
        seed=chosen.seed,
        max_tokens=room if chosen.max_tokens is None else chosen.max_tokens,
        min_tokens=chosen.min_tokens,
        stop=list(chosen.stop),
        logprobs=chosen.logprobs,
        prompt_logprobs=chosen.prompt_logprobs,
        logit_bias=dict(chosen.logit_bias) if chosen.logit_bias else None,
        structured_outputs=constraint(chosen.constraint) if chosen.constraint else None,
        ignore_eos=chosen.ignore_eos,
        output_kind=RequestOutputKind.DELTA,
    )


def constraint(chosen: Constraint) -> Any:
    """vLLM's `StructuredOutputsParams`."""
    from vllm.sampling_params import StructuredOutputsParams

    if chosen.kind == "choice":
        return StructuredOutputsParams(choice=list(chosen.value))
    kind: dict[str, Any] = {chosen.kind: chosen.value}
    return StructuredOutputsParams(**kind)
