"""Small BERTs: one that embeds sentences, one that classifies them."""

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
    stages = ("Transformer", "Pooling", "Normalize")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(zip(stages, ("", "1_Pooling", "2_Normalize"), strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=1))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": HIDDEN, "pooling_mode_mean_tokens": True},
    )
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": CONTEXT})


def write_classifier(folder: Path) -> None:
    random = np.random.default_rng(5)
    weights = {f"bert.{name}": weight for name, weight in _bert(random).items()}
    weights["classifier.weight"] = normal(random, len(LABELS), HIDDEN) * 4
    weights["classifier.bias"] = np.zeros(len(LABELS), np.float32)
    names = {str(i): label for i, label in enumerate(LABELS)}
    labels = {"id2label": names, "label2id": {label: i for i, label in enumerate(LABELS)}}
    _write(folder, weights, "BertForSequenceClassification", labels)


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
