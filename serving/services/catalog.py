"""Every service and RPC this server speaks, read from the descriptors.

Ray Serve dispatches on an RPC's bare name, so names are unique over all services;
`CATALOG` refuses to be built otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2

from seom.pb.health.v1 import health_pb2
from seom.pb.inference import grpc_service_pb2
from seom.pb.v1 import (
    chat_pb2,
    classification_pb2,
    detection_pb2,
    embedding_pb2,
    face_pb2,
    gallery_pb2,
    synthesis_pb2,
)

HEALTH = "grpc.health.v1.Health"
REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
OPEN_INFERENCE = "inference.GRPCInferenceService"


@dataclass(frozen=True)
class Rpc:
    """One method: `/service/name` with its message classes and its kind."""

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool


def _rpcs(service: Any, full_name: str | None = None) -> list[Rpc]:
    return [
        Rpc(
            service=full_name or service.full_name,
            name=method.name,
            request=GetMessageClass(method.input_type),
            response=GetMessageClass(method.output_type),
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
        )
        for method in service.methods
    ]


def _catalog() -> dict[str, list[Rpc]]:
    reflection = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    services = [
        _rpcs(grpc_service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]),
        _rpcs(chat_pb2.DESCRIPTOR.services_by_name["ChatService"]),
        _rpcs(classification_pb2.DESCRIPTOR.services_by_name["ClassificationService"]),
        _rpcs(detection_pb2.DESCRIPTOR.services_by_name["DetectionService"]),
        _rpcs(embedding_pb2.DESCRIPTOR.services_by_name["EmbeddingService"]),
        _rpcs(face_pb2.DESCRIPTOR.services_by_name["FaceService"]),
        _rpcs(gallery_pb2.DESCRIPTOR.services_by_name["GalleryService"]),
        _rpcs(synthesis_pb2.DESCRIPTOR.services_by_name["SynthesisService"]),
        _rpcs(health_pb2.DESCRIPTOR.services_by_name["Health"]),
        # v1 of reflection has v1alpha's messages under another name, and one RPC.
        *(_rpcs(reflection, name) for name in REFLECTION),
    ]
    by_name: dict[str, Rpc] = {}
    for rpc in (rpc for service in services for rpc in service):
        other = by_name.setdefault(rpc.name, rpc)
        assert other is rpc or {rpc.service, other.service} == set(REFLECTION), (
            f"RPC {rpc.name} is in {rpc.service} and {other.service}. This is a bug."
        )
    return {service[0].service: service for service in services}


CATALOG: dict[str, list[Rpc]] = _catalog()
RPCS: dict[str, Rpc] = {rpc.name: rpc for service in CATALOG.values() for rpc in service}

# Service → the family whose default model answers when a request names none.
DEFAULT_FAMILIES: dict[str, str] = {
    "seom.v1.ChatService": "chat",
    "seom.v1.ClassificationService": "classification",
    "seom.v1.DetectionService": "detection",
    "seom.v1.EmbeddingService": "embedding",
    "seom.v1.FaceService": "face",
    "seom.v1.GalleryService": "face",
    "seom.v1.SynthesisService": "synthesis",
}
