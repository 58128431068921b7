"""Answers of seom.v1.GalleryService: what a replica keeps and finds, as protobuf.

None has the model's name, its version and the timing yet: these are the replica's to add.
"""

from __future__ import annotations

from seom.pb.v1 import gallery_pb2 as pb
from serving.gallery.types import Exported, Gallery, Identity, Person, Photograph
from serving.models.face.types import Found
from serving.services.face import build_detect_faces


def person_message(person: Person) -> pb.Person:
    return pb.Person(
        name=person.name,
        etag=person.etag,
        photographs=map(photograph_message, person.photographs),
        photograph_count=person.count,
        created_us=person.created,
        updated_us=person.updated,
    )


def photograph_message(photograph: Photograph) -> pb.Photograph:
    message = pb.Photograph(
        id=photograph.id,
        model=photograph.model,
        created_us=photograph.created,
        kept=photograph.kept,
    )
    quality = photograph.quality
    message.quality.size = quality.size
    for name in ("sharpness", "yaw", "pitch", "roll"):
        if (value := getattr(quality, name)) is not None:
            setattr(message.quality, name, value)
    return message


def gallery_message(gallery: Gallery) -> pb.Gallery:
    return pb.Gallery(
        name=gallery.name,
        person_count=gallery.persons,
        photograph_count=gallery.photographs,
        created_us=gallery.created,
        updated_us=gallery.updated,
    )


def exported_message(exported: Exported) -> pb.ExportGalleryResponse:
    return pb.ExportGalleryResponse(
        person=exported.person,
        photograph=photograph_message(exported.photograph),
        embedding=exported.embedding.tolist(),
        image=exported.image or b"",
    )


def identified_message(
    found: Found, identities: list[Identity], threshold: float
) -> pb.IdentifyResponse:
    """found: the face family's result for one picture."""
    seen = build_detect_faces(found)
    response = pb.IdentifyResponse(
        threshold=threshold, image_width=seen.image_width, image_height=seen.image_height
    )
    for face, identity in zip(seen.faces, identities, strict=True):
        face.ClearField("embedding")
        message = response.faces.add(face=face)
        for each in identity.candidates:
            message.candidates.add(
                person=each.person, similarity=each.similarity, photograph=each.photograph
            )
        if identity.margin is not None:
            message.margin = identity.margin
        if identity.candidates and identity.candidates[0].similarity >= threshold:
            message.person = identity.candidates[0].person
    return response


def verified_message(
    found: Found, similarity: float, photograph: str, threshold: float
) -> pb.VerifyPersonResponse:
    (face,) = build_detect_faces(found).faces
    face.ClearField("embedding")
    return pb.VerifyPersonResponse(
        same_person=similarity >= threshold,
        similarity=similarity,
        threshold=threshold,
        face=face,
        photograph=photograph,
    )
