"""seom.v1.DetectionService: protobuf to and from the detection family's dataclasses."""

from __future__ import annotations

import math

from seom.pb.v1 import detection_pb2 as pb
from serving.errors import InvalidArgument
from serving.models.detection.types import Detections, Query
from serving.services.images import picture


def parse_detect(request: pb.DetectRequest) -> Query:
    """Raises InvalidArgument naming every field that is wrong."""
    problems: list[tuple[str, str]] = []
    for name in ("min_score", "max_overlap"):
        value = getattr(request, name)
        if request.HasField(name) and not (math.isfinite(value) and 0 <= value <= 1):
            problems.append((name, f"must lie between 0 and 1, not {value:g}"))
    if not request.HasField("image"):
        problems.append(("image", "is missing; send a JPEG, PNG or WebP file, or pixels"))
    try:
        photo = picture(request.image, "image") if request.HasField("image") else None
    except InvalidArgument as error:
        problems += error.fields
        photo = None
    if problems or photo is None:
        message = "; ".join(f"{path}: {text}" for path, text in problems)
        raise InvalidArgument(message, fields=problems)
    return Query(
        picture=photo,
        min_score=request.min_score if request.HasField("min_score") else None,
        max_overlap=request.max_overlap if request.HasField("max_overlap") else None,
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
