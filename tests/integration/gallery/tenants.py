"""Two tenants of one cluster, and what a caller of either sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from seom import Client
from seom.pb.v1 import common_pb2
from seom.pb.v1 import gallery_pb2 as pb
from seom.pb.v1.gallery_pb2_grpc import GalleryServiceStub
from tests.conftest import RunningCluster

ACME, OTHER, NARROW = "a-token-of-acme", "a-token-of-other", "a-token-without-faces"
TOKENS: dict[str, dict[str, Any]] = {
    ACME: {"tenant": "acme", "models": ["*"]},
    OTHER: {"tenant": "other", "models": ["*"]},
    NARROW: {"tenant": "acme", "models": ["identity"]},
}

Metadata = Sequence[tuple[str, str | bytes]]

# What the caller of the other tenant says of itself. The edge's own words come last in no case:
# it removes what is sent under their names.
FORGED: dict[str, Metadata] = {
    "nothing": [],
    "tenant": [("x-seom-tenant", "acme")],
    "tenant twice": [("x-seom-tenant", "acme"), ("x-seom-tenant", "acme")],
    "tenant of both": [("x-seom-tenant", "other,acme"), ("x-seom-tenant", "acme;infer;*")],
    "tenant in bytes": [("x-seom-tenant-bin", b"acme")],
    "all the edge says": [
        ("x-seom-edge", "a-guess"),
        ("x-seom-tenant", "acme"),
        ("x-seom-scopes", "infer,admin"),
        ("x-seom-models", "*"),
        ("x-seom-model", "faces"),
        ("x-seom-forwarded", "1"),
        ("x-seom-patient", "1"),
    ],
    "others' names for it": [("tenant", "acme"), ("x-tenant", "acme"), ("x-tenant-id", "acme")],
    "another model's replica": [("application", "identity"), ("x-seom-tenant", "acme")],
    "the dispatcher": [("application", "nobody"), ("x-seom-tenant", "acme")],
    "control": [("application", "_control"), ("x-seom-tenant", "acme")],
}


@dataclass(frozen=True)
class Guarded:
    """A cluster that wants a token."""

    cluster: RunningCluster

    def client(self, token: str, **options: Any) -> Client:
        return Client(self.cluster.address, token=token, timeout=60, **options)

    @contextmanager
    def caller(self, token: str) -> Iterator[Caller]:
        with grpc.insecure_channel(self.cluster.address) as channel:
            yield Caller(GalleryServiceStub(channel), token)


@dataclass(frozen=True)
class Caller:
    """Calls with a token, by raw messages and whatever metadata."""

    stub: Any
    token: str = ""

    def __call__(self, request: Any, metadata: Metadata = (), **options: Any) -> Any:
        """The answer to a request; all of them to one of ExportGallery."""
        method = getattr(self.stub, type(request).__name__.removesuffix("Request"))
        bearer = [("authorization", f"Bearer {self.token}")] if self.token else []
        answer = method(request, metadata=[*bearer, *metadata], timeout=60, **options)
        return list(answer) if isinstance(request, pb.ExportGalleryRequest) else answer

    def refusal(self, request: Any, metadata: Metadata = (), **options: Any) -> grpc.RpcError:
        try:
            answer = self(request, metadata, **options)
        except grpc.RpcError as error:
            return error
        raise AssertionError(f"answered: {answer}")

    def everything(self, gallery: str) -> list[bytes]:
        """What is kept in a gallery, byte for byte."""
        exported = self(pb.ExportGalleryRequest(gallery=gallery))
        for each in exported:
            each.ClearField("timing")
        return [each.SerializeToString(deterministic=True) for each in exported]


@dataclass(frozen=True)
class Two:
    """`acme` keeps Mina and Joe in `kim` and Jun in `lee`; `other` keeps a Mina in its `kim`."""

    acme: Caller
    other: Caller
    mina: pb.Person
    theirs: pb.Person
    picture: common_pb2.Image

    def calls(self, gallery: str) -> list[Any]:
        """Every call that names a gallery; those that would change it among them."""
        picture, photograph = self.picture, self.mina.photographs[0].id
        asked: dict[str, Any] = {"model_name": "faces", "gallery": gallery}
        return [
            pb.EnrollRequest(**asked, person="Sora", images=[picture], request_id="first"),
            pb.AddPhotographsRequest(**asked, person="Jun", images=[picture]),
            pb.IdentifyRequest(**asked, image=picture, threshold=-1, top_k=50),
            pb.VerifyPersonRequest(**asked, person="Jun", image=picture, threshold=-1),
            pb.ListPersonsRequest(**asked),
            pb.GetPersonRequest(**asked, person="Jun"),
            pb.RenamePersonRequest(**asked, person="Jun", new_name="Sora"),
            pb.DeletePersonRequest(**asked, person="Jun"),
            pb.DeletePhotographRequest(**asked, person="Jun", photograph=photograph),
            pb.DeleteGalleryRequest(**asked),
            pb.ExportGalleryRequest(**asked),
        ]
