"""The served networks as models: what they keep to whatever the network gives."""

from __future__ import annotations

import numpy as np
import pytest

from serving.errors import FailedPrecondition
from serving.images.picture import Picture
from serving.models.base import Device
from serving.models.detection import Model
from serving.models.detection.types import Query
from serving.timing import Stage, Timeline

NAMES = ("yolox", "nanodet", "ssd")


@pytest.fixture(params=NAMES)
def model(request):
    return request.getfixturevalue(request.param)


def street(data):
    return Picture(encoded=(data / "images/coco/000000005001.jpg").read_bytes())


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf, 3e38, -3e38, 0.9])
def test_nonsense_from_the_network_is_still_an_answer(model, data, nonsense):
    prepared = model.prepare(Query(street(data), min_score=0.0), Timeline())
    (output,) = model.run([prepared], Timeline())
    random = np.random.default_rng(0)
    for share in (0.01, 1):
        spoilt = [
            np.where(random.random(part.shape) < share, np.float32(nonsense), part)
            for part in output
        ]
        found = model.finish(prepared, spoilt, Timeline())
        assert len(found.labels) <= 300
        assert np.isfinite(found.scores).all()
        assert (found.boxes >= 0).all()
        assert (found.boxes <= found.size * 2).all()
        assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()


def test_a_wish_for_classes_finds_no_others(model, data):
    found, wanted = (
        detect(model, Query(street(data), labels=labels)) for labels in ((), ("person",))
    )
    people = np.array([label == "person" for label in found.labels])
    assert people.sum() >= 5
    assert set(wanted.labels) == {"person"}
    assert np.array_equal(wanted.boxes, found.boxes[people])


def test_no_model_is_held_up_by_a_threshold_of_zero(model, data):
    found = detect(model, Query(street(data), min_score=0.0, max_overlap=0.5))
    assert len(found.labels) > 20
    assert (np.diff(found.scores) <= 0).all()


def test_agnostic_suppression_is_one_line_of_the_configuration(nanodet, data):
    """Wine glasses on this table are cups as well, until they compete."""
    picture = Picture(encoded=(data / "images/coco/000000166918.jpg").read_bytes())
    query = Query(picture, min_score=0.2, max_overlap=0.5)
    several = detect(nanodet, query)
    options = nanodet.config.options
    thresholds = options.thresholds.model_copy(update={"agnostic": True})
    changed = options.model_copy(update={"thresholds": thresholds})
    single = Model(nanodet.config.model_copy(update={"options": changed}), Device())
    single.load()
    assert 0 < len(detect(single, query).labels) < len(several.labels)


def test_what_an_entry_gets_wrong_is_said_at_the_start(repository):
    config = repository.find("ssd-mobilenet-v2")
    for change in ({"decoder": "nanodet"}, {"input": {"size": (256, 256), "scale": 0.5}}):
        options = type(config.options).model_validate(config.options.model_dump() | change)
        with pytest.raises(FailedPrecondition) as caught:
            Model(config.model_copy(update={"options": options}), Device()).load()
        assert caught.value.reason == "WEIGHTS"


def test_one_detector_of_each_profile_is_the_default(repository):
    chosen = [c.name for c in repository.models() if c.family == "detection" and c.default]
    assert chosen == ["yolox-nano"]


def test_every_stage_is_timed(model, data):
    timeline = Timeline()
    detect(model, Query(street(data)), timeline)
    for stage in (Stage.DECODE, Stage.PREPROCESS, Stage.DEVICE, Stage.POSTPROCESS):
        assert (timeline.spent[stage] or 0) > 0


def detect(model, query, timeline=None):
    timeline = timeline or Timeline()
    prepared = model.prepare(query, timeline)
    (output,) = model.run([prepared], timeline)
    return model.finish(prepared, output, timeline)
