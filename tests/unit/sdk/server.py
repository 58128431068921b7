"""A real gRPC server on loopback that answers as seom does, and remembers what it was asked.

What it does is chosen by the model's name: `double` and `echo` compute, a name in
FAILURES fails as it says there, the others are told beside their handlers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as rpc
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from seom.pb.inference import grpc_service_pb2 as oip
from seom.pb.inference import grpc_service_pb2_grpc as oip_grpc
from seom.pb.v1 import (
    chat_pb2_grpc,
    classification_pb2_grpc,
    common_pb2,
    detection_pb2,
    detection_pb2_grpc,
    embedding_pb2_grpc,
    face_pb2,
    face_pb2_grpc,
    gallery_pb2_grpc,
    synthesis_pb2_grpc,
)

from .chat_server import Chat
from .gallery_server import Galleries
from .synthesis_server import Synthesis
from .text_server import Classification, Embedding

TIMING = common_pb2.Timing(
    queue_ns=500_000,
    device_ns=2_000_000,
    total_ns=3_000_000,
    batch_size=4,
    batch_id=7,
    replica="r1",
)
FAILURES: dict[str, tuple[str, str, list[Any]]] = {
    "busy": (
        "RESOURCE_EXHAUSTED",
        "the queue is full",
        [
            rpc.ErrorInfo(reason="QUEUE_FULL", domain="seom.dev", metadata={"limit": "64"}),
            rpc.RetryInfo(retry_delay=Duration(nanos=250_000_000)),
        ],
    ),
    "missing": (
        "NOT_FOUND",
        "no model 'missing'",
        [rpc.ResourceInfo(resource_type="model", resource_name="missing")],
    ),
    "bare": ("INTERNAL", "no details at all", []),
    "aborted": ("ABORTED", "somebody else was first", []),
}
OTHER_CODES = [code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


@dataclass(frozen=True)
class Seen:
    """One call as it arrived."""

    method: str
    metadata: dict[str, Any]
    remaining: float | None
    request: Any


class Server:
    """`unavailable` calls fail with UNAVAILABLE before anything else is done."""

    timing = TIMING

    def __init__(self, *, credentials: Any = None, token: str | None = None) -> None:
        self.seen: list[Seen] = []
        self.unavailable = 0
        self.ready = True
        self.released = threading.Event()  # what `slow` waits for
        self.cancelled = threading.Event()  # a stream's client has gone
        self._token = token
        self._server = grpc.server(
            ThreadPoolExecutor(8),
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
        )
        detection_pb2_grpc.add_DetectionServiceServicer_to_server(_Detection(self), self._server)
        chat_pb2_grpc.add_ChatServiceServicer_to_server(Chat(self), self._server)
        classification_pb2_grpc.add_ClassificationServiceServicer_to_server(
            Classification(self), self._server
        )
        embedding_pb2_grpc.add_EmbeddingServiceServicer_to_server(Embedding(self), self._server)
        face_pb2_grpc.add_FaceServiceServicer_to_server(_Face(self), self._server)
        galleries = Galleries(self, BOXES)
        gallery_pb2_grpc.add_GalleryServiceServicer_to_server(galleries, self._server)
        synthesis_pb2_grpc.add_SynthesisServiceServicer_to_server(Synthesis(self), self._server)
        oip_grpc.add_GRPCInferenceServiceServicer_to_server(_Inference(self), self._server)
        health_servicer = health.HealthServicer()
        health_servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_servicer.set("double", health_pb2.HealthCheckResponse.NOT_SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(health_servicer, self._server)
        port = (
            self._server.add_secure_port("127.0.0.1:0", credentials)
            if credentials
            else self._server.add_insecure_port("127.0.0.1:0")
        )
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    def stop(self) -> None:
        self.released.set()
        self._server.stop(grace=None).wait()

    def refuse(self, context: Any, message: str, details: list[Any]) -> None:
        """Ends a call with INVALID_ARGUMENT."""
        abort(context, "INVALID_ARGUMENT", message, details)

    def arrive(self, context: Any, request: Any, method: str, model: str = "") -> None:
        """Remembers a call, and ends it here if it is to fail."""
        metadata = dict(context.invocation_metadata())
        self.seen.append(Seen(method, metadata, context.time_remaining(), request))
        context.set_trailing_metadata((("seom-timing-bin", TIMING.SerializeToString()),))
        if self._token and metadata.get("authorization") != f"Bearer {self._token}":
            abort(context, "UNAUTHENTICATED", "no valid token")
        if self.unavailable:
            self.unavailable -= 1
            abort(context, "UNAVAILABLE", "starting")
        if model == "slow":
            self.released.wait(timeout=10)
        if model in FAILURES:
            abort(context, *FAILURES[model])
        if model in OTHER_CODES:
            abort(context, model, f"{model} it is")


def abort(context: Any, code: str, message: str, details: list[Any] | None = None) -> None:
    status = Status(code=grpc.StatusCode[code].value[0], message=message)
    for detail in details or ():
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    if details:
        context.set_trailing_metadata(
            (("grpc-status-details-bin", status.SerializeToString()), ("x-request-id", "theirs"))
        )
    context.abort(grpc.StatusCode[code], message)


class _Detection(detection_pb2_grpc.DetectionServiceServicer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def Detect(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "Detect", request.model_name)
        refuse_empty(context, request.image, "image")
        response = detection_pb2.DetectResponse(
            model_name=request.model_name or "yolox",
            model_version="1",
            detections=objects(request.labels),
            image_width=64,
            image_height=48,
        )
        if request.model_name != "trailer-only":
            response.timing.CopyFrom(TIMING)
            response.timing.encode_ns = 1
        return response

    def DetectVideo(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """One answer a frame; an empty picture fails, and models take turns.

        `drowsy` drops every second frame, `chatty` answers twice, and a model in
        OTHER_CODES ends the stream with its first frame.
        """
        context.add_callback(self.server.cancelled.set)
        models: list[str] = []
        for number, request in enumerate(requests):
            if number == 0:
                models = [request.model_name, *request.settings.further_models]
            self.server.arrive(context, request, "DetectVideo")
            model = models[number % len(models)]
            if model in OTHER_CODES:
                abort(context, model, f"{model} it is")
            answer = detection_pb2.DetectVideoResponse(frame_id=request.frame_id, model_name=model)
            if not request.frame.encoded:
                answer.outcome = detection_pb2.FRAME_OUTCOME_FAILED
                answer.error.status, answer.error.reason = 3, "IMAGE_EMPTY"
                answer.error.message = "frame.encoded: is empty"
            elif model == "drowsy" and number % 2:
                answer.outcome = detection_pb2.FRAME_OUTCOME_DROPPED
            else:
                answer.outcome = detection_pb2.FRAME_OUTCOME_DETECTED
                answer.model_version, answer.image_width, answer.image_height = "1", 64, 48
                answer.detections.extend(objects(request.settings.labels))
                answer.timing.CopyFrom(TIMING)
            yield answer
            if model == "chatty":
                yield answer


def refuse_empty(context: Any, image: Any, field: str) -> None:
    if image.WhichOneof("kind") == "encoded" and not image.encoded:
        violation = rpc.BadRequest.FieldViolation(field=field, description="is empty")
        abort(
            context,
            "INVALID_ARGUMENT",
            f"{field}: is empty",
            [
                rpc.ErrorInfo(reason="INVALID_ARGUMENT"),
                rpc.BadRequest(field_violations=[violation]),
            ],
        )


BOXES = (
    common_pb2.Box(x_min=16, y_min=12, x_max=48, y_max=36),
    common_pb2.Box(x_min=10, y_min=10, x_max=20, y_max=20),
)


def objects(labels: Any) -> list[Any]:
    """A cat and a dog, unless only some labels are asked for."""
    return [
        detection_pb2.Detection(label=label, class_id=number, score=score, box=box)
        for label, number, score, box in zip(
            ("cat", "dog"), (15, 16), (0.9, 0.6), BOXES, strict=True
        )
        if not labels or label in labels
    ]


class _Face(face_pb2_grpc.FaceServiceServicer):
    """Two people on every picture; `blind` finds nobody, `plain` has no landmarks."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def DetectFaces(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "DetectFaces", request.model_name)
        refuse_empty(context, request.image, "image")
        faces = people(request.model_name)
        for face in faces:
            if not request.sharpness:
                face.quality.ClearField("sharpness")
        response = face_pb2.DetectFacesResponse(
            faces=faces, image_width=64, image_height=48, timing=TIMING
        )
        return signed(response, request)

    def EmbedFaces(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "EmbedFaces", request.model_name)
        response = face_pb2.EmbedFacesResponse(timing=TIMING)
        alone = request.choice in (face_pb2.FACE_CHOICE_LARGEST, face_pb2.FACE_CHOICE_ONLY)
        for index, image in enumerate(request.images):
            refuse_empty(context, image, f"images[{index}]")
            faces = people(request.model_name, angle=0.3 * index)[: 1 if alone else None]
            response.pictures.add(faces=faces, image_width=64, image_height=48)
        return signed(response, request)

    def VerifyFaces(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "VerifyFaces", request.model_name)
        refuse_empty(context, request.first, "first")
        refuse_empty(context, request.second, "second")
        first, second = (people(request.model_name, angle=angle)[0] for angle in (0, 0.3))
        similarity = float(np.dot(first.embedding, second.embedding))
        threshold = request.threshold if request.HasField("threshold") else 0.5
        response = face_pb2.VerifyFacesResponse(
            same_person=similarity >= threshold,
            similarity=similarity,
            threshold=threshold,
            first=first,
            second=second,
            timing=TIMING,
        )
        return signed(response, request)


def signed(response: Any, request: Any) -> Any:
    response.model_name, response.model_version = request.model_name or "faces", "1"
    return response


def people(model: str, *, angle: float | None = None) -> list[Any]:
    """Two faces, the better first; with an angle, their embeddings point along it."""
    if model == "blind":
        return []
    faces = []
    for box, score in zip(BOXES, (0.9, 0.6), strict=True):
        face = face_pb2.Face(box=box, score=score)
        face.quality.size = min(box.x_max - box.x_min, box.y_max - box.y_min)
        x, y = (box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2
        if model != "plain":
            for right, down in ((-2, -2), (2, -2), (0, box.y_max / 18), (-2, 4), (2, 4)):
                face.landmarks.add(x=x + right, y=int(y + down))
            face.quality.sharpness, face.quality.yaw = 80.0, -10.0
            face.quality.pitch, face.quality.roll = 5.0, 0.0
        if angle is not None:
            face.embedding.extend([np.cos(angle), np.sin(angle)])
        faces.append(face)
    return faces


class _Inference(oip_grpc.GRPCInferenceServiceServicer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def ModelInfer(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ModelInfer", request.model_name)
        return infer(request)

    def ModelStreamInfer(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """Also: `reject` fails inside the stream, `die` ends it, `twice` answers twice."""
        context.add_callback(self.server.cancelled.set)
        for number, request in enumerate(requests):
            self.server.arrive(context, request, "ModelStreamInfer")
            if request.model_name in OTHER_CODES:
                context.abort(grpc.StatusCode[request.model_name], "the stream is over")
            if request.model_name in ("reject", "triton"):
                yield in_stream_error(request, ours=request.model_name == "reject")
                continue
            if request.model_name == "twice":
                first = infer(request)
                first.parameters["triton_final_response"].bool_param = False
                yield oip.ModelStreamInferResponse(infer_response=first)
            answer = infer(request)
            answer.parameters["triton_final_response"].bool_param = True
            answer.parameters["number"].int64_param = number
            yield oip.ModelStreamInferResponse(infer_response=answer)

    def ServerLive(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ServerLive")
        return oip.ServerLiveResponse(live=True)

    def ServerReady(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ServerReady")
        return oip.ServerReadyResponse(ready=self.server.ready)

    def ModelReady(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ModelReady", request.name)
        return oip.ModelReadyResponse(ready=request.name == "double")

    def ServerMetadata(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ServerMetadata")
        return oip.ServerMetadataResponse(name="seom", version="9.9", extensions=["statistics"])

    def ModelMetadata(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ModelMetadata", request.name)
        tensor = oip.ModelMetadataResponse.TensorMetadata
        return oip.ModelMetadataResponse(
            name=request.name,
            versions=["1", "2"],
            platform="onnxruntime_onnx",
            inputs=[tensor(name="x", datatype="FP32", shape=[-1, 4])],
            outputs=[tensor(name="y", datatype="FP32", shape=[-1, 4])],
        )

    def ModelConfig(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ModelConfig", request.name)
        response = oip.ModelConfigResponse()
        config = response.config
        config.name, config.max_batch_size = request.name, 8
        config.input.add(name="x", data_type="TYPE_FP32", dims=[-1, 4])
        config.dynamic_batching.preferred_batch_size.append(8)
        config.parameters["family"].string_value = "tensor"
        return response

    def ModelStatistics(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "ModelStatistics", request.name)
        response = oip.ModelStatisticsResponse()
        stats = response.model_stats.add(
            name="double", version="1", last_inference=5, inference_count=10, execution_count=4
        )
        stats.inference_stats.success.count, stats.inference_stats.success.ns = 4, 8_000_000
        stats.batch_stats.add(batch_size=2).compute_infer.count = 3
        return response

    def RepositoryIndex(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "RepositoryIndex")
        index = oip.RepositoryIndexResponse.ModelIndex
        models = [index(name="double", version="1", state="READY")]
        if not request.ready:
            models.append(index(name="large", state="UNAVAILABLE", reason="disabled"))
        return oip.RepositoryIndexResponse(models=models)

    def RepositoryModelLoad(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "RepositoryModelLoad", request.model_name)
        return oip.RepositoryModelLoadResponse()

    def RepositoryModelUnload(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "RepositoryModelUnload", request.model_name)
        return oip.RepositoryModelUnloadResponse()


def infer(request: Any) -> Any:
    """`double` gives twice each FP32 input, every other model its inputs unchanged.

    `miscounted` forgets the raw contents, `misshapen` lies about a shape.
    """
    response = oip.ModelInferResponse(
        model_name=request.model_name, model_version=request.model_version or "1", id=request.id
    )
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        shape = [*tensor.shape, 7] if request.model_name == "misshapen" else tensor.shape
        response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=shape)
        if request.model_name == "double":
            raw = (np.frombuffer(raw, "<f4") * 2).tobytes()
        if request.model_name != "miscounted":
            response.raw_output_contents.append(raw)
    response.parameters["note"].string_param = "kept"
    if request.parameters["timing"].bool_param:
        for field, value in TIMING.ListFields():
            parameter = response.parameters[f"timing.{field.name}"]
            if isinstance(value, str):
                parameter.string_param = value
            else:
                parameter.int64_param = value
        response.parameters["timing.of_the_future"].int64_param = 1
    return response


def in_stream_error(request: Any, *, ours: bool) -> Any:
    """An error inside the stream; ours says its status, Triton's only a message."""
    response = oip.ModelStreamInferResponse(error_message="x: has the wrong shape")
    response.infer_response.id = request.id
    if ours:
        parameters = response.infer_response.parameters
        parameters["triton_final_response"].bool_param = True
        parameters["error.status"].int64_param = 3
        parameters["error.reason"].string_param = "BAD_SHAPE"
    return response


def wait_until(condition: Any, seconds: float = 5.0) -> bool:
    """Polls a condition another thread will make true."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return bool(condition())
