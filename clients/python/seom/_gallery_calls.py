"""The calls behind a gallery's methods: what is asked, and how the answer is read."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np

from seom import faces, images, methods
from seom.call import Answer, Call
from seom.detection import check_limit
from seom.gallery import (
    Candidate,
    ExportedPhotograph,
    GalleryInfo,
    Identified,
    IdentifiedFace,
    Person,
    PersonVerification,
    Photograph,
)
from seom.pb.v1 import gallery_pb2

PAGE = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
