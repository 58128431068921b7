"""What a checkpoint's files say, and what of it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.errors import FailedPrecondition
from serving.runtimes.encoders.files import Recipe, in_vllm, reading, recipe
from tests.chat_models.encoders import write_recipe


def write(folder: Path, name: str, found: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("architectures", "vllm"),
    [
        (["BertModel"], True),
        (["XLMRobertaForSequenceClassification"], True),
        (["DistilBertModel"], False),
        (["AlbertForSequenceClassification"], False),
        (["DebertaModel"], False),
        (["DebertaV2ForSequenceClassification"], False),
        (["MPNetForMaskedLM"], False),
        (None, True),
    ],
)
def test_what_vllm_has_a_model_of(tmp_path: Path, architectures: Any, vllm: bool) -> None:
    write(tmp_path, "config.json", {"architectures": architectures})
    assert in_vllm(tmp_path) is vllm


def test_without_a_configuration(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"^config\.json"):
        in_vllm(tmp_path)


@pytest.mark.parametrize(
    ("said", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "mean"}, "mean"),
    ],
)
def test_poolings(tmp_path: Path, said: dict[str, Any], pooling: str) -> None:
    write_recipe(tmp_path)
    write(tmp_path, "1_Pooling/config.json", said)
    assert recipe(tmp_path).pooling == pooling


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"pooling_mode_max_tokens": True}, "max_tokens"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt_len_tokens"),
        (
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "mean_tokens and cls_token",
        ),
        ({"pooling_mode": "weightedmean"}, "weightedmean"),
        ({}, "nothing"),
    ],
)
def test_other_poolings(tmp_path: Path, said: dict[str, Any], named: str) -> None:
    write_recipe(tmp_path)
    write(tmp_path, "1_Pooling/config.json", said)
    with pytest.raises(FailedPrecondition) as caught:
        recipe(tmp_path)
    assert caught.value.message.startswith(f"1_Pooling/config.json: pooling by {named} is not")
    assert caught.value.reason == "WEIGHTS"


def test_stages(tmp_path: Path) -> None:
    assert recipe(tmp_path) == Recipe("cls"), "vLLM's, where nothing is said"
    write_recipe(tmp_path, dense=16)
    assert recipe(tmp_path) == Recipe("mean", (tmp_path / "2_Dense",))
    kinds = ("Transformer", "Pooling", "LayerNorm")
    stages = [{"type": f"sentence_transformers.models.{kind}", "path": kind} for kind in kinds]
    write(tmp_path, "modules.json", stages)
    with pytest.raises(FailedPrecondition, match=r"^modules\.json: Transformer, Pooling, LayerN"):
        recipe(tmp_path)


def test_how_much_is_read(tmp_path: Path) -> None:
    assert reading(tmp_path) == (None, False)
    write(tmp_path, "sentence_distilbert_config.json", {"max_seq_length": 128})
    assert reading(tmp_path) == (128, False)
    said = {"max_seq_length": 384, "do_lower_case": True}
    write(tmp_path, "sentence_bert_config.json", said)
    assert reading(tmp_path) == (384, True)
