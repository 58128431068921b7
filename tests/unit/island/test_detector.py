"""The detector's network, its batches, its training, and the file that is served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from model_repo.island.detector import entry
from model_repo.island.detector.batches import Window, batch, changed
from model_repo.island.detector.entry import Decoded
from model_repo.island.detector.geometry import Cells
from model_repo.island.detector.learning import Learning, Plan, find
from model_repo.island.detector.network import STRIDES, Network, Shape
from model_repo.island.detector.truth import CLASSES, INPUT, Truth
from model_repo.island.training import loop, pictures
from model_repo.island.training.photographs import photographs
from model_repo.island.training.pictures import Pictures
from model_repo.island.world import NAMES
from serving.images.picture import Picture
from serving.models.detection import Model
from serving.models.detection.types import Query
from serving.replica.load import load_model
from serving.repository import config
from serving.timing import Timeline

TINY = Shape(stem=8, stages=(8, 8, 8), pyramid=8, depth=(1, 1, 1))


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pictures:
    """Six photographs of the training split."""
    monkeypatch.setattr(pictures, "CACHE", tmp_path)
    monkeypatch.setattr(pictures, "_CHUNK", 6)
    return photographs("train", 6)


def test_classes_are_the_worlds_things_and_then_people() -> None:
    assert CLASSES[: len(NAMES)] == NAMES
    assert CLASSES[len(NAMES) :] == ("person",)


def test_truth_is_things_and_people_in_pixels() -> None:
    told = {
        "things": [{"name": "cat", "box": [1, 2, 3, 4]}],
        "people": [{"box": [5, 6, 7, 8], "face": {}}],
    }
    truth = Truth.of(told)
    assert [CLASSES[number] for number in truth.classes] == ["cat", "person"]
    assert truth.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert Truth.of({"things": [], "people": []}).boxes.shape == (0, 4)


def test_a_prediction_for_every_cell() -> None:
    network = Network(5, TINY).eval()
    sides, logits = network(torch.zeros(2, 3, 64, 96))
    cells = len(Cells.of((96, 64), STRIDES).middles)
    assert sides.shape == (2, cells, 4)
    assert logits.shape == (2, cells, 5)
    assert (sides > 0).all()
    # Before it has learned anything it finds nothing.
    assert (logits.sigmoid() < 0.01).all()


def test_what_is_shipped_is_small() -> None:
    network = Network(len(CLASSES))
    assert sum(weights.numel() for weights in network.parameters()) < 500_000


@pytest.mark.parametrize("seed", range(8))
def test_boxes_move_with_the_pixels(seed: int) -> None:
    """A white square on black stays where its box says, however the picture is changed."""
    image = np.zeros((240, 320, 3), np.uint8)
    image[90:150, 120:200] = 255
    truth = Truth(np.array([[120, 90, 200, 150]], np.float32), np.array([3]))
    seen, moved = changed(image, truth, np.random.default_rng(seed))
    assert seen.shape == (INPUT.size[1], INPUT.size[0], 3)
    bright = seen.min(axis=2) > 150  # the grey around the picture is darker
    columns, rows = np.flatnonzero(bright.any(0)), np.flatnonzero(bright.any(1))
    box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert np.abs(moved.boxes[0] - box).max() <= 1.5
    assert moved.classes.tolist() == [3]


def test_what_is_mostly_outside_the_window_is_no_longer_wanted() -> None:
    window = Window(left=100, top=0, width=200, height=150, mirrored=False)
    boxes = np.array([[50, 10, 119, 50], [90, 10, 115, 50], [150, 50, 250, 100]], np.float32)
    shown = window.shown(Truth(boxes, np.array([0, 1, 2])), (256, 192))
    assert shown.classes.tolist() == [1, 2]
    assert np.allclose(shown.boxes[0], [0, 12.8, 19.2, 64])
    assert np.allclose(shown.boxes[1], [64, 64, 192, 128])


def test_a_mirrored_window_mirrors_boxes() -> None:
    window = Window(left=0, top=0, width=320, height=240, mirrored=True)
    truth = Truth(np.array([[0, 0, 80, 60]], np.float32), np.array([0]))
    assert window.shown(truth, (320, 240)).boxes.tolist() == [[240, 0, 320, 60]]


def test_a_batch_depends_on_its_seed_alone(album: Pictures) -> None:
    truths = [Truth.of(told) for told in album.truths]
    images, wanted = batch(album, truths, [0, 3, 5], (1, 2))
    again, same = batch(album, truths, [0, 3, 5], (1, 2))
    other, _ = batch(album, truths, [0, 3, 5], (1, 3))
    assert images.shape == (3, 3, INPUT.size[1], INPUT.size[0])
    assert images.dtype == torch.uint8
    assert torch.equal(images, again) and torch.equal(wanted.boxes, same.boxes)
    assert not torch.equal(images, other)
    limit = torch.tensor(INPUT.size * 2)
    assert ((wanted.boxes >= 0) & (wanted.boxes <= limit)).all()
    assert (wanted.boxes[wanted.there][:, 2:] > wanted.boxes[wanted.there][:, :2]).all()


def test_every_picture_comes_before_any_comes_again(album: Pictures) -> None:
    learning = Learning(album, album, Plan(batch=2), TINY)
    rounds = [[i for n in range(r, r + 3) for i in learning._indices(n)] for r in (0, 3)]
    assert [sorted(r) for r in rounds] == [list(range(6))] * 2
    assert rounds[0] != rounds[1]


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(steps=1000, rate=1.0, warm_up=10, falling=0.2)
    assert plan.rate_at(0) == pytest.approx(0.1)
    assert plan.rate_at(9) == plan.rate_at(500) == plan.rate_at(800) == 1.0
    assert plan.rate_at(900) == pytest.approx(0.5)
    assert plan.rate_at(999) == pytest.approx(0.005)


def test_a_training_that_was_stopped_becomes_the_same_network(
    album: Pictures, tmp_path: Path
) -> None:
    plan = Plan(steps=3, batch=2, warm_up=1, check_every=2)
    whole, first, second = (Learning(album, album, plan, TINY) for _ in range(3))
    assert loop.train(whole, tmp_path / "whole")
    assert not loop.train(first, tmp_path / "halves", minutes=0)
    assert loop.train(second, tmp_path / "halves")
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, second.network.state_dict()[name]), name
    log = (tmp_path / "halves" / "training.csv").read_text().splitlines()
    assert "validation mAP" in log[0] and len(log) == 3


def test_it_learns_what_it_sees_again_and_again(album: Pictures) -> None:
    learning = Learning(album, album, Plan(batch=2, warm_up=1, rate=1e-2), TINY)
    told = [learning.step(0) for _ in range(25)]
    first, last = (sum(t["naming"] + t["framing"] for t in part) for part in (told[:3], told[-3:]))
    assert last < 0.5 * first


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Path]:
    """A network whose scores and boxes differ from cell to cell, and its entry."""
    torch.manual_seed(3)
    network = Network(len(CLASSES), TINY)
    for weights in network.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.2)
    for head in network.heads:
        torch.nn.init.zeros_(head.logits[-1].bias)
    folder = tmp_path_factory.mktemp("reference") / entry.NAME
    entry.write(network.eval(), folder)
    return network, folder


def served(folder: Path) -> Model:
    (settings,) = config.read(folder / "model.yaml", "reference")
    assert settings.options.input == INPUT
    model = load_model(settings)
    assert isinstance(model, Model)
    return model


def test_the_file_computes_what_the_network_does(written: tuple[Network, Path]) -> None:
    network, folder = written
    model = served(folder)
    assert model.batchable
    random = np.random.default_rng(0)
    sheets = [random.integers(0, 256, (192, 256, 3), dtype=np.uint8) for _ in range(3)]
    prepared = [model.prepare(Query(Picture(pixels=s)), Timeline()) for s in sheets]
    outputs = model.run(prepared, Timeline())
    with torch.no_grad():
        pixels = torch.from_numpy(np.stack(sheets)).permute(0, 3, 1, 2).float()
        expected = Decoded(network)(pixels).numpy()
    assert expected.std(axis=1).min() > 0
    # Between them are the weights' last bits, in FP16: fractions of a pixel, and of a percent.
    difference = np.abs(np.stack([output[0] for output in outputs]) - expected)
    assert difference[..., :4].max() < 0.2
    assert difference[..., 4:].max() < 0.005


def test_what_is_served_is_what_the_training_checks(
    written: tuple[Network, Path], album: Pictures
) -> None:
    network, folder = written
    model = served(folder)
    (checked, *_) = find(network, Cells.of(INPUT.size, STRIDES), album)
    query = Query(Picture(pixels=album.images[0]), min_score=0.01, max_overlap=0.5, max_results=100)
    prepared = model.prepare(query, Timeline())
    (output,) = model.run([prepared], Timeline())
    found = model.finish(prepared, output, Timeline())
    assert len(found.scores) > 5
    # Rounding decides between equals, so that a few may differ.
    boxes = np.clip(checked.boxes, 0, np.array([320, 240, 320, 240]))
    same = np.abs(found.boxes[:, None] - boxes).max(axis=2) < 0.1
    same &= np.abs(found.scores[:, None] - checked.scores) < 0.005
    same &= found.class_ids[:, None] == checked.classes
    assert same.any(axis=1).mean() > 0.8


def test_large_weights_are_kept_in_halves(written: tuple[Network, Path]) -> None:
    model = onnx.load_model(written[1] / "1" / "model.onnx")
    large = [t for t in model.graph.initializer if np.prod(t.dims) >= 256]
    assert large
    assert {tensor.data_type for tensor in large} == {onnx.TensorProto.FLOAT16}


def test_photographs_tell_what_the_detector_needs(album: Pictures) -> None:
    image = Image.fromarray(album.images[0])
    assert image.size == (320, 240)
    assert sum(len(Truth.of(told).classes) for told in album.truths) > 6
