"""Every RPC the SDK calls: its path, its messages, and whether it may be retried.

An RPC is idempotent here when carrying it out twice does what once does; only those
are sent again after UNAVAILABLE. Streams never are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from google.protobuf.message import Message

from seom import _health
from seom.pb.inference import grpc_service_pb2 as oip
from seom.pb.v1 import (
    chat_pb2,
    classification_pb2,
    detection_pb2,
    embedding_pb2,
    face_pb2,
    gallery_pb2,
    synthesis_pb2,
)

Request = TypeVar("Request")
Response = TypeVar("Response")
RequestMessage = TypeVar("RequestMessage", bound=Message)
ResponseMessage = TypeVar("ResponseMessage", bound=Message)

# One message or many, each way; the name a channel makes such calls by.
Shape: TypeAlias = Literal["unary_unary", "unary_stream", "stream_stream"]


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    """One RPC; `path` is `/package.Service/Name`."""

    path: str
    serialize: Callable[[Request], bytes]
    deserialize: Callable[[bytes], Response]
    idempotent: bool
    shape: Shape = "unary_unary"

    @property
    def service(self) -> str:
        return self.path.split("/")[1]

    @property
    def name(self) -> str:
        return self.path.split("/")[2]


def _method(
    path: str,
    request: type[RequestMessage],
    response: type[ResponseMessage],
    *,
    idempotent: bool = True,
    shape: Shape = "unary_unary",
) -> Method[RequestMessage, ResponseMessage]:
    idempotent = idempotent and shape == "unary_unary"
    return Method(path, request.SerializeToString, response.FromString, idempotent, shape)


def _inference(
    name: str,
    request: type[RequestMessage],
    response: type[ResponseMessage],
    *,
    idempotent: bool = True,
    shape: Shape = "unary_unary",
) -> Method[RequestMessage, ResponseMessage]:
    path = f"/inference.GRPCInferenceService/{name}"
    return _method(path, request, response, idempotent=idempotent, shape=shape)


DETECT = _method(
    "/seom.v1.DetectionService/Detect", detection_pb2.DetectRequest, detection_pb2.DetectResponse
)
DETECT_VIDEO = _method(
    "/seom.v1.DetectionService/DetectVideo",
    detection_pb2.DetectVideoRequest,
    detection_pb2.DetectVideoResponse,
    shape="stream_stream",
)

DETECT_FACES = _method(
    "/seom.v1.FaceService/DetectFaces", face_pb2.DetectFacesRequest, face_pb2.DetectFacesResponse
)
EMBED_FACES = _method(
    "/seom.v1.FaceService/EmbedFaces", face_pb2.EmbedFacesRequest, face_pb2.EmbedFacesResponse
)
VERIFY_FACES = _method(
    "/seom.v1.FaceService/VerifyFaces", face_pb2.VerifyFacesRequest, face_pb2.VerifyFacesResponse
)


def _gallery(
    name: str,
    request: type[RequestMessage],
    response: type[ResponseMessage],
    *,
    idempotent: bool = True,
    shape: Shape = "unary_unary",
) -> Method[RequestMessage, ResponseMessage]:
    path = f"/seom.v1.GalleryService/{name}"
    return _method(path, request, response, idempotent=idempotent, shape=shape)


# Enrolments carry an id of their own, under which they are carried out once.
ENROLL = _gallery("Enroll", gallery_pb2.EnrollRequest, gallery_pb2.EnrollResponse)
ADD_PHOTOGRAPHS = _gallery(
    "AddPhotographs", gallery_pb2.AddPhotographsRequest, gallery_pb2.EnrollResponse
)
IDENTIFY = _gallery("Identify", gallery_pb2.IdentifyRequest, gallery_pb2.IdentifyResponse)
VERIFY_PERSON = _gallery(
    "VerifyPerson", gallery_pb2.VerifyPersonRequest, gallery_pb2.VerifyPersonResponse
)
LIST_PERSONS = _gallery(
    "ListPersons", gallery_pb2.ListPersonsRequest, gallery_pb2.ListPersonsResponse
)
GET_PERSON = _gallery("GetPerson", gallery_pb2.GetPersonRequest, gallery_pb2.GetPersonResponse)
RENAME_PERSON = _gallery(
    "RenamePerson",
    gallery_pb2.RenamePersonRequest,
    gallery_pb2.RenamePersonResponse,
    idempotent=False,
)
DELETE_PERSON = _gallery(
    "DeletePerson",
    gallery_pb2.DeletePersonRequest,
    gallery_pb2.DeletePersonResponse,
    idempotent=False,
)
DELETE_PHOTOGRAPH = _gallery(
    "DeletePhotograph",
    gallery_pb2.DeletePhotographRequest,
    gallery_pb2.DeletePhotographResponse,
    idempotent=False,
)
LIST_GALLERIES = _gallery(
    "ListGalleries", gallery_pb2.ListGalleriesRequest, gallery_pb2.ListGalleriesResponse
)
DELETE_GALLERY = _gallery(
    "DeleteGallery",
    gallery_pb2.DeleteGalleryRequest,
    gallery_pb2.DeleteGalleryResponse,
    idempotent=False,
)
EXPORT_GALLERY = _gallery(
    "ExportGallery",
    gallery_pb2.ExportGalleryRequest,
    gallery_pb2.ExportGalleryResponse,
    shape="unary_stream",
)

CHAT = _method("/seom.v1.ChatService/Chat", chat_pb2.ChatRequest, chat_pb2.ChatResponse)
CHAT_STREAM = _method(
    "/seom.v1.ChatService/ChatStream",
    chat_pb2.ChatRequest,
    chat_pb2.ChatDelta,
    shape="unary_stream",
)
COMPLETE = _method("/seom.v1.ChatService/Complete", chat_pb2.CompleteRequest, chat_pb2.ChatResponse)
COMPLETE_STREAM = _method(
    "/seom.v1.ChatService/CompleteStream",
    chat_pb2.CompleteRequest,
    chat_pb2.ChatDelta,
    shape="unary_stream",
)
SCORE = _method("/seom.v1.ChatService/Score", chat_pb2.ScoreRequest, chat_pb2.ScoreResponse)

EMBED = _method(
    "/seom.v1.EmbeddingService/Embed", embedding_pb2.EmbedRequest, embedding_pb2.EmbedResponse
)
CLASSIFY = _method(
    "/seom.v1.ClassificationService/Classify",
    classification_pb2.ClassifyRequest,
    classification_pb2.ClassifyResponse,
)

SYNTHESIZE = _method(
    "/seom.v1.SynthesisService/Synthesize",
    synthesis_pb2.SynthesizeRequest,
    synthesis_pb2.SynthesizeResponse,
    shape="unary_stream",
)
ANIMATE = _method(
    "/seom.v1.SynthesisService/Animate",
    synthesis_pb2.AnimateRequest,
    synthesis_pb2.AnimateResponse,
    shape="unary_stream",
)

INFER = _inference("ModelInfer", oip.ModelInferRequest, oip.ModelInferResponse)
STREAM_INFER = _inference(
    "ModelStreamInfer", oip.ModelInferRequest, oip.ModelStreamInferResponse, shape="stream_stream"
)

SERVER_LIVE = _inference("ServerLive", oip.ServerLiveRequest, oip.ServerLiveResponse)
SERVER_READY = _inference("ServerReady", oip.ServerReadyRequest, oip.ServerReadyResponse)
MODEL_READY = _inference("ModelReady", oip.ModelReadyRequest, oip.ModelReadyResponse)
SERVER_METADATA = _inference(
    "ServerMetadata", oip.ServerMetadataRequest, oip.ServerMetadataResponse
)
MODEL_METADATA = _inference("ModelMetadata", oip.ModelMetadataRequest, oip.ModelMetadataResponse)
MODEL_CONFIG = _inference("ModelConfig", oip.ModelConfigRequest, oip.ModelConfigResponse)
MODEL_STATISTICS = _inference(
    "ModelStatistics", oip.ModelStatisticsRequest, oip.ModelStatisticsResponse
)
INDEX = _inference("RepositoryIndex", oip.RepositoryIndexRequest, oip.RepositoryIndexResponse)
LOAD = _inference(
    "RepositoryModelLoad",
    oip.RepositoryModelLoadRequest,
    oip.RepositoryModelLoadResponse,
    idempotent=False,
)
UNLOAD = _inference(
    "RepositoryModelUnload",
    oip.RepositoryModelUnloadRequest,
    oip.RepositoryModelUnloadResponse,
    idempotent=False,
)

HEALTH: Method[str, _health.Health] = Method(
    "/grpc.health.v1.Health/Check", _health.serialize, _health.deserialize, idempotent=True
)

ALL: tuple[Method[object, object], ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Method)
)
