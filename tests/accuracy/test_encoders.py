"""Encoders as transformers computes them: each kind against transformers itself, a text alone
and among others; and folders that are no such network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.runtimes.encoders.network import _KINDS, Network
from serving.runtimes.encoders.options import EncoderOptions
from tests.chat_models.encoders import LABELS, write_encoder, write_recipe

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# Of torch, while transformers imports DeBERTa.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

CPU = Device()
EMBED = EncoderOptions(task="embed")
CLASSIFY = EncoderOptions(task="classify")
TEXTS = [list(range(20, 20 + length)) for length in (9, 3, 40, 17, 1)]


def write_config(folder: Path, **changed: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def states(folder: Path, text: list[int], kind: str = "AutoModel") -> Any:
    """What transformers makes of a text, alone."""
    model = getattr(transformers, kind).from_pretrained(folder)
    with torch.inference_mode():
        return model(input_ids=torch.tensor([text]))[0][0]


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilbert")
    write_encoder(folder, "distilbert")
    return folder


@pytest.fixture
def copy(distilbert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(distilbert, tmp_path / "copy"))


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_embeds(tmp_path: Path, kind: str) -> None:
    write_encoder(tmp_path, kind)
    write_recipe(tmp_path)
    network = Network(tmp_path, EMBED, CPU)
    found = network(TEXTS)
    expected = np.stack([states(tmp_path, text).mean(0).numpy() for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.dtype == np.float32 and found.shape == (5, network.width)
    assert np.abs(expected[0] - expected[1]).max() > 0.05, "or nothing were compared"
    assert network.context == 512
    longest = [list(range(20, 532))]
    np.testing.assert_allclose(network(longest)[0], states(tmp_path, longest[0]).mean(0), atol=1e-5)


@pytest.mark.parametrize("kind", _KINDS)
def test_each_kind_classifies(tmp_path: Path, kind: str) -> None:
    write_encoder(tmp_path, kind, classifies=True)
    network = Network(tmp_path, CLASSIFY, CPU)
    logits = [states(tmp_path, text, "AutoModelForSequenceClassification") for text in TEXTS]
    expected = np.stack([each.softmax(-1).numpy() for each in logits])
    np.testing.assert_allclose(network(TEXTS), expected, atol=1e-5)
    assert network.labels == LABELS


@pytest.mark.parametrize(
    ("problem", "activation"),
    [
        ("multi_label_classification", torch.sigmoid),
        ("single_label_classification", lambda logits: logits.softmax(-1)),
        ("regression", lambda logits: logits),
    ],
)
def test_problems(tmp_path: Path, problem: str, activation: Any) -> None:
    write_encoder(tmp_path, "distilbert", classifies=True, shape={"problem_type": problem})
    logits = states(tmp_path, TEXTS[0], "AutoModelForSequenceClassification")
    found = Network(tmp_path, CLASSIFY, CPU)(TEXTS[:1])
    np.testing.assert_allclose(found[0], activation(logits), atol=1e-5)


@pytest.mark.parametrize(("pooling", "place"), [("cls_token", 0), ("lasttoken", -1)])
def test_poolings(copy: Path, pooling: str, place: int) -> None:
    write_recipe(copy, pooling)
    expected = np.stack([states(copy, text)[place].numpy() for text in TEXTS])
    np.testing.assert_allclose(Network(copy, EMBED, CPU)(TEXTS), expected, atol=1e-5)


def test_a_dense_layer_follows(copy: Path) -> None:
    from safetensors.torch import load_file

    write_recipe(copy, dense=16)
    network = Network(copy, EMBED, CPU)
    layer = load_file(copy / "2_Dense" / "model.safetensors")
    mean = np.stack([states(copy, text).mean(0) for text in TEXTS])
    linear = mean @ layer["linear.weight"].numpy().T + layer["linear.bias"].numpy()
    assert network.width == 16
    np.testing.assert_allclose(network(TEXTS), np.tanh(linear), atol=1e-5)
    path = copy / "2_Dense" / "config.json"
    path.write_text(path.read_text().replace("Tanh", "Hardshrink"))
    with pytest.raises(FailedPrecondition, match=r"^2_Dense/config\.json: Hardshrink"):
        Network(copy, EMBED, CPU)


def test_half_precision(distilbert: Path) -> None:
    half = EncoderOptions(task="embed", dtype="bfloat16")
    found, whole = (Network(distilbert, o, CPU)(TEXTS) for o in (half, EMBED))
    assert found.dtype == np.float32
    assert 1e-4 < np.abs(found - whole).max() < 0.2


def test_pickles_are_not_looked_at(copy: Path) -> None:
    state = transformers.AutoModel.from_pretrained(copy).state_dict()
    torch.save(state, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(FailedPrecondition, match="do not fit"):
        Network(copy, EMBED, CPU)


def test_code_beside_the_weights_is_not_run(copy: Path) -> None:
    (copy / "evil.py").write_text(f"open({str(copy / 'ran')!r}, 'w')\n")
    write_config(copy, auto_map={"AutoConfig": "evil.Config", "AutoModel": "evil.Model"})
    assert Network(copy, EMBED, CPU)(TEXTS[:1]).shape == (1, 64)
    assert not (copy / "ran").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_type": "t5"}, "model_type must be one of albert, bert"),
        ({"dim": "wide"}, "does not describe a network|do not load"),
        ({"dim": 32}, "do not fit|do not load"),
        ({"n_layers": 3}, "do not fit"),
    ],
)
def test_what_is_no_network(copy: Path, changed: dict[str, Any], message: str) -> None:
    write_config(copy, **changed)
    with pytest.raises(FailedPrecondition, match=message) as caught:
        Network(copy, EMBED, CPU)
    assert caught.value.reason == "WEIGHTS" and str(copy) not in caught.value.message


def test_a_network_without_a_head_does_not_classify(distilbert: Path) -> None:
    with pytest.raises(FailedPrecondition, match="do not fit"):
        Network(distilbert, CLASSIFY, CPU)


def test_a_gpu_that_is_not_there(distilbert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(FailedPrecondition) as caught:
        Network(distilbert, EMBED, Device(gpu=True))
    assert caught.value.reason == "NO_GPU"
