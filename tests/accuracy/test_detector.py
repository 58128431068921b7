"""The real detector on real photographs, and what a request may ask of it."""

from __future__ import annotations

import numpy as np
import pytest

from serving.errors import FailedPrecondition, InvalidArgument
from serving.images.picture import Picture
from serving.models.base import Device
from serving.models.detection import Model
from serving.models.detection.types import Query
from serving.timing import Stage, Timeline


def detect(model, item):
    timeline = Timeline()
    prepared = model.prepare(item, timeline)
    (output,) = model.run([prepared], timeline)
    return model.finish(prepared, output, timeline)


@pytest.fixture(scope="module")
def street(data):
    """A photograph of 14 people."""
    return Picture(encoded=(data / "images/coco/000000005001.jpg").read_bytes())


def test_every_stage_is_timed(yolox, street):
    timeline = Timeline()
    prepared = yolox.prepare(Query(street), timeline)
    (output,) = yolox.run([prepared], timeline)
    yolox.finish(prepared, output, timeline)
    for stage in (Stage.DECODE, Stage.PREPROCESS, Stage.DEVICE, Stage.POSTPROCESS):
        assert (timeline.spent[stage] or 0) > 0


def test_results_are_ordered_clipped_and_named(yolox, data):
    picture = Picture(encoded=(data / "images/coco/000000166918.jpg").read_bytes())
    found = detect(yolox, Query(picture))
    count = len(found.labels)
    assert count > 5
    assert (np.diff(found.scores) <= 0).all()
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.boxes.shape == (count, 4)
    assert found.class_ids.dtype == np.int64
    assert found.boxes[:, 2].max() == found.size[0]  # a table that leaves the picture
    assert found.labels[0] == "dining table"


def test_a_request_chooses_what_it_wants(yolox, street):
    everything = detect(yolox, Query(street))
    assert len(everything.labels) == 13
    some = detect(yolox, Query(street, min_score=0.55))
    assert 0 < len(some.labels) < 13
    assert some.scores.min() >= 0.55
    assert np.array_equal(detect(yolox, Query(street, max_results=4)).boxes, everything.boxes[:4])
    assert len(detect(yolox, Query(street, max_overlap=0.1)).labels) < 13
    assert len(detect(yolox, Query(street, max_overlap=1.0)).labels) > 20
    assert detect(yolox, Query(street, labels=("zebra",))).labels == ()
    people = detect(yolox, Query(street, labels=("zebra", "person"), min_score=0.1))
    assert set(people.labels) == {"person"}


def test_the_lowest_threshold_is_still_bounded(yolox, street):
    found = detect(yolox, Query(street, min_score=0.0, max_overlap=1.0))
    assert len(found.labels) == 300


def test_nothing_found_is_an_answer(yolox):
    grey = Picture(pixels=np.full((100, 300, 3), 128, np.uint8))
    found = detect(yolox, Query(grey, min_score=0.9))
    tensors = yolox.tensors(found)
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "boxes": (0, 4),
        "scores": (0,),
        "class_ids": (0,),
        "labels": (0,),
    }


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"min_score": 1.5}, "min_score"),
        ({"min_score": float("nan")}, "min_score"),
        ({"max_overlap": -0.1}, "max_overlap"),
        ({"max_results": -1}, "max_results"),
        ({"labels": ("person", "persn")}, "labels[1]"),
    ],
)
def test_impossible_wishes_are_refused_before_decoding(yolox, wish, field):
    with pytest.raises(InvalidArgument) as caught:
        yolox.prepare(Query(Picture(encoded=b"no picture"), **wish), Timeline())
    assert caught.value.fields[0][0] == field
    if "labels" in wish:
        assert "such as person" in str(caught.value)


def test_the_pictures_limits_are_the_models(yolox):
    with pytest.raises(InvalidArgument) as caught:
        yolox.prepare(Query(Picture(encoded=b"\xff\xd8\xff" + bytes(20 * 2**20))), Timeline())
    assert caught.value.reason == "IMAGE_TOO_LARGE"


def test_pixels_are_as_good_as_a_file(yolox, street):
    from serving.images.decode import decode

    pixels = decode(street, max_bytes=2**30, max_pixels=2**30, max_seconds=60).pixels
    encoded, raw = detect(yolox, Query(street)), detect(yolox, Query(Picture(pixels=pixels)))
    flipped = detect(yolox, Query(Picture(pixels=pixels[:, :, ::-1], channels="BGR")))
    assert np.array_equal(encoded.boxes, raw.boxes)
    assert np.array_equal(raw.boxes, flipped.boxes)


def test_requests_come_as_tensors_too(yolox, street):
    def one(value, dtype=np.float32):
        return np.array([value], dtype=dtype)

    assert yolox.parse({"image": one(street.encoded, object)}, {}) == Query(street)
    query = yolox.parse(
        {
            "image": one(street.encoded, object),
            "min_score": one(0.5),
            "max_overlap": one(0.25),
            "labels": np.array([b"person", b"cat"], dtype=object),
            "max_results": one(7, np.int32),
        },
        {},
    )
    assert query == Query(street, 0.5, 0.25, ("person", "cat"), 7)
    with pytest.raises(InvalidArgument, match="UTF-8"):
        yolox.parse({"image": one(b"", object), "labels": one(b"\xff", object)}, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"labels": "missing.txt"}, "LABELS"),
        ({"input": {"size": (320, 320)}}, "WEIGHTS"),
        ({"labels": "short.txt"}, "WEIGHTS"),
        ({"labels": "double.txt"}, "LABELS"),
    ],
)
def test_a_model_yaml_that_does_not_fit_the_weights_is_refused(repository, change, reason):
    config = repository.find("yolox-nano")
    (config.folder / "short.txt").write_text("cat\ndog\n")
    (config.folder / "double.txt").write_text("cat\ncat\n")
    options = type(config.options).model_validate(config.options.model_dump() | change)
    with pytest.raises(FailedPrecondition) as caught:
        Model(config.model_copy(update={"options": options}), Device()).load()
    assert caught.value.reason == reason
