"""Each decoder against its paper, in loops over float64; and against nonsense."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.models.base import TensorSpec
from serving.models.boxes import suppress
from serving.models.detection.decoders import DECODERS

CLASSES = 3
SIZE = (96, 64)
GRIDS = [(stride, SIZE[1] // stride, SIZE[0] // stride) for stride in (8, 16, 32)]
CELLS = sum(rows * columns for _, rows, columns in GRIDS)


def specs(outputs):
    return [TensorSpec(f"o{i}", "FP32", (-1, *o.shape)) for i, o in enumerate(outputs)]


def squash(x):
    return 1 / (1 + np.exp(-x))


# ── outputs as such networks give them: name → (decoder, random outputs, reference) ──


def yolox_outputs(random):
    rows = random.normal(size=(CELLS, 5 + CLASSES))
    rows[:, 4:] = random.random((CELLS, 1 + CLASSES))
    return [rows]


def yolox_reference(outputs, min_score):
    """Section 2.1 of the paper."""
    rows = iter(outputs[0])
    for stride, height, width in GRIDS:
        for cell_y in range(height):
            for cell_x in range(width):
                x, y, w, h, objectness, *scores = next(rows)
                best = max(range(CLASSES), key=scores.__getitem__)
                if objectness * scores[best] >= min_score:
                    centre = (x + cell_x) * stride, (y + cell_y) * stride
                    size = math.exp(w) * stride, math.exp(h) * stride
                    yield *corners(*centre, *size), objectness * scores[best], best


def yolov8_outputs(random):
    boxes = random.uniform(0, 96, (4, CELLS))
    return [np.concatenate([boxes, random.random((CLASSES, CELLS))])]


def yolov8_reference(outputs, min_score):
    for cell in range(CELLS):
        x, y, w, h, *scores = outputs[0][:, cell]
        best = max(range(CLASSES), key=scores.__getitem__)
        if scores[best] >= min_score:
            yield *corners(x, y, w, h), scores[best], best


def yolov8_rows_outputs(random):
    return [yolov8_outputs(random)[0].T]


def yolov8_rows_reference(outputs, min_score):
    yield from yolov8_reference([outputs[0].T], min_score)


def nanodet_outputs(random):
    scores = [random.random((rows * columns, CLASSES)) for _, rows, columns in GRIDS]
    return [*scores, *(random.normal(0, 3, (len(level), 4 * 8)) for level in scores)]


def nanodet_reference(outputs, min_score):
    """Equations 4 to 6 of Generalized Focal Loss, distances from the cell's centre."""
    for level, (stride, height, width) in enumerate(GRIDS):
        for cell in range(height * width):
            scores = outputs[level][cell]
            best = max(range(CLASSES), key=scores.__getitem__)
            if scores[best] < min_score:
                continue
            x, y = (cell % width + 0.5) * stride, (cell // width + 0.5) * stride
            sides = []
            for side in range(4):
                weights = [math.exp(z) for z in outputs[3 + level][cell][8 * side : 8 * side + 8]]
                mean = sum(i * w for i, w in enumerate(weights)) / sum(weights)
                sides.append(mean * stride)
            left, top, right, bottom = sides
            yield x - left, y - top, x + right, y + bottom, scores[best], best


def ssd_outputs(random):
    logits = random.normal(0, 3, (CELLS, 1 + CLASSES))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    low = random.random((CELLS, 2))
    anchors = np.concatenate([low, low + random.random((CELLS, 2))], axis=1)
    return [shares, random.normal(0, 0.5, (CELLS, 4)), anchors]


def ssd_reference(outputs, min_score):
    width, height = SIZE
    for shares, offsets, (x_min, y_min, x_max, y_max) in zip(*outputs, strict=True):
        best = max(range(CLASSES), key=lambda c: shares[1 + c])
        if shares[1 + best] >= min_score:
            w, h = x_max - x_min, y_max - y_min
            yield (
                (x_min + offsets[0] * w) * width,
                (y_min + offsets[1] * h) * height,
                (x_max + offsets[2] * w) * width,
                (y_max + offsets[3] * h) * height,
                shares[1 + best],
                best,
            )


def rtdetr_outputs(random):
    return [random.normal(0, 3, (20, CLASSES)), random.random((20, 4))]


def rtdetr_reference(outputs, min_score):
    for logits, (x, y, w, h) in zip(*outputs, strict=True):
        for class_id, logit in enumerate(logits):
            if squash(logit) >= min_score:
                box = corners(x * SIZE[0], y * SIZE[1], w * SIZE[0], h * SIZE[1])
                yield *box, squash(logit), class_id


def detr_outputs(random):
    return [random.normal(0, 3, (20, CLASSES + 1)), random.random((20, 4))]


def detr_reference(outputs, min_score):
    """Section 3.1 of the paper: the last class is no object."""
    for logits, (x, y, w, h) in zip(*outputs, strict=True):
        shares = np.exp(logits) / np.exp(logits).sum()
        best = max(range(CLASSES), key=shares.__getitem__)
        if shares[best] >= min_score:
            box = corners(x * SIZE[0], y * SIZE[1], w * SIZE[0], h * SIZE[1])
            yield *box, shares[best], best


def corners(x, y, w, h):
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


KINDS = {
    "yolox": ("yolox", yolox_outputs, yolox_reference),
    "yolov8": ("yolov8", yolov8_outputs, yolov8_reference),
    "yolov8 in rows": ("yolov8", yolov8_rows_outputs, yolov8_rows_reference),
    "nanodet": ("nanodet", nanodet_outputs, nanodet_reference),
    "ssd": ("ssd", ssd_outputs, ssd_reference),
    "detr with sigmoids": ("detr", rtdetr_outputs, rtdetr_reference),
    "detr with a softmax": ("detr", detr_outputs, detr_reference),
}


def made(kind, seed):
    name, outputs, reference = KINDS[kind]
    outputs = [output.astype(np.float32) for output in outputs(np.random.default_rng(seed))]
    return DECODERS[name](SIZE, CLASSES, specs(outputs)), outputs, reference


def test_every_decoder_is_tried():
    assert {name for name, _, _ in KINDS.values()} == set(DECODERS)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), min_score=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.8, 1.0]))
@settings(max_examples=25, deadline=None)
def test_it_decodes_as_the_paper_has_it(kind, seed, min_score):
    decode, outputs, reference = made(kind, seed)
    found = decode(outputs, min_score)
    expected = np.array(
        list(reference([output.astype(np.float64) for output in outputs], min_score))
    ).reshape(-1, 6)
    assert found.boxes.shape == (len(expected), 4)
    assert np.allclose(found.boxes, expected[:, :4], rtol=1e-4, atol=1e-3)
    assert np.allclose(found.scores, expected[:, 4], rtol=1e-5)
    assert np.array_equal(found.class_ids, expected[:, 5])
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int64


@pytest.mark.parametrize("kind", KINDS)
def test_random_outputs_hold_something_to_find(kind):
    decode, outputs, _ = made(kind, 0)
    assert len(decode(outputs, 0.5).scores) > 5


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**32),
    nonsense=st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38]),
    share=st.sampled_from([0.02, 0.3, 1.0]),
    min_score=st.sampled_from([0.0, 0.4]),
)
@settings(max_examples=25, deadline=None)
def test_a_network_gone_astray_gives_boxes_that_are_some(kind, seed, nonsense, share, min_score):
    decode, outputs, _ = made(kind, seed)
    random = np.random.default_rng(seed)
    for output in outputs:
        output[random.random(output.shape) < share] = nonsense
    found = decode(outputs, min_score)
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.scores).all()
    assert (found.scores >= min_score).all()
    assert ((found.class_ids >= 0) & (found.class_ids < CLASSES)).all()
    kept = suppress(found.boxes, found.scores, found.class_ids, max_overlap=0.5, limit=10)
    assert bool(len(kept)) == bool(len(found.scores))


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), nonsense=st.sampled_from([np.nan, np.inf, -np.inf]))
@settings(max_examples=10, deadline=None)
def test_other_predictions_do_not_suffer_from_a_box_gone_astray(kind, seed, nonsense):
    """Only where predictions are rows, so that one can be spoilt alone."""
    decode, outputs, _ = made(kind, seed)
    clean = decode(outputs, 0.3)
    name = KINDS[kind][0]
    if kind == "yolov8":
        outputs[0][0, 5] = nonsense
    elif name == "nanodet":
        outputs[3][5, :] = nonsense
    elif name in ("ssd", "detr"):
        outputs[1][5, 0] = nonsense
    else:
        outputs[0][5, 0] = nonsense
    spoilt = decode(outputs, 0.3)
    lost = len(clean.scores) - len(spoilt.scores)
    assert 0 <= lost <= (CLASSES if kind == "detr with sigmoids" else 1)
    rows = {tuple(row) for row in clean.boxes.tolist()}
    assert all(tuple(row) in rows for row in spoilt.boxes.tolist())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", ["fewer labels", "an output more", "an output less", "flat"])
def test_outputs_of_another_network_are_refused(kind, change):
    name, outputs, _ = KINDS[kind]
    given_specs = specs(outputs(np.random.default_rng(0)))
    if change == "an output more":
        given_specs.append(given_specs[0])
    elif change == "an output less":
        given_specs.pop()
    elif change == "flat":
        given_specs = [TensorSpec(spec.name, "FP32", (-1,)) for spec in given_specs]
    labels = CLASSES - 2 if change == "fewer labels" else CLASSES
    with pytest.raises(ValueError, match="gives"):
        DECODERS[name](SIZE, labels, given_specs)


def test_a_grid_of_another_size_is_refused():
    for name, outputs in (("yolox", yolox_outputs), ("nanodet", nanodet_outputs)):
        with pytest.raises(ValueError, match="at this size"):
            DECODERS[name]((64, 64), CLASSES, specs(outputs(np.random.default_rng(0))))


def test_a_background_that_8_bits_rounded_up_hides_nothing():
    """0.5 and 0.5 may come as 0.5 and 0.50390625."""
    scores = np.array([[0.50390625, 0.5, 0, 0]], np.float32)
    box = np.array([[0.25, 0.25, 0.75, 0.75]], np.float32)
    outputs = [scores, np.zeros((1, 4), np.float32), box]
    found = DECODERS["ssd"](SIZE, CLASSES, specs(outputs))(outputs, 0.5)
    assert found.boxes.tolist() == [[24, 16, 72, 48]]
    assert found.scores.tolist() == [0.5]
