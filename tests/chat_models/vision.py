"""Small LLaVA checkpoints with the tensor names that the published ones have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.chat_models.language import (
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    Weights,
    llama_config,
    llama_weights,
    normal,
    write_json,
)
from tests.chat_models.tokens import IMAGE, write_tokenizer

SIDE, PATCH = 56, 14  # 16 patches a picture
_MEAN, _SPREAD = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]


def write_llava(folder: Path) -> None:
    """LLaVA-1.5: a CLIP tower whose last layer but one, less its class token, is projected."""
    random = np.random.default_rng(2)
    weights = _tower(random, clip=True)
    weights |= _projector(random) | llama_weights(random, prefix="language_model.")
    made = write_tokenizer(folder)
    config = {
        "architectures": ["LlavaForConditionalGeneration"],
        "model_type": "llava",
        "text_config": llama_config(made.token_to_id),
        "vision_config": _tower_config("clip_vision_model"),
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "image_token_index": made.token_to_id(IMAGE),
        "image_seq_length": (SIDE // PATCH) ** 2,
    }
    pictures = {
        "image_processor_type": "CLIPImageProcessor",
        "do_center_crop": True,
        "crop_size": {"height": SIDE, "width": SIDE},
        "size": {"shortest_edge": SIDE},
    }
    processor = {"processor_class": "LlavaProcessor", "num_additional_image_tokens": 1}
    _write(folder, weights, config, pictures, processor)


def write_onevision(folder: Path) -> None:
    """LLaVA-OneVision: a SigLIP tower sees the picture whole and in up to four tiles."""
    random = np.random.default_rng(3)
    weights = _tower(random, clip=False)
    weights["image_newline"] = normal(random, HIDDEN)
    weights |= _projector(random) | llama_weights(random, prefix="language_model.", bias=True)
    made = write_tokenizer(folder)
    pinpoints = [[SIDE, SIDE], [SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    config = {
        "architectures": ["LlavaOnevisionForConditionalGeneration"],
        "model_type": "llava_onevision",
        "text_config": llama_config(made.token_to_id, "qwen2"),
        "vision_config": {**_tower_config("siglip_vision_model"), "vision_use_head": False},
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
        "vision_aspect_ratio": "anyres_max_9",
        "image_grid_pinpoints": pinpoints,
        "image_token_index": made.token_to_id(IMAGE),
        "video_token_index": made.token_to_id(IMAGE),
        "projector_hidden_act": "gelu",
    }
    pictures = {
        "image_processor_type": "LlavaOnevisionImageProcessor",
        "image_grid_pinpoints": pinpoints,
        "size": {"height": SIDE, "width": SIDE},
        "do_pad": True,
    }
    processor = {
        "processor_class": "LlavaOnevisionProcessor",
        "num_image_tokens": (SIDE // PATCH) ** 2,
        "vision_aspect_ratio": "anyres_max_9",
        "video_token": IMAGE,
    }
    _write(folder, weights, config, pictures, processor)
    # The family knows videos; its processor wants the file, no request may use it.
    write_json(
        folder / "video_preprocessor_config.json",
        {
            "video_processor_type": "LlavaOnevisionVideoProcessor",
            "size": {"height": SIDE, "width": SIDE},
            "image_mean": _MEAN,
            "image_std": _SPREAD,
        },
    )


def _write(
    folder: Path,
    weights: Weights,
    config: dict[str, Any],
    pictures: dict[str, Any],
    processor: dict[str, Any],
) -> None:
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    shared = {"tie_word_embeddings": False, "dtype": "float32"}
    write_json(folder / "config.json", {**shared, **config})
    scaling = {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": _MEAN,
        "image_std": _SPREAD,
        "resample": 3,
        "rescale_factor": 1 / 255,
    }
    names = {"processor_class": processor["processor_class"]}
    write_json(folder / "preprocessor_config.json", {**scaling, **names, **pictures})
    tokens = {"image_token": IMAGE, "patch_size": PATCH}
    strategy = {"vision_feature_select_strategy": config["vision_feature_select_strategy"]}
    write_json(folder / "processor_config.json", {**tokens, **strategy, **processor})


def _projector(random: np.random.Generator) -> Weights:
    weights: Weights = {}
    for part in ("linear_1", "linear_2"):
        weights[f"multi_modal_projector.{part}.weight"] = normal(random, HIDDEN, HIDDEN) * 4
        weights[f"multi_modal_projector.{part}.bias"] = normal(random, HIDDEN)
    return weights


def _tower_config(kind: str) -> dict[str, Any]:
    return {
        "model_type": kind,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "image_size": SIDE,
        "patch_size": PATCH,
        "projection_dim": HIDDEN,
        "hidden_act": "quick_gelu" if kind.startswith("clip") else "gelu_pytorch_tanh",
    }


def _tower(random: np.random.Generator, *, clip: bool) -> Weights:
    """CLIP has a class token and a norm before its layers; SigLIP a bias on its patches."""
    place = "vision_tower.vision_model"
    patches = (SIDE // PATCH) ** 2
    weights: Weights = {
        f"{place}.embeddings.patch_embedding.weight": normal(random, HIDDEN, 3, PATCH, PATCH),
        f"{place}.embeddings.position_embedding.weight": normal(random, patches + clip, HIDDEN),
        **_norm(f"{place}.post_layernorm"),
    }
    if clip:
        weights[f"{place}.embeddings.class_embedding"] = normal(random, HIDDEN)
        weights |= _norm(f"{place}.pre_layrnorm")  # sic
    else:
        weights[f"{place}.embeddings.patch_embedding.bias"] = normal(random, HIDDEN)
    for layer in range(LAYERS):
        at = f"{place}.encoder.layers.{layer}"
        weights |= _norm(f"{at}.layer_norm1") | _norm(f"{at}.layer_norm2")
        for module in ("q_proj", "k_proj", "v_proj", "out_proj"):
            weights |= _linear(random, f"{at}.self_attn.{module}", HIDDEN, HIDDEN)
        weights |= _linear(random, f"{at}.mlp.fc1", INNER, HIDDEN)
        weights |= _linear(random, f"{at}.mlp.fc2", HIDDEN, INNER)
    return weights


def _linear(random: np.random.Generator, place: str, rows: int, columns: int) -> Weights:
    return {
        f"{place}.weight": normal(random, rows, columns),
        f"{place}.bias": normal(random, rows),
    }


def _norm(place: str) -> Weights:
    return {
        f"{place}.weight": np.ones(HIDDEN, np.float32),
        f"{place}.bias": np.zeros(HIDDEN, np.float32),
    }
