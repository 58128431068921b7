"""Decode, suppression and resize against slow and obvious versions of themselves."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.models.base import TensorSpec
from serving.models.boxes import suppress
from serving.models.detection.decoders import DECODERS
from serving.models.detection.decoders.yolox import Yolox
from serving.models.detection.options import Input, Options
from serving.models.detection.preprocess import Preprocessor


def test_every_decoder_can_be_named_in_model_yaml():
    assert set(get_args(Options.model_fields["decoder"].annotation)) == set(DECODERS)


def decode_one_by_one(predictions, width, height, min_score):
    """Section 2.1 of the paper, cell by cell, in float64."""
    boxes = []
    row = 0
    for stride in (8, 16, 32):
        for cell_y in range(height // stride):
            for cell_x in range(width // stride):
                x, y, w, h, objectness, *scores = predictions[row].astype(np.float64)
                row += 1
                best = max(range(len(scores)), key=scores.__getitem__)
                if objectness * scores[best] < min_score:
                    continue
                centre_x, centre_y = (x + cell_x) * stride, (y + cell_y) * stride
                box_w, box_h = np.exp(w) * stride, np.exp(h) * stride
                corners = (centre_x - box_w / 2, centre_y - box_h / 2)
                boxes.append(
                    (
                        *corners,
                        corners[0] + box_w,
                        corners[1] + box_h,
                        objectness * scores[best],
                        best,
                    )
                )
    assert row == len(predictions)
    return np.array(boxes).reshape(-1, 6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 32)])
def test_yolox_is_decoded_as_the_paper_has_it(seed, width, height):
    random = np.random.default_rng(seed)
    cells = sum((width // s) * (height // s) for s in (8, 16, 32))
    predictions = random.normal(size=(cells, 9)).astype(np.float32)
    predictions[:, 4:] = random.random((cells, 5))
    decoder = Yolox((width, height), 4, [TensorSpec("output", "FP32", (-1, cells, 9))])
    found = decoder([predictions], 0.4)
    expected = decode_one_by_one(predictions, width, height, 0.4)
    assert len(expected) > 5
    assert np.allclose(found.boxes, expected[:, :4], rtol=1e-5, atol=1e-3)
    assert np.allclose(found.scores, expected[:, 4], rtol=1e-5)
    assert np.array_equal(found.class_ids, expected[:, 5])


def test_a_network_gone_astray_gives_no_infinite_boxes():
    predictions = np.full((21 * 4, 6), 0.9, np.float32)
    predictions[0, 2], predictions[1, 0], predictions[2, 5] = 1e4, np.nan, np.nan
    decoder = Yolox((64, 64), 1, [TensorSpec("output", "FP32", (-1, 84, 6))])
    found = decoder([predictions], 0.0)
    assert len(found.scores) == 81
    assert np.isfinite(found.boxes).all()


def test_outputs_of_another_network_are_refused():
    with pytest.raises(ValueError, match="one output"):
        Yolox((64, 64), 2, [TensorSpec("output", "FP32", (-1, 84, 6))])


def suppress_one_by_one(boxes, scores, class_ids, max_overlap, limit):
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        for j in kept:
            w = min(boxes[i][2], boxes[j][2]) - max(boxes[i][0], boxes[j][0])
            h = min(boxes[i][3], boxes[j][3]) - max(boxes[i][1], boxes[j][1])
            shared = max(w, 0) * max(h, 0)
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[i], boxes[j])]
            if class_ids[i] == class_ids[j] and shared > max_overlap * (sum(areas) - shared):
                break
        else:
            kept.append(i)
    return kept[:limit]


# Small whole numbers, so that ties and exact overlaps happen and float32 rounds nothing.
a_box = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(0, 8)] * 2)
candidates = st.lists(st.tuples(a_box, st.integers(0, 5), st.integers(0, 1)), max_size=25)


@given(
    found=candidates, max_overlap=st.sampled_from([0.0, 0.25, 0.5, 1.0]), limit=st.integers(1, 9)
)
@settings(max_examples=60, deadline=None)
def test_the_best_box_of_a_class_stays(found, max_overlap, limit):
    boxes = np.array([(x, y, x + w, y + h) for (x, y, w, h), _, _ in found], np.float32)
    boxes = boxes.reshape(-1, 4)
    scores = np.array([score for _, score, _ in found], np.float32)
    class_ids = np.array([class_id for *_, class_id in found], np.int64)
    kept = suppress(boxes, scores, class_ids, max_overlap=max_overlap, limit=limit)
    expected = suppress_one_by_one(boxes, scores, class_ids, max_overlap, limit)
    assert kept.tolist() == expected


def bilinear(pixels, width, height):
    """The textbook's bilinear resize with half-pixel centres, in float64."""
    for axis, new in ((0, height), (1, width)):
        old = pixels.shape[axis]
        place = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.floor(place).astype(int)
        weight = (place - low).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        near = np.take(pixels, low, axis).astype(float)
        far = np.take(pixels, np.minimum(low + 1, old - 1), axis).astype(float)
        pixels = near + (far - near) * weight
    return pixels


@pytest.mark.parametrize("size", [(640, 480), (50, 200), (64, 64), (3, 1), (129, 700)])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
def test_the_resize_is_bilinear(size, channels, resize):
    options = Input(size=(128, 64), resize=resize, channels=channels, pad=100)
    preprocess = Preprocessor(options)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    tensor = preprocess(pixels, size)
    assert tensor.shape == (1, 3, 64, 128)
    assert tensor.dtype == np.float32
    width, height = preprocess.content(size)
    expected = bilinear(pixels, width, height)
    if channels == "BGR":
        expected = expected[:, :, ::-1]
    assert np.abs(tensor[0, :, :height, :width] - expected.transpose(2, 0, 1)).max() <= 0.51
    assert (tensor[0, :, height:] == 100).all()
    assert (tensor[0, :, :, width:] == 100).all()


def test_a_letterbox_keeps_the_proportions():
    preprocess = Preprocessor(Input(size=(416, 416)))
    assert preprocess.content((640, 480)) == (416, 312)
    assert preprocess.content((10, 5000)) == (1, 416)
    assert preprocess.enough((640, 480)) == (832, 624)
    assert preprocess.to_original((832, 416)) == (2, 2)
    stretched = Preprocessor(Input(size=(416, 416), resize="stretch"))
    assert stretched.content((640, 480)) == (416, 416)
    assert stretched.to_original((832, 416)) == (2, 1)


def test_normalisation_follows_the_order_of_the_channels():
    options = Input(
        size=(32, 32), channels="BGR", scale=1 / 255, mean=(0.1, 0.2, 0.3), std=(1, 2, 4), pad=51
    )
    red = np.zeros((16, 32, 3), np.uint8)
    red[:, :, 0] = 255
    tensor = Preprocessor(options)(red, (32, 16))[0]
    assert np.allclose(tensor[:, 0, 0], [-0.1, -0.1, (1 - 0.3) / 4])
    assert np.allclose(tensor[:, 31, 0], [(0.2 - 0.1), 0, (0.2 - 0.3) / 4], atol=1e-6)


def test_a_picture_decoded_at_a_fraction_keeps_its_letterbox():
    preprocess = Preprocessor(Input(size=(128, 128)))
    pixels = np.full((75, 101, 3), 7, np.uint8)  # of an original of 201×150
    tensor = preprocess(pixels, (201, 150))
    assert preprocess.content((201, 150)) == (128, 95)
    assert (tensor[0, :, :95] == 7).all()
    assert (tensor[0, :, 95:] == 114).all()
