"""seom.v1.DetectionService: protobuf to and from the detection family's dataclasses."""

from __future__ import annotations

from seom.pb.v1 import detection_pb2 as pb
from serving.models.detection.types import Detections, Query
from serving.services.fields import Fields


def parse_detect(request: pb.DetectRequest) -> Query:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(request)
    min_score = fields.number("min_score", 0, 1)
    max_overlap = fields.number("max_overlap", 0, 1)
    picture = fields.picture("image")
    fields.check()
    assert picture is not None
    return Query(
        picture=picture,
        min_score=min_score,
        max_overlap=max_overlap,
        labels=tuple(request.labels),
        max_results=request.max_results,
    )


def build_detect(result: Detections) -> pb.DetectResponse:
    response = pb.DetectResponse(image_width=result.size[0], image_height=result.size[1])
    rows = zip(
        result.boxes.tolist(),
        result.scores.tolist(),
        result.class_ids.tolist(),
        result.labels,
        strict=True,
    )
    for (x_min, y_min, x_max, y_max), score, class_id, label in rows:
        found = response.detections.add(label=label, class_id=class_id, score=score)
        found.box.x_min, found.box.y_min = x_min, y_min
        found.box.x_max, found.box.y_max = x_max, y_max
    return response
