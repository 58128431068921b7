"""seom.v1.DetectionService.DetectVideo: what a stream asks for, and the answers to its frames.

A frame is looked at as a `DetectRequest`; what is wrong with it is told in the words of
the stream, where the picture is `frame` and everything else stands in the first message.
"""

from __future__ import annotations

from dataclasses import dataclass

from seom.pb.v1 import detection_pb2 as pb
from serving.errors import InvalidArgument, NotFound, PermissionDenied, ServingError
from serving.services.fields import Fields
from serving.services.status import shorten

MOST_FURTHER_MODELS = 15

_POLICIES = {pb.LATE_POLICY_UNSPECIFIED, pb.LATE_POLICY_WAIT, pb.LATE_POLICY_DROP}
# Trouble with a model that its next frame would meet again.
_LASTING = (NotFound, PermissionDenied)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stream's first message asks for.

    models: take turns in this order; "" is the service's default
    every: every n-th frame is looked at
    drops: whether a late frame gives way to a newer one; else it waits
    """

    models: tuple[str, ...]
    every: int
    drops: bool
    settings: pb.VideoSettings

    def request(self, turn: int, message: pb.DetectVideoRequest) -> pb.DetectRequest:
        """The frame that is looked at as number `turn`, as the request of its model."""
        settings = self.settings
        request = pb.DetectRequest(
            model_name=self.models[turn % len(self.models)],
            labels=settings.labels,
            max_results=settings.max_results,
        )
        if message.HasField("frame"):
            request.image.CopyFrom(message.frame)
        for name in ("min_score", "max_overlap"):
            if settings.HasField(name):
                setattr(request, name, getattr(settings, name))
        return request

    def in_its_words(self, error: ServingError, turn: int) -> ServingError:
        """An error of that request, its fields named as the stream's client knows them."""
        if not isinstance(error, InvalidArgument) or not error.fields:
            return error
        fields = [(self._path(path, turn % len(self.models)), text) for path, text in error.fields]
        message = "; ".join(f"{path}: {text}" for path, text in fields)
        return InvalidArgument(message, fields=fields, reason=error.reason, metadata=error.metadata)

    def _path(self, path: str, model: int) -> str:
        if path == "model_name":
            return f"settings.further_models[{model - 1}]" if model else path
        if path == "image" or path.startswith("image."):
            return "frame" + path.removeprefix("image")
        return f"settings.{path}"


def parse_video(first: pb.DetectVideoRequest) -> Plan:
    """Reads a stream's first message; raises InvalidArgument naming every field that is wrong.

    Labels are the model's to judge, and it does so with its first frame.
    """
    settings = first.settings
    fields = Fields(settings)
    fields.number("min_score", 0, 1, within="settings.")
    fields.number("max_overlap", 0, 1, within="settings.")
    if settings.when_late not in _POLICIES:
        fields.wrong("settings.when_late", f"must be WAIT or DROP, not {settings.when_late}")
    further = settings.further_models
    if len(further) > MOST_FURTHER_MODELS:
        problem = f"has {len(further)} models; send at most {MOST_FURTHER_MODELS}"
        fields.wrong("settings.further_models", problem)
    for index, name in enumerate(further):
        if not name:
            fields.wrong(f"settings.further_models[{index}]", "is empty; name the model")
    fields.check()
    return Plan(
        models=(first.model_name, *further),
        every=max(1, settings.every),
        drops=settings.when_late == pb.LATE_POLICY_DROP,
        settings=settings,
    )


def check_later(message: pb.DetectVideoRequest, plan: Plan) -> None:
    """Raises InvalidArgument for a later message that says what only the first may say."""
    fields = Fields(message)
    if message.HasField("settings"):
        fields.wrong("settings", "belong into the first message alone")
    if message.model_name not in ("", plan.models[0]):
        fields.wrong("model_name", "may not change; open a stream for another model")
    fields.check()


def ends_stream(error: ServingError) -> bool:
    """Whether an error lies in what the first message says, not in one frame."""
    if isinstance(error, InvalidArgument):
        return any(not path.startswith("frame") for path, _ in error.fields)
    return isinstance(error, _LASTING)


def detected(answer: pb.DetectResponse, frame_id: int) -> pb.DetectVideoResponse:
    return pb.DetectVideoResponse(
        model_name=answer.model_name,
        model_version=answer.model_version,
        detections=answer.detections,
        image_width=answer.image_width,
        image_height=answer.image_height,
        frame_id=frame_id,
        outcome=pb.FRAME_OUTCOME_DETECTED,
        timing=answer.timing,
    )


def skipped(frame_id: int) -> pb.DetectVideoResponse:
    return pb.DetectVideoResponse(frame_id=frame_id, outcome=pb.FRAME_OUTCOME_SKIPPED)


def dropped(frame_id: int) -> pb.DetectVideoResponse:
    return pb.DetectVideoResponse(frame_id=frame_id, outcome=pb.FRAME_OUTCOME_DROPPED)


def failed(error: ServingError, model: str, frame_id: int) -> pb.DetectVideoResponse:
    """The answer to a frame that could not be looked at; `model` was to do it."""
    return pb.DetectVideoResponse(
        model_name=model,
        frame_id=frame_id,
        outcome=pb.FRAME_OUTCOME_FAILED,
        error=pb.FrameError(
            status=int(error.status), reason=error.reason, message=shorten(error.message)
        ),
    )
