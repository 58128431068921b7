"""Each option reaches vLLM under the name that vLLM has for it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.runtimes.vllm import settings
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.options import EngineOptions
from serving.runtimes.vllm.types import Sampling
from tests.chat_models import write_models
from tests.integration.chat.conftest import running
from tests.integration.chat.replicas import Served

pytestmark = pytest.mark.timeout(240)

CPU, GPU = Device(), Device(gpu=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A llama that has a smaller one, and a head for eagle, in its folder."""
    root = write_models(tmp_path_factory.mktemp("models"), "llama")
    shutil.copytree(root / "llama", root / "draft")
    shutil.move(root / "draft", root / "llama" / "draft")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.environment(EngineOptions(), CPU).items():
            patch.setenv(name, value)
        yield root / "llama"


def understood(folder: Path, **options: Any) -> Any:
    """What vLLM makes of the options: its whole configuration."""
    chosen = EngineOptions(**{"context": 512, "dtype": "float32", "kv_cache": "64MiB", **options})
    with warnings.catch_warnings(action="ignore"):
        arguments = settings.engine_arguments(folder, chosen, CPU, "llama")
        return arguments.create_engine_config()


@pytest.mark.parametrize(
    ("options", "section", "name", "value"),
    [
        ({"context": 256}, "model_config", "max_model_len", 256),
        ({"dtype": "bfloat16"}, "model_config", "dtype", "torch.bfloat16"),
        ({"sequences": 7}, "scheduler_config", "max_num_seqs", 7),
        ({"step_tokens": 96}, "scheduler_config", "max_num_batched_tokens", 96),
        ({}, "scheduler_config", "max_num_batched_tokens", 512),
        ({"chunked_prefill": True}, "scheduler_config", "enable_chunked_prefill", True),
        ({"chunked_prefill": False}, "scheduler_config", "enable_chunked_prefill", False),
        ({"prefix_caching": False}, "cache_config", "enable_prefix_caching", False),
        ({"kv_cache": "32MiB"}, "cache_config", "kv_cache_memory_bytes", 32 * 2**20),
        ({"kv_dtype": "fp8_e5m2"}, "cache_config", "cache_dtype", "fp8_e5m2"),
        ({"block": 64}, "cache_config", "block_size", 64),
        ({"gpu_memory": 0.5}, "cache_config", "gpu_memory_utilization", 0.5),
        ({"tensor_parallel": 2}, "parallel_config", "tensor_parallel_size", 2),
        ({"tensor_parallel": 2}, "parallel_config", "distributed_executor_backend", "mp"),
        ({}, "parallel_config", "distributed_executor_backend", "uni"),
        ({}, "structured_outputs_config", "disable_any_whitespace", True),
        ({"json_spaces": True}, "structured_outputs_config", "disable_any_whitespace", False),
        ({"seed": 9}, "model_config", "seed", 9),
        ({"logprobs": 3}, "model_config", "max_logprobs", 3),
        ({"adapter_room": 2}, "lora_config", "max_loras", 3),
        ({"adapter_room": 2}, "lora_config", "max_cpu_loras", 3),
        ({"adapter_room": 2, "adapter_rank": 9}, "lora_config", "max_lora_rank", 16),
    ],
)
def test_one_by_one(
    folder: Path, options: dict[str, Any], section: str, name: str, value: object
) -> None:
    found = getattr(getattr(understood(folder, **options), section), name)
    assert (str(found) if isinstance(value, str) else found) == value


@pytest.mark.parametrize(
    ("method", "theirs"), [("ngram", "ngram"), ("draft", "draft_model"), ("eagle", "eagle")]
)
def test_speculation(folder: Path, method: str, theirs: str) -> None:
    speculation = {"method": method, "tokens": 3}
    if method != "ngram":
        speculation["folder"] = "draft"
    found = understood(folder, speculation=speculation).speculative_config
    assert (found.method, found.num_speculative_tokens) == (theirs, 3)
    if method == "draft":
        assert found.draft_model_config.model == str(folder / "draft")
        assert found.uses_draft_model()


@pytest.mark.parametrize(
    "quantisation", ["awq", "awq_marlin", "gptq", "gptq_marlin", "fp8", "compressed-tensors"]
)
def test_quantisation(folder: Path, quantisation: str) -> None:
    """Most is a GPU's to compute, so here the names are all there is to look at."""
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

    options = EngineOptions.model_validate({"quantisation": quantisation})
    arguments = settings.engine_arguments(folder, options, GPU, "llama")
    assert arguments.quantization == quantisation
    assert quantisation in QUANTIZATION_METHODS


def test_sleep_is_for_gpus(folder: Path) -> None:
    options = EngineOptions(sleep_after_s=60)
    assert settings.engine_arguments(folder, options, GPU, "llama").enable_sleep_mode
    with pytest.raises(FailedPrecondition, match="GPU") as raised:
        Engine(folder, options, CPU).start()
    assert raised.value.reason == "NEEDS_GPU"


@pytest.mark.asyncio(loop_scope="package")
@pytest.mark.parametrize(
    "guesses", [{"method": "ngram"}, {"method": "draft", "folder": "draft"}], ids=["ngram", "draft"]
)
async def test_guesses_change_nothing_that_is_said(
    llama: Served, folder: Path, tmp_path: Path, guesses: dict[str, Any]
) -> None:
    """Greedily, the prompt's own repetitions and the model's own guesses lead to the same
    as no guesses at all."""
    greedy = Sampling(temperature=0.0, max_tokens=48, ignore_eos=True)
    (tmp_path / "llama").mkdir()
    shutil.copytree(folder / "draft", tmp_path / "llama" / "draft")

    async def said(engine: Engine) -> tuple[list[int], int]:
        """The tokens, and the steps it took."""
        prompt, before = engine.tokens([1, 300, 310, 300, 310, 300]), engine.progress.steps
        deltas = engine.generate(prompt, greedy, tenant="a")
        tokens = [token async for delta in deltas for token in delta.token_ids]
        return tokens, engine.progress.steps - before

    plain, _ = await said(llama.engine)
    async with running(tmp_path, "llama", speculation={**guesses, "tokens": 3}) as engine:
        guessed, steps = await said(engine)
    assert guessed == plain and len(plain) == 48
    if guesses["method"] == "draft":
        assert steps < 30  # for every guess of the model itself is right
