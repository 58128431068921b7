"""Small Llamas in Hugging Face layout, and LoRA adapters in PEFT's."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tests.chat_models.tokens import BOS, EOS, MARKS, PAD, SIZE, STARTS, write_tokenizer

Weights = dict[str, NDArray[np.float32]]

HIDDEN, LAYERS, HEADS, INNER = 64, 2, 2, 128  # a head of 32: the least that vLLM takes on a CPU
RANK = 4
CONTEXT = 512

_SAID = ("섬에는 ", "등대가 ", "하나 ", "있습니다.")
# What the scripted model replies, by the token with which its reply starts.
SCRIPT = {
    "<|says|>": _SAID,
    "<|thinks|>": ("<think>", "섬이라… ", "등대?", "</think>", *_SAID),
    "<|calls|>": (
        "<tool_call>",
        '{"name": "find_event", ',
        '"arguments": {"who": ',
        '"grandma"}}',
        "</tool_call>",
    ),
}


def write_llama(folder: Path, seed: int = 0) -> None:
    """Random weights, scaled so that replies do not merely repeat one token."""
    made = write_tokenizer(folder)
    weights = llama_weights(np.random.default_rng(seed))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", llama_config(made.token_to_id))


def write_scripted(folder: Path) -> None:
    """A Llama that continues each token with one other, whatever came before.

    Nothing but the embedding and the head is not zero: the last token's row, normalised,
    meets the head's row of the token that follows it in the script.
    """
    spoken = dict.fromkeys(chunk for text in SCRIPT.values() for chunk in text)
    chunks = tuple(chunk for chunk in spoken if chunk not in MARKS)
    made = write_tokenizer(folder, chunks=chunks)
    random = np.random.default_rng(0)
    weights = {name: np.zeros_like(w) for name, w in llama_weights(random).items()}
    for name, weight in weights.items():
        if "norm" in name:
            weight[:] = 1
    rows = random.standard_normal((SIZE, HIDDEN)).astype(np.float32)
    weights["model.embed_tokens.weight"] = rows
    head = weights["lm_head.weight"]
    head[made.token_to_id(EOS)] = 0
    for start in STARTS:
        for token, following in pairwise([start, *SCRIPT[start], EOS]):
            head[made.token_to_id(following)] += rows[made.token_to_id(token)]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", llama_config(made.token_to_id))


def write_adapter(folder: Path, seed: int) -> None:
    """A LoRA adapter of `write_llama`'s model that changes what it says."""
    random = np.random.default_rng(1000 + seed)
    weights: Weights = {}
    for layer in range(LAYERS):
        for module in ("q_proj", "v_proj", "o_proj"):
            place = f"base_model.model.model.layers.{layer}.self_attn.{module}"
            weights[f"{place}.lora_A.weight"] = normal(random, RANK, HIDDEN)
            weights[f"{place}.lora_B.weight"] = normal(random, HIDDEN, RANK)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors")
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": "llama",
        "r": RANK,
        "lora_alpha": 2 * RANK,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["q_proj", "v_proj", "o_proj"],
        "inference_mode": True,
    }
    write_json(folder / "adapter_config.json", settings)


def llama_weights(random: np.random.Generator, *, prefix: str = "", bias: bool = False) -> Weights:
    """All tensors of a Llama; with `bias`, of a Qwen2."""
    weights: Weights = {
        f"{prefix}model.embed_tokens.weight": normal(random, SIZE, HIDDEN),
        f"{prefix}model.norm.weight": np.ones(HIDDEN, np.float32),
        f"{prefix}lm_head.weight": normal(random, SIZE, HIDDEN) * 2,
    }
    for layer in range(LAYERS):
        place = f"{prefix}model.layers.{layer}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{place}.{norm}.weight"] = np.ones(HIDDEN, np.float32)
        for module in ("q_proj", "k_proj", "v_proj", "o_proj"):
            weights[f"{place}.self_attn.{module}.weight"] = normal(random, HIDDEN, HIDDEN)
            if bias and module != "o_proj":
                weights[f"{place}.self_attn.{module}.bias"] = normal(random, HIDDEN)
        for module in ("gate_proj", "up_proj"):
            weights[f"{place}.mlp.{module}.weight"] = normal(random, INNER, HIDDEN)
        weights[f"{place}.mlp.down_proj.weight"] = normal(random, HIDDEN, INNER)
    return weights


def llama_config(token_id: Any, kind: str = "llama") -> dict[str, Any]:
    architecture = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM"}[kind]
    return {
        "architectures": [architecture],
        "model_type": kind,
        "dtype": "float32",
        "vocab_size": SIZE,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": CONTEXT,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "bos_token_id": token_id(BOS),
        "eos_token_id": token_id(EOS),
        "pad_token_id": token_id(PAD),
    }


def normal(random: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Normal numbers that keep the size of what they are multiplied with."""
    spread = shape[-1] ** -0.5 if len(shape) > 1 else 0.1
    return (random.standard_normal(shape) * spread).astype(np.float32)


def write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1))
