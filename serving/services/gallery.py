"""Requests of seom.v1.GalleryService: protobuf to what a replica does with its galleries.

The tenant is the edge's word. A gallery that is written `tenant/name` for another one is
PERMISSION_DENIED before anything else is looked at, so that nothing is learnt from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seom.pb.v1 import face_pb2
from seom.pb.v1 import gallery_pb2 as pb
from serving.errors import PermissionDenied
from serving.gallery import names
from serving.gallery.types import Place, Request
from serving.models.face.types import Query
from serving.services.fields import Fields

MOST_PICTURES = 16
MOST_CANDIDATES = 50
PAGE = 100
LONGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Photographs of one person.

    images: the file of each where it is to be kept, else None
    new: whether the person is to be enrolled, else to be added to
    """

    place: Place
    person: str
    query: Query
    images: tuple[bytes | None, ...]
    request: Request
    new: bool
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Identification:
    place: Place
    query: Query
    threshold: float | None
    top_k: int


@dataclass(frozen=True, slots=True)
class Verification:
    place: Place
    person: str
    query: Query
    threshold: float | None


@dataclass(frozen=True, slots=True)
class PersonList:
    place: Place
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Lookup:
    place: Place
    person: str


@dataclass(frozen=True, slots=True)
class Renaming:
    place: Place
    person: str
    new: str
    etag: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """photograph: None erases the person"""

    place: Place
    person: str
    photograph: str | None
    etag: str


@dataclass(frozen=True, slots=True)
class GalleryList:
    tenant: str
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class GalleryErasure:
    place: Place


@dataclass(frozen=True, slots=True)
class Export:
    place: Place


# Requests: each raises InvalidArgument naming every field that is wrong, and
# PermissionDenied for another tenant's gallery.


def parse_enroll(request: pb.EnrollRequest, tenant: str) -> Enrolment:
    return _enrolment(request, tenant, new=True)


def parse_add_photographs(request: pb.AddPhotographsRequest, tenant: str) -> Enrolment:
    return _enrolment(request, tenant, new=False)


def parse_identify(request: pb.IdentifyRequest, tenant: str) -> Identification:
    fields = _Fields(request, tenant)
    place = fields.place()
    threshold, wanted = fields.number("threshold", -1, 1), fields.sizes()
    top_k = request.top_k if request.HasField("top_k") else 1
    if not 1 <= top_k <= MOST_CANDIDATES:
        fields.wrong("top_k", f"must be 1 to {MOST_CANDIDATES}, not {top_k}")
    picture = fields.picture("image")
    fields.check()
    assert picture is not None
    query = Query((picture,), "embed", max_results=request.max_results, choice="all", **wanted)
    return Identification(place, query, threshold, top_k)


def parse_verify_person(request: pb.VerifyPersonRequest, tenant: str) -> Verification:
    fields = _Fields(request, tenant)
    place, person = fields.place(), fields.person("person")
    threshold, wanted = fields.number("threshold", -1, 1), fields.sizes()
    largest = request.choice == face_pb2.FACE_CHOICE_LARGEST
    only = (face_pb2.FACE_CHOICE_UNSPECIFIED, face_pb2.FACE_CHOICE_ONLY)
    if not largest and request.choice not in only:
        fields.wrong("choice", "must be LARGEST or ONLY: one face is compared")
    picture = fields.picture("image")
    fields.check()
    assert picture is not None
    query = Query((picture,), "embed", choice="largest" if largest else "only", **wanted)
    return Verification(place, person, query, threshold)


def parse_list_persons(request: pb.ListPersonsRequest, tenant: str) -> PersonList:
    fields = _Fields(request, tenant)
    place, limit = fields.place(), fields.page_size()
    token = request.page_token or "0"
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        fields.wrong("page_token", "is none that a page has given")
    fields.check()
    return PersonList(place, int(token), limit)


def parse_get_person(request: pb.GetPersonRequest, tenant: str) -> Lookup:
    fields = _Fields(request, tenant)
    place, person = fields.place(), fields.person("person")
    fields.check()
    return Lookup(place, person)


def parse_rename_person(request: pb.RenamePersonRequest, tenant: str) -> Renaming:
    fields = _Fields(request, tenant)
    place, person = fields.place(), fields.person("person")
    new, etag = fields.person("new_name"), fields.optional("etag", names.etag)
    fields.check()
    return Renaming(place, person, new, etag)


def parse_delete_person(request: pb.DeletePersonRequest, tenant: str) -> Erasure:
    fields = _Fields(request, tenant)
    place, person = fields.place(), fields.person("person")
    etag = fields.optional("etag", names.etag)
    fields.check()
    return Erasure(place, person, None, etag)


def parse_delete_photograph(request: pb.DeletePhotographRequest, tenant: str) -> Erasure:
    fields = _Fields(request, tenant)
    place, person = fields.place(), fields.person("person")
    photograph = fields.named("photograph", names.photograph)
    etag = fields.optional("etag", names.etag)
    fields.check()
    return Erasure(place, person, photograph, etag)


def parse_list_galleries(request: pb.ListGalleriesRequest, tenant: str) -> GalleryList:
    fields = _Fields(request, tenant)
    limit = fields.page_size()
    after = fields.optional("page_token", lambda token: names.gallery(token)[1])
    fields.check()
    return GalleryList(tenant, after, limit)


def parse_delete_gallery(request: pb.DeleteGalleryRequest, tenant: str) -> GalleryErasure:
    fields = _Fields(request, tenant)
    place = fields.place()
    fields.check()
    return GalleryErasure(place)


def parse_export_gallery(request: pb.ExportGalleryRequest, tenant: str) -> Export:
    fields = _Fields(request, tenant)
    place = fields.place()
    fields.check()
    return Export(place)


class _Fields(Fields):
    """Fields of a request of a tenant's."""

    def __init__(self, request: Any, tenant: str) -> None:
        super().__init__(request)
        self._asked = request
        self._tenant = tenant

    def place(self) -> Place:
        try:
            tenant, gallery = names.gallery(self._asked.gallery)
        except ValueError as error:
            self.wrong("gallery", str(error))
            return Place(self._tenant, "")
        if tenant not in ("", self._tenant):
            raise PermissionDenied(
                "this token reaches its own tenant's galleries only", reason="OTHER_TENANT"
            )
        return Place(self._tenant, gallery)

    def named(self, name: str, read: Callable[[str], str]) -> str:
        try:
            return read(getattr(self._asked, name))
        except ValueError as error:
            self.wrong(name, str(error))
            return ""

    def person(self, name: str) -> str:
        return self.named(name, names.person)

    def optional(self, name: str, read: Callable[[str], str]) -> str:
        return self.named(name, read) if getattr(self._asked, name) else ""

    def sizes(self) -> dict[str, Any]:
        return {
            "min_score": self.number("min_score", 0, 1),
            "min_size": self.number("min_size", 0),
        }

    def page_size(self) -> int:
        size: int = self._asked.page_size
        if size > LONGEST_PAGE:
            self.wrong("page_size", f"must be at most {LONGEST_PAGE}, not {size}")
        return size or PAGE


def _enrolment(request: Any, tenant: str, *, new: bool) -> Enrolment:
    fields = _Fields(request, tenant)
    place, person = fields.place(), fields.person("person")
    request_id = fields.optional("request_id", names.request_id)
    etag = "" if new else fields.optional("etag", names.etag)
    count = len(request.images)
    pictures = []
    if 1 <= count <= MOST_PICTURES:
        for index, image in enumerate(request.images):
            pictures.append(fields.image(image, f"images[{index}]"))
            if request.keep_images and image.WhichOneof("kind") == "pixels":
                fields.wrong(f"images[{index}].pixels", "only files are kept; send one")
    else:
        fields.wrong("images", f"has {count} pictures; send 1 to {MOST_PICTURES}")
    fields.check()
    kept = tuple(image.encoded if request.keep_images else None for image in request.images)
    query = Query(tuple(each for each in pictures if each is not None), "embed", choice="only")
    asked = Request(request_id, _digest(request) if request_id else b"")
    return Enrolment(place, person, query, kept, asked, new, etag)


def _digest(request: Any) -> bytes:
    """Of all that was asked, under the service's default model or by its name."""
    plain = type(request)()
    plain.CopyFrom(request)
    plain.ClearField("model_name")
    kind = request.DESCRIPTOR.name.encode()
    return hashlib.sha256(kind + plain.SerializeToString(deterministic=True)).digest()
