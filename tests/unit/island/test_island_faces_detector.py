"""The face detector: its targets, its views, its file, and how it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_repo.island.faces import entry
from model_repo.island.faces.album import Album, Looks
from model_repo.island.faces.detector import STRIDES, Detector, Raw, YuNetOutputs
from model_repo.island.faces.embedder import Embedder
from model_repo.island.faces.finding import Finds, find, photographs, portraits
from model_repo.island.faces.served import Served, matched
from model_repo.island.faces.targets import Faces, Grid, losses
from model_repo.island.faces.train_detector import DetectorTask
from model_repo.island.faces.views import SIDE, _draw, faces_of, view
from model_repo.island.training import loop
from model_repo.island.training.photographs import draw
from serving.models.base import Device, TensorSpec
from serving.models.boxes import suppress
from serving.models.face.detectors.yunet import YuNet
from serving.runtimes.onnx import OnnxSession
from serving.timing import Timeline


class Kept:
    """As `Pictures`, drawn here and now."""

    def __init__(self, draw: Any, seeds: range) -> None:
        drawn = [draw(seed) for seed in seeds]
        self.images = [image for image, _ in drawn]
        self.truths = [truth for _, truth in drawn]

    def __len__(self) -> int:
        return len(self.images)


def _faces(*sides: float) -> Faces:
    """Faces of these widths in a row, half as high again."""
    boxes, points, left = [], [], 3.0
    for side in sides:
        boxes.append([left, 5.0, left + side, 5.0 + 1.5 * side])
        points.append([[left + k * side / 6, 5 + (k + 2) * side / 7] for k in range(1, 6)])
        left += side + 5
    return Faces(np.array(boxes), np.array(points))


def _perfect(grid: Grid, targets: Any, rows: int) -> Raw:
    """What a network would say that knows the targets."""
    logits = torch.full((rows, len(grid.corners)), -20.0)
    boxes, points = torch.zeros(*logits.shape, 4), torch.zeros(*logits.shape, 10)
    corners, strides = grid.corners[targets.cells], grid.strides[targets.cells]
    low, high = targets.boxes[:, :2], targets.boxes[:, 2:]
    mine = (targets.rows, targets.cells)
    logits[mine] = 20.0
    boxes[mine] = torch.cat([((low + high) / 2 - corners), (high - low)], 1) / strides
    boxes[targets.rows, targets.cells, 2:] = boxes[targets.rows, targets.cells, 2:].log()
    points[mine] = (targets.points - corners.repeat(1, 5)) / strides
    return Raw(logits, boxes, points)


def test_perfect_answers_cost_nothing_and_are_read_as_the_faces() -> None:
    """By the decoder that will serve them."""
    grid = Grid.of(224, 160)
    faces = [_faces(11.0, 30.0, 92.0), Faces(np.empty((0, 4)), np.empty((0, 5, 2)))]
    targets = grid.targets(faces)
    assert set(targets.rows.tolist()) == {0}
    assert set(grid.strides[targets.cells, 0].tolist()) == {8.0, 16.0, 32.0}
    raw = _perfect(grid, targets, 2)
    lost = losses(raw, targets, grid)
    assert max(lost.score.item(), lost.box.item(), lost.points.item()) < 1e-4

    counts = [224 * 160 // stride**2 for stride in STRIDES]
    score = raw.logits.sigmoid()[..., None]
    kinds = [score, score, raw.boxes, raw.points]
    outputs = [part[0].numpy() for kind in kinds for part in kind.split(counts, 1)]
    specs = [TensorSpec(name, "FP32", (-1, -1, -1)) for name in YuNetOutputs.NAMES]
    found = YuNet(specs)(outputs, (224, 160), 0.5)
    kept = suppress(found.boxes, found.scores, max_overlap=0.4, limit=10)
    assert found.landmarks is not None
    order = found.boxes[kept][:, 0].argsort()
    assert np.allclose(found.boxes[kept][order], faces[0].boxes, atol=1e-3)
    assert np.allclose(found.landmarks[kept][order], faces[0].points, atol=1e-3)


def test_losses_are_those_of_a_plain_loop() -> None:
    torch.manual_seed(3)
    grid = Grid.of(96, 64)
    targets = grid.targets([_faces(14.0, 40.0)])
    cells = len(grid.corners)
    raw = Raw(torch.randn(1, cells), torch.randn(1, cells, 4) * 0.3, torch.randn(1, cells, 10))
    score = box = points = 0.0
    wanted = np.zeros(cells)
    for cell, goal, marks in zip(targets.cells, targets.boxes, targets.points, strict=True):
        corner, stride = grid.corners[cell].numpy(), grid.strides[cell].item()
        dx, dy, width, height = raw.boxes[0, cell].numpy()
        middle = corner + np.array([dx, dy]) * stride
        half = np.exp([width, height]) * stride / 2
        mine, goal_ = np.concatenate([middle - half, middle + half]), goal.numpy()
        inner = np.prod(np.maximum(np.minimum(mine, goal_)[2:] - np.maximum(mine, goal_)[:2], 0))
        union = np.prod(mine[2:] - mine[:2]) + np.prod(goal_[2:] - goal_[:2]) - inner
        outer = np.prod(np.maximum(mine, goal_)[2:] - np.minimum(mine, goal_)[:2])
        wanted[cell] = inner / union
        box += 1 - (inner / union - (outer - union) / outer)
        side = np.sqrt(np.prod(goal_[2:] - goal_[:2]))
        said = np.tile(corner, 5) + raw.points[0, cell].numpy() * stride
        off = np.abs(said - marks.numpy()) / side
        points += np.where(off < 0.1, off**2 / 0.2, off - 0.05).sum()
    for logit, goal in zip(raw.logits[0].double().numpy(), wanted, strict=True):
        chance = 1 / (1 + np.exp(-logit))
        entropy = -(goal * np.log(chance) + (1 - goal) * np.log(1 - chance))
        score += entropy * (chance - goal) ** 2
    found, count = losses(raw, targets, grid), len(targets.cells)
    assert found.score.item() == pytest.approx(score / count, rel=1e-4)
    assert found.box.item() == pytest.approx(box / count, rel=1e-4)
    assert found.points.item() == pytest.approx(points / count, rel=1e-4)


@pytest.mark.parametrize("side", [8.0, 20.0, 36.0, 60.0, 90.0, 150.0])
def test_every_face_has_a_cell_of_its_own(side: float) -> None:
    grid = Grid.of(256, 256)
    targets = grid.targets([_faces(side)])
    assert len(targets.cells) >= 1
    middles = grid.corners[targets.cells] + grid.strides[targets.cells] / 2
    low, high = targets.boxes[:, :2], targets.boxes[:, 2:]
    assert ((middles > low - 16) & (middles < high + 16)).all()


def test_faces_move_with_their_picture() -> None:
    """Each landmark is painted in a colour of its own, and found again in the view."""
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]
    places = [(80, 60), (120, 64), (104, 90), (84, 112), (116, 116)]
    image = np.zeros((240, 320, 3), np.uint8)
    for (x, y), colour in zip(places, colours, strict=True):
        image[y - 4 : y + 4, x - 4 : x + 4] = colour
    faces = faces_of([{"box": (60, 40, 140, 140), "landmarks": places}])
    seen = mirrored = 0
    for seed in range(30):
        shown, moved = view(image, faces, np.random.default_rng(seed), 0.5, 2.0)
        assert shown.shape == (SIDE, SIDE, 3)
        if not len(moved.boxes) or (moved.points < 8).any() or (moved.points > SIDE - 8).any():
            continue
        seen += 1
        flipped = shown[tuple(moved.points[0, 0].round().astype(int)[::-1])].argmax() == 1
        mirrored += flipped
        order = [1, 0, 2, 4, 3] if flipped else [0, 1, 2, 3, 4]
        for (x, y), place in zip(moved.points[0], order, strict=True):
            reach = np.linalg.norm(shown.astype(float) - 0.9 * np.array(colours[place]), axis=2)
            rows, columns = np.nonzero(reach < 130)
            assert abs(columns.mean() - x) < 1.5
            assert abs(rows.mean() - y) < 1.5
        assert (moved.points[0] > moved.boxes[0, :2]).all()
        assert (moved.points[0] < moved.boxes[0, 2:]).all()
    assert seen > 8
    assert 0 < mirrored < seen


def test_a_face_cut_off_is_no_face_to_be_found() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    landmarks = [(10.0, 10.0)] * 5
    faces = faces_of([{"box": (-60, 40, 20, 140), "landmarks": landmarks}])
    for seed in range(10):
        _, moved = view(image, faces, np.random.default_rng(seed), 1.0, 1.0)
        assert not len(moved.boxes)


def test_a_training_that_was_stopped_gives_the_same_weights(tmp_path: Path) -> None:
    photos: Any = Kept(draw, range(3))
    heads: Any = Kept(lambda number: _draw("train", number), range(2))

    def task() -> DetectorTask:
        return DetectorTask(photos, heads, photos, steps=2, batch=2)

    whole, first, second = task(), task(), task()
    assert loop.train(whole, tmp_path / "whole")
    assert not loop.train(first, tmp_path / "parts", minutes=0)
    assert loop.train(second, tmp_path / "parts")
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, second.network.state_dict()[name]), name


@pytest.fixture(scope="module")
def network() -> Detector:
    torch.manual_seed(4)
    return Detector().eval()


@pytest.fixture(scope="module")
def untrained(network: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Entries of networks that know nothing."""
    root = tmp_path_factory.mktemp("reference")
    entry.write_embedder(Embedder(), root)
    entry.write_faces(network, root, entry.Thresholds(0.37, 0.21))
    return root


def test_the_file_gives_what_torch_gives_at_any_size(network: Detector, untrained: Path) -> None:
    session = OnnxSession(untrained / entry.FACES / "1" / "detector.onnx", Device())
    assert session.signature.batched
    pictures = torch.rand(2, 3, 96, 160) * 255
    with torch.no_grad():
        expected = YuNetOutputs(network)(pictures)
    outputs = session.run({"pictures": pictures.numpy()}, Timeline())
    for name, tensor in zip(YuNetOutputs.NAMES, expected, strict=True):
        assert np.allclose(outputs[name], tensor.numpy(), atol=1e-4), name


def test_the_entry_is_served(untrained: Path) -> None:
    served = Served(untrained)
    assert served.options.detector.thresholds.score == pytest.approx(0.37)
    assert served.options.embedder is not None
    assert served.options.embedder.threshold == pytest.approx(0.21)
    assert served.options.gallery is not None
    finds = find(served, [*photographs("test", 1), *portraits("test", 1, 96)])
    assert finds.there >= 1
    assert len(finds.scores) == len(finds.right) == len(finds.off)


def test_a_face_is_found_once() -> None:
    wanted = [[0, 0, 10, 10], [20, 0, 30, 10]]
    boxes = np.array([[0, 0, 10, 9], [1, 0, 10, 10], [20, 6, 30, 16], [20, 1, 30, 11]], float)
    assert matched(boxes, wanted).tolist() == [0, -1, -1, 1]
    assert matched(boxes, []).tolist() == [-1] * 4


def test_the_best_score_is_where_all_is_right() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.3, 0.2])
    finds = Finds(scores, np.array([1, 1, 1, 0, 0], bool), np.full(5, 0.1), 4)
    assert finds.at(0.5) == (0.75, 1.0)
    assert finds.at(0.1) == (0.75, 0.6)
    assert 0.3 < finds.best_score() <= 0.7


def test_an_album_counts_a_missed_face_against_its_person() -> None:
    one, other, nobody = np.eye(3)
    missed = np.full(3, np.nan)
    portraits_ = Looks(np.stack([one, one, other, other]), np.array([0, 0, 1, 1]))
    seen = Looks(np.stack([one, missed, nobody, other]), np.array([0, 1, 1, 1]))
    album = Album(portraits_, seen)
    same, strangers = album.verification()
    assert sorted(same) == [-1] * 4 + [0] * 3 + [1] * 4
    assert sorted(strangers) == [0] * 8
    assert album.identified(0.5) == (0.5, 0.0)
