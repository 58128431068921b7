"""DetectVideo's messages: the first one's settings, and errors in the words of the stream."""

from __future__ import annotations

from typing import Any

import pytest

from seom.pb.v1 import common_pb2
from seom.pb.v1 import detection_pb2 as pb
from serving.errors import InvalidArgument, NotFound, Overloaded
from serving.services import video

FRAME = common_pb2.Image(encoded=b"jpeg")


def first(model: str = "m", **settings: Any) -> pb.DetectVideoRequest:
    return pb.DetectVideoRequest(model_name=model, settings=pb.VideoSettings(**settings))


def refused(message: pb.DetectVideoRequest) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as raised:
        video.parse_video(message)
    return dict(raised.value.fields)


def test_every_setting_is_in_the_requests_of_its_models() -> None:
    plan = video.parse_video(
        first(
            further_models=["a", "b"],
            every=3,
            when_late=pb.LATE_POLICY_DROP,
            min_score=0.25,
            max_overlap=0.0,
            labels=["cat"],
            max_results=5,
        )
    )
    assert (plan.models, plan.every, plan.drops) == (("m", "a", "b"), 3, True)
    message = pb.DetectVideoRequest(frame=FRAME, frame_id=9)
    requests = [plan.request(turn, message) for turn in range(4)]
    assert [request.model_name for request in requests] == ["m", "a", "b", "m"]
    assert requests[1] == pb.DetectRequest(
        model_name="a", image=FRAME, min_score=0.25, max_overlap=0.0, labels=["cat"], max_results=5
    )


def test_no_settings_at_all() -> None:
    plan = video.parse_video(pb.DetectVideoRequest())
    assert (plan.models, plan.every, plan.drops) == (("",), 1, False)
    request = plan.request(0, pb.DetectVideoRequest())
    assert request == pb.DetectRequest()
    assert not request.HasField("image")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"min_score": float("nan")}, {"settings.min_score"}),
        ({"min_score": 1.5, "max_overlap": -1}, {"settings.min_score", "settings.max_overlap"}),
        ({"when_late": 7}, {"settings.when_late"}),
        ({"further_models": ["m"] * 16}, {"settings.further_models"}),
        ({"further_models": ["a", ""]}, {"settings.further_models[1]"}),
    ],
)
def test_each_wrong_setting(settings: dict[str, Any], named: set[str]) -> None:
    assert refused(first(**settings)).keys() == named


def test_what_only_the_first_message_may_say() -> None:
    plan = video.parse_video(first())
    video.check_later(pb.DetectVideoRequest(frame=FRAME), plan)
    video.check_later(pb.DetectVideoRequest(model_name="m", frame=FRAME), plan)
    for later, named in (
        (pb.DetectVideoRequest(model_name="other"), "model_name"),
        (pb.DetectVideoRequest(settings=pb.VideoSettings()), "settings"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            video.check_later(later, plan)
        assert dict(raised.value.fields).keys() == {named}


@pytest.mark.parametrize(
    ("turn", "path", "told", "ends"),
    [
        (0, "image.encoded", "frame.encoded", False),
        (0, "image", "frame", False),
        (0, "labels[1]", "settings.labels[1]", True),
        (3, "model_name", "model_name", True),
        (2, "model_name", "settings.further_models[1]", True),
    ],
)
def test_errors_in_the_words_of_the_stream(turn: int, path: str, told: str, ends: bool) -> None:
    plan = video.parse_video(first(further_models=["a", "b"]))
    error = plan.in_its_words(InvalidArgument.field(path, "is bad", reason="WHY"), turn)
    assert (error.message, error.reason) == (f"{told}: is bad", "WHY")
    assert isinstance(error, InvalidArgument)
    assert error.fields == ((told, "is bad"),)
    assert video.ends_stream(error) is ends


def test_what_lasts_ends_the_stream_and_what_passes_does_not() -> None:
    assert video.ends_stream(NotFound("no model"))
    assert not video.ends_stream(Overloaded("full"))
