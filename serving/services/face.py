"""seom.v1.FaceService: protobuf to and from the face family's dataclasses."""

from __future__ import annotations

from typing import Any

from seom.pb.v1 import face_pb2 as pb
from serving.models.face.types import Choice, Faces, Found, Query
from serving.services.fields import Fields

MOST_PICTURES = 16

_CHOICES: dict[int, Choice] = {
    pb.FACE_CHOICE_ALL: "all",
    pb.FACE_CHOICE_LARGEST: "largest",
    pb.FACE_CHOICE_ONLY: "only",
}


def parse_detect_faces(request: pb.DetectFacesRequest) -> Query:
    """Raises InvalidArgument naming every field that is wrong, as all of these do."""
    fields = Fields(request)
    thresholds = _thresholds(fields)
    max_overlap = fields.number("max_overlap", 0, 1)
    picture = fields.picture("image")
    fields.check()
    assert picture is not None
    return Query(
        (picture,),
        "detect",
        max_overlap=max_overlap,
        max_results=request.max_results,
        sharpness=request.sharpness,
        **thresholds,
    )


def parse_embed_faces(request: pb.EmbedFacesRequest) -> Query:
    fields = Fields(request)
    thresholds = _thresholds(fields)
    max_overlap = fields.number("max_overlap", 0, 1)
    choice = _choice(fields, request.choice, "all")
    count = len(request.images)
    if 1 <= count <= MOST_PICTURES:
        images = enumerate(request.images)
        pictures = [fields.image(image, f"images[{index}]") for index, image in images]
    else:
        fields.wrong("images", f"has {count} pictures; send 1 to {MOST_PICTURES}")
        pictures = []
    fields.check()
    return Query(
        tuple(picture for picture in pictures if picture is not None),
        "embed",
        max_overlap=max_overlap,
        max_results=request.max_results,
        choice=choice,
        mirror=_mirror(request),
        **thresholds,
    )


def parse_verify_faces(request: pb.VerifyFacesRequest) -> Query:
    fields = Fields(request)
    thresholds = _thresholds(fields)
    threshold = fields.number("threshold", -1, 1)
    choice = _choice(fields, request.choice, "only")
    if choice == "all":
        fields.wrong("choice", "must be LARGEST or ONLY: one face of each picture is compared")
    first, second = fields.picture("first"), fields.picture("second")
    fields.check()
    assert first is not None
    assert second is not None
    return Query(
        (first, second),
        "verify",
        choice=choice,
        mirror=_mirror(request),
        threshold=threshold,
        **thresholds,
    )


def build_detect_faces(found: Found) -> pb.DetectFacesResponse:
    (picture,) = found.pictures
    width, height = picture.size
    return pb.DetectFacesResponse(faces=_faces(picture), image_width=width, image_height=height)


def build_embed_faces(found: Found) -> pb.EmbedFacesResponse:
    response = pb.EmbedFacesResponse()
    for picture in found.pictures:
        width, height = picture.size
        response.pictures.add(faces=_faces(picture), image_width=width, image_height=height)
    return response


def build_verify_faces(found: Found) -> pb.VerifyFacesResponse:
    (first,), (second,) = map(_faces, found.pictures)
    return pb.VerifyFacesResponse(
        same_person=found.same_person,
        similarity=found.similarity,
        threshold=found.threshold,
        first=first,
        second=second,
    )


def _thresholds(fields: Fields) -> dict[str, Any]:
    return {
        "min_score": fields.number("min_score", 0, 1),
        "min_size": fields.number("min_size", 0),
    }


def _choice(fields: Fields, number: int, default: Choice) -> Choice:
    if number == pb.FACE_CHOICE_UNSPECIFIED:
        return default
    if number not in _CHOICES:
        fields.wrong("choice", f"must be ALL, LARGEST or ONLY, not {number}")
    return _CHOICES.get(number, default)


def _mirror(request: Any) -> bool | None:
    return request.mirror if request.HasField("mirror") else None


def _faces(found: Faces) -> list[pb.Face]:
    """Arrays become lists once: protobuf takes Python's own numbers fastest."""
    boxes, scores = found.boxes.tolist(), found.scores.tolist()
    faces = []
    for (x_min, y_min, x_max, y_max), score in zip(boxes, scores, strict=True):
        face = pb.Face(score=score)
        face.box.x_min, face.box.y_min = x_min, y_min
        face.box.x_max, face.box.y_max = x_max, y_max
        face.quality.size = min(x_max - x_min, y_max - y_min)
        faces.append(face)
    if found.landmarks is not None:
        for face, points in zip(faces, found.landmarks.tolist(), strict=True):
            for x, y in points:
                face.landmarks.add(x=x, y=y)
    if found.sharpness is not None:
        for face, sharpness in zip(faces, found.sharpness.tolist(), strict=True):
            face.quality.sharpness = sharpness
    if found.angles is not None:
        for face, angles in zip(faces, found.angles.tolist(), strict=True):
            face.quality.yaw, face.quality.pitch, face.quality.roll = angles
    if found.embeddings is not None:
        for face, embedding in zip(faces, found.embeddings.tolist(), strict=True):
            face.embedding.extend(embedding)
    return faces
