"""Layouts, alignment and smoothing of the input; suppression beyond classes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from serving.models.base import TensorSpec
from serving.models.boxes import suppress
from serving.models.detection.options import Input
from serving.models.detection.preprocess import Preprocessor


def picture(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("align", ["corner", "centre"])
def test_all_layouts_and_numbers_hold_the_same_picture(channels, resize, align):
    options = Input(size=(128, 64), resize=resize, align=align, channels=channels, pad=9)
    pixels = picture(75, 51)
    plain = Preprocessor(options)(pixels, (75, 51))
    last = Preprocessor(options, channels_last=True)(pixels, (75, 51))
    assert last.shape == (1, 64, 128, 3)
    assert np.array_equal(last.transpose(0, 3, 1, 2), plain)
    for dtype, tolerance in ((np.uint8, 0.5), (np.float16, 0.0625)):
        tensor = Preprocessor(options, channels_last=True, dtype=np.dtype(dtype))(pixels, (75, 51))
        assert tensor.dtype == dtype
        assert tensor.flags.c_contiguous
        assert np.abs(tensor - last).max() <= tolerance


def test_a_centred_letterbox_has_equal_borders():
    options = Input(size=(128, 64), align="centre", pad=0, mean=(1, 2, 3), std=(2, 2, 2))
    preprocess = Preprocessor(options)
    assert preprocess.content((100, 100)) == (64, 64)
    assert preprocess.corner((100, 100)) == (32, 0)
    assert preprocess.corner((400, 100)) == (0, 16)
    tensor = preprocess(np.full((100, 100, 3), 255, np.uint8), (100, 100))[0]
    assert np.allclose(tensor[:, :, 32:96], np.array([127, 126.5, 126])[:, None, None])
    for border in (tensor[:, :, :32], tensor[:, :, 96:]):
        assert np.allclose(border, np.array([-0.5, -1, -1.5])[:, None, None])


@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_smoothing_is_pillows(channels):
    options = Input(
        size=(64, 32), resize="stretch", filter="triangle", channels=channels, scale=1 / 255
    )
    pixels = picture(300, 200)
    tensor = Preprocessor(options)(pixels, (300, 200))[0]
    expected = np.asarray(Image.fromarray(pixels).resize((64, 32), Image.Resampling.BILINEAR))
    if channels == "BGR":
        expected = expected[:, :, ::-1]
    assert np.allclose(tensor, expected.transpose(2, 0, 1) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("datatype", "shape", "layout"),
    [
        ("FP32", (-1, 3, 64, 128), (1, 3, 64, 128)),
        ("FP16", (1, 3, -1, -1), (1, 3, 64, 128)),
        ("UINT8", (-1, 64, 128, 3), (1, 64, 128, 3)),
    ],
)
def test_the_weights_say_what_they_take(datatype, shape, layout):
    spec = TensorSpec("images", datatype, shape)
    tensor = Preprocessor.fitting(Input(size=(128, 64)), (spec,))(picture(20, 10), (20, 10))
    assert tensor.shape == layout
    assert tensor.dtype == {"FP32": np.float32, "FP16": np.float16, "UINT8": np.uint8}[datatype]


@pytest.mark.parametrize(
    "inputs",
    [
        (),
        (TensorSpec("images", "FP32", (-1, 3, 64, 64)),),
        (TensorSpec("images", "FP32", (-1, 1, 64, 128)),),
        (TensorSpec("images", "INT64", (-1, 3, 64, 128)),),
        (TensorSpec("images", "FP32", (3, 64, 128)),),
        (TensorSpec("images", "FP32", (-1, 3, 64, 128)), TensorSpec("more", "FP32", (-1,))),
    ],
)
def test_weights_that_take_something_else_are_refused(inputs):
    with pytest.raises(ValueError, match=r"input\.size"):
        Preprocessor.fitting(Input(size=(128, 64)), inputs)


def test_who_takes_bytes_normalises_alone():
    spec = TensorSpec("images", "UINT8", (-1, 64, 64, 3))
    with pytest.raises(ValueError, match="normalise"):
        Preprocessor.fitting(Input(size=(64, 64), scale=1 / 255), (spec,))


BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], np.float32)
SCORES = np.array([0.5, 0.9, 0.7], np.float32)


def test_classes_compete_where_they_are_told_to():
    def kept(class_ids, max_overlap=0.5):
        return suppress(BOXES, SCORES, class_ids, max_overlap=max_overlap, limit=9).tolist()

    assert kept(np.array([0, 1, 0])) == [1, 2, 0]
    assert kept(np.array([0, 0, 0])) == [1, 2]
    assert kept(None) == [1, 2]
    assert kept(None, max_overlap=None) == kept(None, max_overlap=1.0) == [1, 2, 0]


def test_without_suppression_the_best_stay():
    assert suppress(BOXES, SCORES, None, max_overlap=None, limit=2).tolist() == [1, 2]


def test_too_many_candidates_are_cut_to_the_best():
    """A thousand and twenty at one place, and a thousand elsewhere that score less."""
    boxes = np.tile(np.array([[0, 0, 10, 10]], np.float32), (2020, 1))
    boxes[1020:] += np.arange(1, 1001, dtype=np.float32)[:, None] * 20
    scores = np.linspace(1, 0, 2020, dtype=np.float32)
    shuffle = np.random.default_rng(0).permutation(2020)
    kept = suppress(boxes[shuffle], scores[shuffle], None, max_overlap=0.5, limit=300)
    assert shuffle[kept].tolist() == [0]
    kept = suppress(boxes[shuffle], scores[shuffle], None, max_overlap=0.5, limit=1022)
    assert shuffle[kept].tolist() == [0, 1020, 1021]  # who wants more, gets more to compete
