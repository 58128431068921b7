"""Cells, boxes, and what each cell is to find, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from model_repo.island.detector.geometry import Cells, generalized_overlap, overlap
from model_repo.island.detector.losses import losses
from model_repo.island.detector.network import STRIDES
from model_repo.island.detector.targets import Wanted, assign
from serving.models.detection.decoders.grid import pyramid

SIZE = (96, 64)
CELLS = Cells.of(SIZE, STRIDES)
KINDS = 3


def random_boxes(random: np.random.Generator, *shape: int) -> Tensor:
    low = random.uniform(0, 48, (*shape, 2))
    return torch.from_numpy(
        np.concatenate([low, low + random.uniform(10, 40, (*shape, 2))], -1).astype(np.float32)
    )


def scene(seed: int) -> tuple[Tensor, Tensor, Wanted]:
    """Sides and logits of two pictures with three and two boxes, of three kinds."""
    random = np.random.default_rng(seed)
    count = len(CELLS.middles)
    sides = torch.from_numpy(random.uniform(0.2, 2.5, (2, count, 4)).astype(np.float32))
    logits = torch.from_numpy(random.normal(-1, 1, (2, count, KINDS)).astype(np.float32))
    there = torch.tensor([[True, True, True], [True, True, False]])
    classes = torch.from_numpy(random.integers(0, KINDS, (2, 3)))
    return sides, logits, Wanted(random_boxes(random, 2, 3), classes, there)


def test_cells_are_those_of_the_serving_decoders() -> None:
    cells, strides = pyramid(SIZE, STRIDES)
    assert np.array_equal(CELLS.middles.numpy(), (cells + 0.5) * strides)
    assert np.array_equal(CELLS.strides.numpy(), strides)


def test_boxes_are_the_ways_to_the_sides() -> None:
    sides = torch.ones(len(CELLS.middles), 4) * torch.tensor([1.0, 0.5, 2.0, 0.0])
    boxes = CELLS.boxes(sides)
    assert boxes[0].tolist() == [4 - 8, 4 - 4, 4 + 16, 4]
    assert boxes[-1].tolist() == [80 - 32, 48 - 16, 80 + 64, 48]


@pytest.mark.parametrize(
    ("other", "shared", "generalized"),
    [
        ((0, 0, 2, 2), 1.0, 1.0),
        ((1, 0, 3, 2), 1 / 3, 1 / 3),
        ((4, 0, 6, 2), 0.0, -1 / 3),  # a third of the box around both is empty
        ((1, 1, 3, 3), 1 / 7, 1 / 7 - 2 / 9),
    ],
)
def test_overlaps_by_hand(other: tuple[int, ...], shared: float, generalized: float) -> None:
    boxes = torch.tensor([[0.0, 0, 2, 2], list(other)])
    assert overlap(boxes[0], boxes[1]).item() == pytest.approx(shared)
    assert generalized_overlap(boxes[0], boxes[1]).item() == pytest.approx(generalized)


def plain_targets(boxes: Tensor, scores: Tensor, wanted: Wanted, row: int) -> dict[int, tuple]:
    """Cell → (which box, weight) of one picture, cell by cell as the paper says it."""
    merits: dict[tuple[int, int], tuple[float, float]] = {}
    for box in range(wanted.classes.shape[1]):
        if not wanted.there[row, box]:
            continue
        x0, y0, x1, y1 = wanted.boxes[row, box].tolist()
        inside = []
        for cell, (x, y) in enumerate(CELLS.middles.tolist()):
            if x0 <= x <= x1 and y0 <= y <= y1:
                shared = overlap(boxes[row, cell], wanted.boxes[row, box]).item()
                score = scores[row, cell, wanted.classes[row, box]].item()
                inside.append((score**0.5 * shared**6, shared, cell))
        for merit, shared, cell in sorted(inside, reverse=True)[:10]:
            if merit > 0:
                merits[box, cell] = merit, shared
    owners = {}
    for box, cell in merits:
        rivals = [(merits[b, c][1], b) for b, c in merits if c == cell]
        if max(rivals)[1] == box:
            owners[cell] = box
    result = {}
    for cell, box in owners.items():
        mine = [merits[box, c] for c, b in owners.items() if b == box]
        scale = max(shared for _, shared in mine) / max(merit for merit, _ in mine)
        result[cell] = box, merits[box, cell][0] * scale
    return result


@pytest.mark.parametrize("seed", range(4))
def test_boxes_go_to_the_cells_that_the_paper_gives_them(seed: int) -> None:
    sides, logits, wanted = scene(seed)
    boxes, scores = CELLS.boxes(sides), logits.sigmoid()
    targets = assign(CELLS, boxes, scores, wanted)
    for row in range(2):
        plain = plain_targets(boxes, scores, wanted, row)
        assert len(plain) > 5
        assert torch.nonzero(targets.weights[row]).flatten().tolist() == sorted(plain)
        for cell, (box, weight) in plain.items():
            assert targets.weights[row, cell].item() == pytest.approx(weight, rel=1e-4)
            assert targets.classes[row, cell] == wanted.classes[row, box]
            assert torch.equal(targets.boxes[row, cell], wanted.boxes[row, box])


def test_a_box_between_all_middles_still_finds_a_cell() -> None:
    wanted = Wanted(
        torch.tensor([[[6.0, 6.0, 10.0, 10.0]]]), torch.tensor([[1]]), torch.tensor([[True]])
    )
    boxes = CELLS.boxes(torch.full((1, len(CELLS.middles), 4), 0.6))
    scores = torch.full((1, len(CELLS.middles), KINDS), 0.1)
    weights = assign(CELLS, boxes, scores, wanted).weights
    chosen = CELLS.middles[weights[0] > 0]
    assert len(chosen) and bool(((chosen - 8).abs() <= 4).all())


@pytest.mark.parametrize("most", [0, 2])
def test_pictures_of_nothing_want_nothing(most: int) -> None:
    sides, logits, _ = scene(0)
    wanted = Wanted(
        torch.zeros(2, most, 4),
        torch.zeros(2, most, dtype=torch.int64),
        torch.zeros(2, most, dtype=torch.bool),
    )
    assert not assign(CELLS, CELLS.boxes(sides), logits.sigmoid(), wanted).weights.any()
    told = losses(CELLS, sides, logits, wanted)
    assert told.framing == 0
    assert told.naming.item() == pytest.approx(torch.log1p(logits.exp()).sum().item(), rel=1e-5)


def test_the_losses_are_those_of_plain_loops() -> None:
    sides, logits, wanted = scene(5)
    boxes, scores = CELLS.boxes(sides), logits.sigmoid()
    naming = framing = reached = 0.0
    for row in range(2):
        plain = plain_targets(boxes, scores, wanted, row)
        for cell in range(len(CELLS.middles)):
            box, weight = plain.get(cell, (None, 0.0))
            for kind in range(KINDS):
                goal = weight if box is not None and wanted.classes[row, box] == kind else 0.0
                score = scores[row, cell, kind].item()
                naming -= goal * np.log(score) + (1 - goal) * np.log(1 - score)
            if box is not None:
                both = boxes[row, cell], wanted.boxes[row, box]
                framing += weight * (1 - generalized_overlap(*both).item())
                reached += weight
    told = losses(CELLS, sides, logits, wanted)
    assert told.naming.item() == pytest.approx(naming / reached, rel=1e-4)
    assert told.framing.item() == pytest.approx(framing / reached, rel=1e-4)


def test_boxes_that_share_nothing_are_still_drawn_together() -> None:
    """What GIoU is for: its slope moves a box that misses."""
    box = torch.tensor([20.0, 0.0, 30.0, 10.0], requires_grad=True)
    (1 - generalized_overlap(box, torch.tensor([0.0, 0.0, 10.0, 10.0]))).backward()
    assert box.grad is not None and box.grad[0] > 0
