"""The adapters: LoRA on every matrix of attention and of the layers between, by PEFT."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

RANK: Final = 8
MODULES: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
WEIGHTS: Final = "adapter_model.safetensors"


def adapted(base: LlamaForCausalLM, seed: int = 0) -> Any:
    """The base with an adapter that changes nothing yet, and is all there is to learn."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, target_modules=list(MODULES), task_type="CAUSAL_LM"
    )
    return get_peft_model(base, config)


def write(model: Any, folder: Path, base: str) -> None:
    """adapter_config.json and adapter_model.safetensors, FP16; `base` is the base's name."""
    model.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)  # a form to be filled in
    tensors = {name: tensor.half() for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS)
    settings = json.loads((folder / "adapter_config.json").read_text())
    settings |= {
        "base_model_name_or_path": base,
        "target_modules": sorted(settings["target_modules"]),
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings, indent=1) + "\n")


def opened(base: LlamaForCausalLM, folder: Path) -> Any:
    """The base with the adapter of a folder."""
    return PeftModel.from_pretrained(base, str(folder)).eval()
