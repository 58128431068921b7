"""Small encoders: BERTs of our own making, and what vLLM has no model of, as transformers
makes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.chat_models.language import (
    CONTEXT,
    HEADS,
    HIDDEN,
    INNER,
    LAYERS,
    Weights,
    normal,
    write_json,
)
from tests.chat_models.tokens import PAD, SIZE, write_tokenizer

LABELS = ("calm", "happy", "sad")


def write_embedder(folder: Path) -> None:
    """Mean pooling, then length one, as sentence-transformers describes it."""
    _write(folder, _bert(np.random.default_rng(4)), "BertModel", {})
    write_recipe(folder)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": CONTEXT})


def write_recipe(folder: Path, pooling: str = "mean_tokens", dense: int = 0) -> None:
    """sentence-transformers' files.

    dense: the width of a layer after the pooling, or none
    """
    stages = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    if dense:
        stages = {"": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense"}
        _write_dense(folder / "2_Dense", dense)
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(stages.items())
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=1))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": HIDDEN, f"pooling_mode_{pooling}": True},
    )


def _write_dense(folder: Path, width: int) -> None:
    folder.mkdir(exist_ok=True)
    layer = _dense(np.random.default_rng(6), "linear", width, HIDDEN)
    save_file(layer, folder / "model.safetensors")
    said = {"in_features": HIDDEN, "out_features": width, "bias": True}
    write_json(
        folder / "config.json",
        {**said, "activation_function": "torch.nn.modules.activation.Tanh"},
    )


def write_encoder(
    folder: Path, kind: str, *, classifies: bool = False, shape: dict[str, Any] | None = None
) -> None:
    """A network as transformers makes it, with a fixed seed.

    kind: transformers' `model_type`; shape: of config.json, what is not as in most of them
    """
    import torch
    import transformers

    pad = write_tokenizer(folder, frame=True, template=False).token_to_id(PAD)
    shape = _SHAPE | {"pad_token_id": pad} | _SHAPES.get(kind, {}) | (shape or {})
    if classifies:
        shape["id2label"] = dict(enumerate(LABELS))
        shape["label2id"] = {label: i for i, label in enumerate(LABELS)}
    config = transformers.AutoConfig.for_model(kind, **shape)
    name = "AutoModelForSequenceClassification" if classifies else "AutoModel"
    torch.manual_seed(7)
    getattr(transformers, name).from_config(config).save_pretrained(folder)


_SHAPE = {
    "vocab_size": SIZE,
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "max_position_embeddings": CONTEXT,
    "initializer_range": 0.2,  # or one text's vector would be much like another's
}
_SHAPES = {
    "albert": {"embedding_size": 32},
    # As DeBERTa-v3 has it.
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "position_buckets": 32,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
    },
    # Their positions are counted from the padding's number on.
    "mpnet": {"max_position_embeddings": CONTEXT + 2, "pad_token_id": 1},
    "roberta": {"max_position_embeddings": CONTEXT + 2, "pad_token_id": 1},
    "xlm-roberta": {"max_position_embeddings": CONTEXT + 2, "pad_token_id": 1},
}


def write_classifier(folder: Path, problem: str | None = None) -> None:
    """problem: what config.json calls `problem_type`."""
    random = np.random.default_rng(5)
    weights = {f"bert.{name}": weight for name, weight in _bert(random).items()}
    weights["classifier.weight"] = normal(random, len(LABELS), HIDDEN) * 4
    weights["classifier.bias"] = np.zeros(len(LABELS), np.float32)
    names = {str(i): label for i, label in enumerate(LABELS)}
    labels = {"id2label": names, "label2id": {label: i for i, label in enumerate(LABELS)}}
    extra = labels | ({"problem_type": problem} if problem else {})
    _write(folder, weights, "BertForSequenceClassification", extra)


def _write(folder: Path, weights: Weights, architecture: str, extra: dict[str, Any]) -> None:
    made = write_tokenizer(folder, frame=True, template=False)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": [architecture],
        "model_type": "bert",
        "dtype": "float32",
        "vocab_size": SIZE,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": CONTEXT,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": made.token_to_id(PAD),
        **extra,
    }
    write_json(folder / "config.json", config)


def _bert(random: np.random.Generator) -> Weights:
    weights: Weights = {
        "embeddings.word_embeddings.weight": normal(random, SIZE, HIDDEN) * 8,
        "embeddings.position_embeddings.weight": normal(random, CONTEXT, HIDDEN),
        "embeddings.token_type_embeddings.weight": normal(random, 2, HIDDEN),
        **_norm("embeddings.LayerNorm"),
        **_dense(random, "pooler.dense", HIDDEN, HIDDEN),
    }
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        for module in ("self.query", "self.key", "self.value", "output.dense"):
            weights |= _dense(random, f"{at}.attention.{module}", HIDDEN, HIDDEN)
        weights |= _norm(f"{at}.attention.output.LayerNorm") | _norm(f"{at}.output.LayerNorm")
        weights |= _dense(random, f"{at}.intermediate.dense", INNER, HIDDEN)
        weights |= _dense(random, f"{at}.output.dense", HIDDEN, INNER)
    return weights


def _dense(random: np.random.Generator, place: str, rows: int, columns: int) -> Weights:
    return {
        f"{place}.weight": normal(random, rows, columns),
        f"{place}.bias": normal(random, rows),
    }


def _norm(place: str) -> Weights:
    return {
        f"{place}.weight": np.ones(HIDDEN, np.float32),
        f"{place}.bias": np.zeros(HIDDEN, np.float32),
    }
