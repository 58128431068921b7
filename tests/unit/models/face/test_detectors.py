"""Each decoder against its network's description, cell by cell, in float64."""

from __future__ import annotations

from typing import get_args

import numpy as np
import onnx
import pytest

from serving.models.base import TensorSpec
from serving.models.face.detectors import DETECTORS
from serving.models.face.detectors.rfb import Rfb
from serving.models.face.detectors.scrfd import Scrfd
from serving.models.face.detectors.yunet import YuNet
from serving.models.face.options import Detector

SIZES = [(64, 64), (96, 32), (64, 160)]
STRIDES = (8, 16, 32)


def test_every_detector_can_be_named_in_model_yaml():
    assert set(get_args(Detector.model_fields["kind"].annotation)) == set(DETECTORS)


def specs(outputs):
    return [TensorSpec(name, "FP32", (-1, *array.shape)) for name, array in outputs.items()]


def grid(size, stride):
    return [(x, y) for y in range(size[1] // stride) for x in range(size[0] // stride)]


def assert_found(found, expected, landmarks=True):
    """expected: (box, score, five points) in the order of the decoder."""
    assert len(expected) > 5
    assert len(found.scores) == len(expected)
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert np.allclose(found.boxes, [box for box, *_ in expected], rtol=1e-5, atol=1e-3)
    assert np.allclose(found.scores, [score for _, score, _ in expected], rtol=1e-5)
    if landmarks:
        points = [points for *_, points in expected]
        assert np.allclose(found.landmarks, points, rtol=1e-5, atol=1e-3)
    else:
        assert found.landmarks is None


def random_yunet(size, seed):
    random = np.random.default_rng(seed)
    outputs = {}
    for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for stride in STRIDES:
            shape = (len(grid(size, stride)), width)
            draw = random.random if width == 1 else random.standard_normal
            outputs[f"{kind}_{stride}"] = draw(shape).astype(np.float32)
    return outputs


def yunet_one_by_one(outputs, size, min_score):
    found = []
    for stride in STRIDES:
        parts = [
            outputs[f"{kind}_{stride}"].astype(float) for kind in ("cls", "obj", "bbox", "kps")
        ]
        for (x, y), (cls,), (obj,), (dx, dy, w, h), kps in zip(
            grid(size, stride), *parts, strict=True
        ):
            score = (cls * obj) ** 0.5
            if score < min_score:
                continue
            w, h = np.exp(w) * stride, np.exp(h) * stride
            left, top = (x + dx) * stride - w / 2, (y + dy) * stride - h / 2
            points = [((x + a) * stride, (y + b) * stride) for a, b in kps.reshape(5, 2)]
            found.append(((left, top, left + w, top + h), score, points))
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("size", SIZES)
def test_yunet(size, seed):
    outputs = random_yunet(size, seed)
    found = YuNet(specs(outputs))(list(outputs.values()), size, 0.6)
    assert_found(found, yunet_one_by_one(outputs, size, 0.6))


def test_yunets_outputs_are_told_apart_by_name():
    outputs = random_yunet((64, 64), 0)
    shuffled = dict(sorted(outputs.items()))
    assert list(shuffled) != list(outputs)
    one = YuNet(specs(outputs))(list(outputs.values()), (64, 64), 0.6)
    other = YuNet(specs(shuffled))(list(shuffled.values()), (64, 64), 0.6)
    assert np.array_equal(one.boxes, other.boxes)
    assert np.array_equal(one.landmarks, other.landmarks)


def random_scrfd(size, keypoints, seed):
    random = np.random.default_rng(seed)
    outputs = {}
    for width in (1, 4, 10)[: 2 + keypoints]:
        for stride in STRIDES:
            shape = (2 * len(grid(size, stride)), width)
            values = random.random(shape) if width == 1 else random.normal(1, 2, shape)
            outputs[f"output_{len(outputs)}"] = values.astype(np.float32)
    return outputs


def scrfd_one_by_one(outputs, size, min_score):
    arrays = [array.astype(float) for array in outputs.values()]
    found = []
    for level, stride in enumerate(STRIDES):
        row = 0
        for x, y in grid(size, stride):
            for _ in range(2):
                score = arrays[level][row, 0]
                if score >= min_score:
                    left, top, right, bottom = arrays[3 + level][row] * stride
                    x0, y0 = x * stride, y * stride
                    points = None
                    if len(arrays) == 9:
                        points = arrays[6 + level][row].reshape(5, 2) * stride + [x0, y0]
                    found.append(((x0 - left, y0 - top, x0 + right, y0 + bottom), score, points))
                row += 1
    return found


@pytest.mark.parametrize("leading", [(), (1,)], ids=["plain", "with a leading 1"])
@pytest.mark.parametrize("keypoints", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_scrfd(size, keypoints, leading):
    outputs = random_scrfd(size, keypoints, 0)
    decoder = Scrfd(specs(outputs))
    assert decoder.landmarks == keypoints
    raw = [array.reshape(*leading, *array.shape) for array in outputs.values()]
    found = decoder(raw, size, 0.7)
    assert_found(found, scrfd_one_by_one(outputs, size, 0.7), landmarks=keypoints)


def priors(size):
    """Centre x, y and size w, h of all prior boxes, relative to the input.

    A grid's cells divide the input evenly, even where its sides are no multiples of the stride.
    """
    boxes = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
    result = []
    for stride, sides in boxes.items():
        columns, rows = (-(-side // stride) for side in size)
        for y in range(rows):
            for x in range(columns):
                for side in sides:
                    centre = ((x + 0.5) / columns, (y + 0.5) / rows)
                    result.append((*centre, side / size[0], side / size[1]))
    return np.clip(result, 0, 1)


def test_rfb():
    random = np.random.default_rng(0)
    count = len(priors((320, 240)))
    assert count == 4420
    scores = random.random((count, 2)).astype(np.float32)
    boxes = random.normal(0.5, 0.5, (count, 4)).astype(np.float32)
    decoder = Rfb(specs({"scores": scores, "boxes": boxes}))
    assert not decoder.landmarks
    found = decoder([scores, boxes], (320, 240), 0.99)
    expected = [
        ((box[0] * 320.0, box[1] * 240.0, box[2] * 320.0, box[3] * 240.0), face, None)
        for (_, face), box in zip(scores, boxes, strict=True)
        if face >= 0.99
    ]
    assert_found(found, expected, landmarks=False)
    swapped = Rfb(specs({"boxes": boxes, "scores": scores}))([boxes, scores], (320, 240), 0.99)
    assert np.array_equal(swapped.boxes, found.boxes)


def test_the_published_rfb_decodes_its_priors_itself(data, tmp_path):
    """From the file's own raw locations and scores by the formulas of SSD, in float64."""
    import onnxruntime

    model = onnx.load(data / "models/face_detection/version-RFB-320.onnx")
    raw = {node.output[0]: node for node in model.graph.node}
    scores_in = raw["scores"].input[0]
    place = "boxes"  # up the chain, to the concatenation of all grids' locations
    while raw[place].op_type != "Concat" or len(raw[place].input) != 4:
        place = raw[place].input[0]
    for name in (scores_in, place):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    given = {tensor.name for tensor in model.graph.initializer}
    inputs = [port for port in model.graph.input if port.name not in given]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    picture = np.random.default_rng(0).normal(size=(1, 3, 240, 320)).astype(np.float32)
    scores, boxes, logits, locations = session.run(
        ["scores", "boxes", scores_in, place], {"input": picture}
    )
    prior = priors((320, 240))
    where = locations[0].astype(float)
    centre = where[:, :2] * 0.1 * prior[:, 2:] + prior[:, :2]
    size = np.exp(where[:, 2:] * 0.2) * prior[:, 2:]
    assert np.allclose(boxes[0], np.hstack([centre - size / 2, centre + size / 2]), atol=1e-4)
    power = np.exp(logits[0].astype(float))
    assert np.allclose(scores[0], power / power.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_a_network_gone_astray_gives_no_wild_numbers(value):
    size = (64, 64)
    yunet, scrfd = random_yunet(size, 0), random_scrfd(size, True, 0)
    clean = len(YuNet(specs(yunet))(list(yunet.values()), size, 0.0).scores)
    for index, name in enumerate(("cls_8", "obj_16", "bbox_8", "bbox_32", "kps_16")):
        yunet[name][index + 1 if name == "bbox_8" else 0, -1] = value
    for index, name in enumerate(scrfd):
        scrfd[name][index % 8, -1] = value
    boxes = np.full((4420, 4), 0.5, np.float32)
    boxes[7, 1] = value
    scores = np.full((4420, 2), 0.5, np.float32)
    scores[3, 1] = value
    for decoder, outputs in (
        (YuNet(specs(yunet)), list(yunet.values())),
        (Scrfd(specs(scrfd)), list(scrfd.values())),
        (Rfb(specs({"scores": scores, "boxes": boxes})), [scores, boxes]),
    ):
        found = decoder(outputs, (320, 240) if decoder.landmarks is False else size, 0.0)
        assert np.abs(found.boxes).max() < 1e6
        assert np.isfinite(found.scores).all()
        if found.landmarks is not None:
            assert np.abs(found.landmarks).max() < 1e6
        assert len(found.scores) > 50
    kept = len(YuNet(specs(yunet))(list(yunet.values()), size, 0.0).scores)
    assert kept < clean


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        ("yunet", {"cls_8": np.zeros((64, 1))}),
        ("rfb", {"scores": np.zeros((9, 2))}),
        ("rfb", {"scores": np.zeros((9, 2)), "boxes": np.zeros((9, 5))}),
        ("scrfd", {str(i): np.zeros((9, 1)) for i in range(6)}),
        ("scrfd", {"only": np.zeros((9, 1))}),
    ],
)
def test_outputs_of_another_network_are_refused(kind, outputs):
    with pytest.raises(ValueError, match=kind):
        DETECTORS[kind](specs(outputs))


@pytest.mark.parametrize("kind", sorted(DETECTORS))
def test_outputs_of_another_size_are_refused(kind):
    outputs = {
        "yunet": random_yunet((64, 64), 0),
        "scrfd": random_scrfd((64, 64), True, 0),
        "rfb": {"scores": np.zeros((84, 2)), "boxes": np.zeros((84, 4))},
    }[kind]
    with pytest.raises(ValueError, match="where"):
        DETECTORS[kind](specs(outputs))(list(outputs.values()), (96, 96), 0.5)
