"""The galleries of the SDK's test server: a person for each name, in memory, no faces."""

from __future__ import annotations

from typing import Any

import grpc

from seom.pb.v1 import face_pb2, gallery_pb2, gallery_pb2_grpc


class Galleries(gallery_pb2_grpc.GalleryServiceServicer):
    """Knows Mina on every picture, and nobody else; pages have two people."""

    def __init__(self, server: Any, boxes: Any) -> None:
        self.server = server
        self.boxes = boxes
        self.people = ["Mina", "Jun", "Sora"]

    def Enroll(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "Enroll")
        return gallery_pb2.EnrollResponse(person=self._person(request.person, len(request.images)))

    def AddPhotographs(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "AddPhotographs")
        if request.etag not in ("", "1-1"):
            context.abort(grpc.StatusCode.ABORTED, "somebody else was first")
        return gallery_pb2.EnrollResponse(person=self._person(request.person, len(request.images)))

    def Identify(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "Identify")
        response = gallery_pb2.IdentifyResponse(threshold=0.5, image_width=64, image_height=48)
        for box, similarity in zip(self.boxes, (0.8, 0.1), strict=True):
            face = response.faces.add(face=face_pb2.Face(box=box, score=0.9), margin=similarity / 2)
            face.person = "Mina" if similarity > 0.5 else ""
            face.candidates.add(person="Mina", similarity=similarity, photograph="p1")
        response.timing.CopyFrom(self.server.timing)
        return response

    def VerifyPerson(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "VerifyPerson")
        same = request.person == "Mina"
        face = face_pb2.Face(box=self.boxes[0], score=0.9)
        return gallery_pb2.VerifyPersonResponse(
            same_person=same, similarity=0.75, threshold=0.5, face=face, photograph="p1"
        )

    def ListPersons(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "ListPersons")
        start = int(request.page_token or 0)
        part = self.people[start : start + 2]
        more = start + 2 < len(self.people)
        return gallery_pb2.ListPersonsResponse(
            persons=[self._person(name, 0) for name in part],
            next_page_token=str(start + 2) if more else "",
        )

    def GetPerson(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "GetPerson")
        return gallery_pb2.GetPersonResponse(person=self._person(request.person, 1))

    def RenamePerson(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "RenamePerson")
        return gallery_pb2.RenamePersonResponse(person=self._person(request.new_name, 1))

    def DeletePerson(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "DeletePerson")
        return gallery_pb2.DeletePersonResponse()

    def DeletePhotograph(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "DeletePhotograph")
        return gallery_pb2.DeletePhotographResponse(person=self._person(request.person, 1))

    def ListGalleries(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "ListGalleries")
        names = {"": ("kim", "lee"), "lee": ("park",)}[request.page_token]
        galleries = [gallery_pb2.Gallery(name=name, person_count=3) for name in names]
        return gallery_pb2.ListGalleriesResponse(
            galleries=galleries, next_page_token="" if request.page_token else "lee"
        )

    def DeleteGallery(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "DeleteGallery")
        return gallery_pb2.DeleteGalleryResponse()

    def ExportGallery(self, request: Any, context: Any) -> Any:
        self._arrive(context, request, "ExportGallery")
        for number, name in enumerate(self.people):
            yield gallery_pb2.ExportGalleryResponse(
                person=name,
                photograph=gallery_pb2.Photograph(id=f"p{number}", kept=number == 0),
                embedding=[1, 0],
                image=b"jpeg" if number == 0 else b"",
            )
        if request.gallery == "broken":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the galleries' database does not answer")

    def _arrive(self, context: Any, request: Any, method: str) -> None:
        self.server.arrive(context, request, method, request.model_name)

    def _person(self, name: str, photographs: int) -> Any:
        person = gallery_pb2.Person(name=name, etag="1-1", photograph_count=photographs)
        person.created_us = person.updated_us = 1_500_000
        for number in range(photographs):
            person.photographs.add(id=f"p{number}", model="faces@1", created_us=1_500_000)
        return person
