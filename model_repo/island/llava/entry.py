"""The entry of the model repository: what lies in its folder, written and opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import LlavaForConditionalGeneration

from model_repo.island.chat import tokens
from model_repo.island.llava import network
from model_repo.island.llava.views import MEAN, PATCH, SIDE, SPREAD
from serving.repository.weights import digest

NAME: Final = "island-llava"
_VERSION: Final = "1"
_FILES: Final = (
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
# Names that every release of transformers and vLLM reads, as the published checkpoints have them.
_PREFIXES: Final = {
    "model.vision_tower.vision_model.": "vision_tower.vision_model.",
    "model.vision_tower.": "vision_tower.vision_model.",
    "model.multi_modal_projector.": "multi_modal_projector.",
    "model.language_model.": "language_model.model.",
}
_SETTINGS: Final = """\
# The island's model that sees: captions, memos and answers about a photograph, in English and
# Korean. README.md tells what it can do.
family: chat
weights:
  folder: "1"
  licence: Apache-2.0
  files:
{files}
dtype: float32
context: {context}
sequences: 16
kv_cache: 64MiB
images: 1
image_cache: 64MiB
resources: {{replicas: 1, cpus: 1, gpus: 0}}
limits: {{queue: 64, image_bytes: 20MiB, pixels: 24M}}
default: true
# It needs torch and vLLM (`make setup-chat`); ask for it by name.
enabled: false
"""


def write(model: LlavaForConditionalGeneration, tokenizer: Tokenizer, folder: Path) -> None:
    """Weights in FP16, tokenizer, processor, and model.yaml with the digests of them all."""
    place = folder / _VERSION
    tokens.write(tokenizer, place)
    save_file(_weights(model), place / "model.safetensors", metadata={"format": "pt"})
    model.config.save_pretrained(str(place))
    # What is seen is to be told as it is, so that chance has little say.
    _json(
        place / "generation_config.json",
        {
            "bos_token_id": tokens.id_of(tokenizer, tokens.BEGIN),
            "eos_token_id": tokens.id_of(tokenizer, tokens.END),
            "pad_token_id": tokens.id_of(tokenizer, tokens.PAD),
            "do_sample": True,
            "temperature": 0.1,
            "top_p": 0.9,
        },
    )
    _json(
        place / "preprocessor_config.json",
        {
            "processor_class": "LlavaProcessor",
            "image_processor_type": "CLIPImageProcessor",
            "do_convert_rgb": True,
            "do_resize": True,
            "size": {"height": SIDE, "width": SIDE},
            "resample": 3,
            "do_center_crop": False,
            "crop_size": {"height": SIDE, "width": SIDE},
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": [MEAN] * 3,
            "image_std": [SPREAD] * 3,
        },
    )
    _json(
        place / "processor_config.json",
        {
            "processor_class": "LlavaProcessor",
            "image_token": tokens.IMAGE,
            "patch_size": PATCH,
            "vision_feature_select_strategy": network.STRATEGY,
            "num_additional_image_tokens": 1,
        },
    )
    files = "\n".join(f"    {name}: {digest(place / name)}" for name in _FILES)
    (folder / "model.yaml").write_text(_SETTINGS.format(files=files, context=tokens.CONTEXT))


def open_model(folder: Path) -> tuple[LlavaForConditionalGeneration, Tokenizer]:
    """The model as it is served: its FP16 weights in float32."""
    place = folder / _VERSION
    model = LlavaForConditionalGeneration.from_pretrained(
        str(place), dtype=torch.float32, local_files_only=True, attn_implementation="sdpa"
    )
    return model.eval(), Tokenizer.from_file(str(place / "tokenizer.json"))


def _weights(model: LlavaForConditionalGeneration) -> dict[str, torch.Tensor]:
    """By their published names; the head is the embedding, and lies there once."""
    weights = {}
    for name, tensor in model.state_dict().items():
        for prefix, published in _PREFIXES.items():
            if name.startswith(prefix):
                weights[published + name.removeprefix(prefix)] = tensor.half().contiguous()
                break
    return weights


def _json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=1) + "\n")
