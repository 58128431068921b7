"""A detection transformer through PyTorch: a tiny one with random weights, against transformers
itself; and files that are no such network."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from serving.errors import FailedPrecondition, InvalidArgument
from serving.images.picture import Picture
from serving.models.base import Device
from serving.models.detection import Model
from serving.models.detection.types import Query
from serving.repository.scan import Repository
from serving.runtimes.torch_detr import DetrSession
from serving.timing import Stage, Timeline
from tests.conftest import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

TINY = {
    "model_type": "rt_detr",
    "num_labels": 3,
    "backbone_config": {
        "model_type": "rt_detr_resnet",
        "layer_type": "basic",
        "embedding_size": 8,
        "hidden_sizes": [8, 8, 16, 16],
        "depths": [1, 1, 1, 1],
        "out_features": ["stage2", "stage3", "stage4"],
    },
    "encoder_in_channels": [8, 16, 16],
    "decoder_in_channels": [16, 16, 16],
    "encoder_hidden_dim": 16,
    "encoder_ffn_dim": 16,
    "encoder_attention_heads": 2,
    "decoder_ffn_dim": 16,
    "decoder_attention_heads": 2,
    "decoder_layers": 2,
    "d_model": 16,
    "hidden_expansion": 0.5,
    "num_queries": 12,
}
SIZE = (64, 96)  # width, height


@pytest.fixture(scope="module")
def network():
    from transformers import RTDetrConfig, RTDetrForObjectDetection

    torch.manual_seed(0)
    return RTDetrForObjectDetection(RTDetrConfig(**TINY)).eval()


@pytest.fixture(scope="module")
def saved(network, tmp_path_factory):
    """A folder as a model's: config.json, 1/model.safetensors, labels and model.yaml."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("repository") / "gpu" / "tiny"
    (folder / "1").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(TINY))
    (folder / "labels.txt").write_text("cat\ndog\nfish\n")
    (folder / "model.yaml").write_text(
        "family: detection\nruntime: transformers\ndecoder: detr\n"
        "weights: {file: 1/model.safetensors}\nlabels: labels.txt\n"
        "input: {size: [64, 96], resize: stretch, filter: triangle, scale: 0.00392156862745098}\n"
        "thresholds: {score: 0.5, iou: null}\nbatching: {max_batch_size: 4}\n"
    )
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "1" / "model.safetensors")
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(saved, tmp_path / "tiny")


def opened(folder, device=None):
    weights = folder / "1" / "model.safetensors"
    return DetrSession(weights, folder / "config.json", SIZE, device or Device())


def test_it_computes_what_transformers_does(network, saved):
    session = opened(saved)
    pixels = np.random.default_rng(0).random((3, 3, 96, 64), dtype=np.float32)
    timeline = Timeline()
    outputs = session.run({"pixel_values": pixels}, timeline)
    with torch.inference_mode():
        expected = network(pixel_values=torch.from_numpy(pixels))
    for name, spec in zip(outputs, session.signature.outputs, strict=True):
        assert name == spec.name
        assert outputs[name].shape == (3, *spec.shape[1:])
        assert outputs[name].dtype == np.float32
        assert np.allclose(outputs[name], getattr(expected, name).numpy(), atol=1e-5)
    assert (timeline.spent[Stage.DEVICE] or 0) > 0
    assert timeline.spent[Stage.HOST_TO_DEVICE] is None


def test_a_model_yaml_serves_it(network, saved):
    model = Model(Repository(saved.parents[1], "gpu").find("tiny"), Device())
    model.load()
    assert model.batchable
    pictures = [
        np.random.default_rng(seed).integers(0, 256, (192, 128, 3), dtype=np.uint8)
        for seed in range(3)
    ]
    queries = [Query(Picture(pixels=pixels), min_score=0.001) for pixels in pictures]
    prepared = [model.prepare(query, Timeline()) for query in queries]
    outputs = model.run(prepared, Timeline())
    for item, output in zip(prepared, outputs, strict=True):
        found = model.finish(item, output, Timeline())
        with torch.inference_mode():
            answer = network(pixel_values=torch.from_numpy(item.tensor))
        scores = answer.logits[0].sigmoid().numpy()
        queries, classes = np.nonzero(scores >= 0.001)
        order = np.argsort(-scores[queries, classes], kind="stable")
        assert len(found.labels) == len(order) > 0
        assert np.allclose(found.scores, scores[queries, classes][order], atol=1e-5)
        x, y, w, h = (answer.pred_boxes[0].numpy() * np.array([128, 192, 128, 192])).T
        boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)[queries[order]]
        assert np.allclose(found.boxes, np.clip(boxes, 0, (128, 192) * 2), atol=0.01)


def test_files_of_older_releases_are_understood(network, folder):
    """Those have `fc1` where there is `mlp.fc1` now, and `out_proj` where there is `o_proj`."""
    from safetensors.torch import load_file, save_file

    path = folder / "1" / "model.safetensors"
    renamed = {
        name.replace(".mlp.fc", ".fc")
        .replace("o_proj", "out_proj")
        .replace(".aifi.", ".encoder."): t
        for name, t in load_file(path).items()
    }
    assert renamed.keys() != network.state_dict().keys()
    save_file(renamed, path)
    pixels = np.random.default_rng(0).random((1, 3, 96, 64), dtype=np.float32)
    with torch.inference_mode():
        expected = network(pixel_values=torch.from_numpy(pixels))
    outputs = opened(folder).run({"pixel_values": pixels}, Timeline())
    assert np.allclose(outputs["logits"], expected.logits.numpy(), atol=1e-5)


def test_a_shape_that_is_not_the_signatures_is_refused(saved):
    with pytest.raises(InvalidArgument, match="shapes"):
        opened(saved).run({"pixel_values": np.zeros((1, 3, 64, 64), np.float32)}, Timeline())


@pytest.mark.parametrize(
    "text",
    [
        None,
        "{",
        "[]",
        json.dumps(TINY | {"model_type": "bert"}),
        json.dumps(TINY | {"auto_map": {"AutoConfig": "somebody/code--file.Class"}}),
        json.dumps(TINY | {"backbone": "resnet50", "use_timm_backbone": True}),
        json.dumps(TINY | {"num_queries": "many"}),
        json.dumps(TINY | {"num_labels": 4}),
        json.dumps(TINY | {"decoder_layers": 3}),
    ],
    ids=["missing", "no JSON", "a list", "bert", "code", "timm", "type", "labels", "layers"],
)
def test_a_config_that_does_not_fit_is_refused(folder, text):
    (folder / "config.json").unlink()
    if text is not None:
        (folder / "config.json").write_text(text)
    with pytest.raises(FailedPrecondition) as caught:
        opened(folder)
    assert caught.value.reason == "WEIGHTS"
    assert str(folder) not in str(caught.value)


def test_a_pickle_is_not_opened(network, folder, tmp_path):
    canary = tmp_path / "canary"

    class Hostile:
        def __reduce__(self):
            return canary.touch, ()

    torch.save({"weights": Hostile()}, folder / "1" / "model.safetensors")
    with pytest.raises(FailedPrecondition) as caught:
        opened(folder)
    assert caught.value.reason == "WEIGHTS"
    assert not canary.exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_none_is_pretended(saved):
    with pytest.raises(FailedPrecondition) as caught:
        opened(saved, Device(gpu=True))
    assert caught.value.reason == "NO_GPU"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_every_stage_is_timed(saved):
    pixels = np.random.default_rng(0).random((2, 3, 96, 64), dtype=np.float32)
    timeline = Timeline()
    outputs = opened(saved, Device(gpu=True)).run({"pixel_values": pixels}, timeline)
    assert all(np.isfinite(output).all() for output in outputs.values())
    for stage in (Stage.HOST_TO_DEVICE, Stage.DEVICE, Stage.DEVICE_TO_HOST):
        assert (timeline.spent[stage] or 0) > 0


def test_half_precision_runs_through_the_whole_network(network):
    """What a GPU does, without one: no layer insists on single precision."""
    import copy

    half = copy.deepcopy(network).to(torch.float16, memory_format=torch.channels_last)
    pixels = torch.rand(1, 3, 96, 64).to(torch.float16, memory_format=torch.channels_last)
    with torch.inference_mode():
        answer = half(pixel_values=pixels)
    assert answer.logits.dtype == torch.float16
    assert bool(answer.pred_boxes.isfinite().all())


def test_the_projects_own_network_has_the_size_that_is_published():
    """20 million parameters, 300 queries, the 80 labels of the file beside it."""
    from transformers import AutoConfig, AutoModelForObjectDetection

    folder = ROOT / "model_repo" / "gpu" / "rtdetr-r18"
    config = AutoConfig.for_model(**json.loads((folder / "config.json").read_text()))
    with torch.device("meta"):
        model = AutoModelForObjectDetection.from_config(config)
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    assert 19.5 < millions < 20.5
    assert config.num_labels == len((folder / "coco80.txt").read_text().split("\n")) - 1
    (entry,) = (m for m in Repository(ROOT / "model_repo", "gpu").models() if m.folder == folder)
    assert entry.default
