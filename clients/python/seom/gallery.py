"""Galleries of people: what is kept of them, who is on a picture, and the calls behind."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from seom import faces, images, methods
from seom.call import Answer, Call
from seom.detection import Box, check_limit
from seom.faces import FaceQuality, Landmarks
from seom.pb.v1 import gallery_pb2
from seom.timing import Timing

PAGE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of a person; the picture itself is there only if it was `kept`.

    id: made by the server
    model: what embedded the face, `name@version`
    """

    id: str
    quality: FaceQuality
    model: str
    created: datetime
    kept: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a gallery.

    etag: another one after every change; give it back to change what you have seen
    photographs: in the order they came; empty in a list of people, where `count` tells
    """

    name: str
    etag: str
    photographs: tuple[Photograph, ...]
    count: int
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """One of your galleries, and how much is in it."""

    name: str
    persons: int
    photographs: int
    created: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person a face may be; `similarity` is to the nearest of the person's photographs."""

    person: str
    similarity: float
    photograph: str


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """One face of a picture, and who it is.

    person: the name; None for a stranger
    similarity: the cosine to the nearest person, stranger or not, -1 to 1; None in an
        empty gallery
    margin: how much nearer the nearest is than the second; None with less than two people
    candidates: the nearest people, as many as were asked for
    """

    person: str | None
    similarity: float | None
    margin: float | None
    candidates: tuple[Candidate, ...]
    box: Box
    score: float
    landmarks: Landmarks | None
    quality: FaceQuality


@dataclass(frozen=True, slots=True)
class Identified(Sequence[IdentifiedFace]):
    """Everyone on one picture, best found first.

    threshold: the similarity from which a face is a person's
    size: (width, height) of the upright picture the boxes refer to
    """

    faces: tuple[IdentifiedFace, ...]
    threshold: float
    model: str
    version: str
    size: tuple[int, int]
    timing: Timing

    def __iter__(self) -> Iterator[IdentifiedFace]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> IdentifiedFace: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[IdentifiedFace]: ...
    def __getitem__(self, index: int | slice) -> IdentifiedFace | Sequence[IdentifiedFace]:
        return self.faces[index]


@dataclass(frozen=True, slots=True)
class PersonVerification:
    """Whether a picture shows a certain person; from `threshold` on it does.

    photograph: the id of the most similar one
    """

    same_person: bool
    similarity: float
    threshold: float
    face: faces.Face
    photograph: str
    model: str
    version: str
    timing: Timing


@dataclass(frozen=True, slots=True)
class ExportedPhotograph:
    """One photograph with all that is kept of it.

    embedding: (d,) float32 of length 1
    image: the picture's file; None where it was not kept
    """

    person: str
    photograph: Photograph
    embedding: NDArray[np.float32] = field(compare=False, repr=False)
    image: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and what to ask for the next by; "" after the last."""

    items: tuple[Any, ...]
    token: str


def enroll(
    gallery: str,
    person: str,
    photos: Sequence[images.Photo],
    *,
    keep_images: bool,
    request_id: str,
    model: str,
) -> Call[Person]:
    request = gallery_pb2.EnrollRequest(
        model_name=model,
        gallery=gallery,
        person=person,
        images=[images.message(photo) for photo in faces.several(photos)],
        # So that sending it again, when an answer was lost, enrols nobody twice.
        request_id=request_id or uuid.uuid4().hex,
        keep_images=keep_images,
    )
    return Call(methods.ENROLL, request, _person_of, model)


def add(
    gallery: str,
    person: str,
    photos: Sequence[images.Photo],
    *,
    keep_images: bool,
    request_id: str,
    etag: str,
    model: str,
) -> Call[Person]:
    request = gallery_pb2.AddPhotographsRequest(
        model_name=model,
        gallery=gallery,
        person=person,
        images=[images.message(photo) for photo in faces.several(photos)],
        request_id=request_id or uuid.uuid4().hex,
        keep_images=keep_images,
        etag=etag,
    )
    return Call(methods.ADD_PHOTOGRAPHS, request, _person_of, model)


def identify(
    gallery: str,
    photo: images.Photo,
    *,
    threshold: float | None,
    top_k: int,
    min_score: float | None,
    min_size: float | None,
    max_results: int,
    model: str,
) -> Call[Identified]:
    check_limit(max_results)
    if top_k < 0:
        raise ValueError(f"top_k: {top_k} is no number of candidates")
    request = gallery_pb2.IdentifyRequest(
        model_name=model,
        gallery=gallery,
        image=images.message(photo),
        threshold=threshold,
        top_k=top_k,
        min_score=min_score,
        min_size=min_size,
        max_results=max_results,
    )
    return Call(methods.IDENTIFY, request, _identified, model)


def verify(
    gallery: str,
    person: str,
    photo: images.Photo,
    *,
    threshold: float | None,
    min_score: float | None,
    min_size: float | None,
    choice: Literal["largest", "only"],
    model: str,
) -> Call[PersonVerification]:
    request = gallery_pb2.VerifyPersonRequest(
        model_name=model,
        gallery=gallery,
        person=person,
        image=images.message(photo),
        threshold=threshold,
        min_score=min_score,
        min_size=min_size,
        choice=faces.chosen(choice, "largest", "only"),
    )
    return Call(methods.VERIFY_PERSON, request, _verified, model)


def persons(gallery: str, token: str, model: str) -> Call[Page]:
    request = gallery_pb2.ListPersonsRequest(
        model_name=model, gallery=gallery, page_size=PAGE, page_token=token
    )
    return Call(methods.LIST_PERSONS, request, _persons, model)


def get(gallery: str, person: str, model: str) -> Call[Person]:
    request = gallery_pb2.GetPersonRequest(model_name=model, gallery=gallery, person=person)
    return Call(methods.GET_PERSON, request, _person_of, model)


def rename(gallery: str, person: str, new_name: str, etag: str, model: str) -> Call[Person]:
    request = gallery_pb2.RenamePersonRequest(
        model_name=model, gallery=gallery, person=person, new_name=new_name, etag=etag
    )
    return Call(methods.RENAME_PERSON, request, _person_of, model)


def delete(gallery: str, person: str, etag: str, model: str) -> Call[None]:
    request = gallery_pb2.DeletePersonRequest(
        model_name=model, gallery=gallery, person=person, etag=etag
    )
    return Call(methods.DELETE_PERSON, request, _nothing, model)


def delete_photograph(
    gallery: str, person: str, photograph: str, etag: str, model: str
) -> Call[Person]:
    request = gallery_pb2.DeletePhotographRequest(
        model_name=model, gallery=gallery, person=person, photograph=photograph, etag=etag
    )
    return Call(methods.DELETE_PHOTOGRAPH, request, _person_of, model)


def delete_gallery(gallery: str, model: str) -> Call[None]:
    request = gallery_pb2.DeleteGalleryRequest(model_name=model, gallery=gallery)
    return Call(methods.DELETE_GALLERY, request, _nothing, model)


def galleries(token: str, model: str) -> Call[Page]:
    request = gallery_pb2.ListGalleriesRequest(model_name=model, page_size=PAGE, page_token=token)
    return Call(methods.LIST_GALLERIES, request, _galleries, model)


def export(gallery: str, model: str) -> gallery_pb2.ExportGalleryRequest:
    return gallery_pb2.ExportGalleryRequest(model_name=model, gallery=gallery)


def exported(message: gallery_pb2.ExportGalleryResponse) -> ExportedPhotograph:
    return ExportedPhotograph(
        message.person,
        _photograph(message.photograph),
        np.array(message.embedding, np.float32),
        message.image or None,
    )


def _person_of(response: Any, answer: Answer) -> Person:
    return _person(response.person)


def _person(message: gallery_pb2.Person) -> Person:
    return Person(
        message.name,
        message.etag,
        tuple(map(_photograph, message.photographs)),
        message.photograph_count,
        _time(message.created_us),
        _time(message.updated_us),
    )


def _photograph(message: gallery_pb2.Photograph) -> Photograph:
    return Photograph(
        message.id,
        faces.quality(message.quality),
        message.model,
        _time(message.created_us),
        message.kept,
    )


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _identified(response: gallery_pb2.IdentifyResponse, answer: Answer) -> Identified:
    return Identified(
        tuple(map(_identified_face, response.faces)),
        response.threshold,
        response.model_name,
        response.model_version,
        (response.image_width, response.image_height),
        answer.timing_of(response),
    )


def _identified_face(message: gallery_pb2.IdentifiedFace) -> IdentifiedFace:
    face = faces.face(message.face)
    candidates = tuple(
        Candidate(each.person, each.similarity, each.photograph) for each in message.candidates
    )
    return IdentifiedFace(
        message.person or None,
        candidates[0].similarity if candidates else None,
        message.margin if message.HasField("margin") else None,
        candidates,
        face.box,
        face.score,
        face.landmarks,
        face.quality,
    )


def _verified(response: gallery_pb2.VerifyPersonResponse, answer: Answer) -> PersonVerification:
    return PersonVerification(
        response.same_person,
        response.similarity,
        response.threshold,
        faces.face(response.face),
        response.photograph,
        response.model_name,
        response.model_version,
        answer.timing_of(response),
    )


def _persons(response: gallery_pb2.ListPersonsResponse, answer: Answer) -> Page:
    return Page(tuple(map(_person, response.persons)), response.next_page_token)


def _galleries(response: gallery_pb2.ListGalleriesResponse, answer: Answer) -> Page:
    found = (
        GalleryInfo(
            each.name,
            each.person_count,
            each.photograph_count,
            _time(each.created_us),
            _time(each.updated_us),
        )
        for each in response.galleries
    )
    return Page(tuple(found), response.next_page_token)


def _nothing(response: Any, answer: Answer) -> None:
    return None
