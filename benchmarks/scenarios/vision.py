"""What the path and batching cost, or win, over a plain loop round a vision model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.workload import Call, Closed, StageSource, Workload
from benchmarks.peers.loop import PicturesLoop
from benchmarks.scenarios import servers
from benchmarks.scenarios.scenario import Loop, Scenario, Target, TargetError
from benchmarks.stats.claims import Claim
from seom.pb.v1 import common_pb2, detection_pb2, face_pb2

MODELS = ("yolox-nano", "faces")
CLIENTS = 8


@dataclass(frozen=True)
class _Service:
    """The method that takes one picture, and its messages."""

    method: str
    request: type[detection_pb2.DetectRequest] | type[face_pb2.DetectFacesRequest]
    response: type[detection_pb2.DetectResponse] | type[face_pb2.DetectFacesResponse]
    stages: StageSource


DETECTION = _Service(
    "/seom.v1.DetectionService/Detect",
    detection_pb2.DetectRequest,
    detection_pb2.DetectResponse,
    "detect",
)
FACE = _Service(
    "/seom.v1.FaceService/DetectFaces",
    face_pb2.DetectFacesRequest,
    face_pb2.DetectFacesResponse,
    "detect_faces",
)


def build(
    repository: Path,
    pictures: list[bytes],
    *,
    models: Sequence[str] = MODELS,
    address: str | None = None,
) -> Scenario:
    """pictures: encoded, sent in turn; a model whose name begins with `face` finds faces.

    `address`: a running cluster instead of ours.
    """
    workloads, claims = [], []
    for model in models:
        call = _call(model, pictures)
        one = Workload(f"{model}-c1", f"JPEG to {model}, one client", call, Closed(1), "p50")
        many = Workload(
            f"{model}-c8",
            f"JPEG to {model}, {CLIENTS} clients",
            call,
            Closed(CLIENTS),
            "throughput",
        )
        workloads += [one, many]
        claims += [
            Claim(many.name, "edge", "loop", "at least", 0.85),
            Claim(one.name, "edge", "loop", "at most", 2.0, of="difference"),
            Claim(one.name, "edge", "edge", "at most", 0.05, of="postprocess:device"),
        ]
    endpoint = servers.running(address) if address else servers.cluster(repository, models)
    return Scenario(
        name="vision",
        workloads=workloads,
        targets=(Target("edge", endpoint), Loop("loop", PicturesLoop(repository, models))),
        claims=claims,
        check=_check,
        notes={
            "edge": "our cluster, all clients over one connection",
            "loop": "one process: decode, run, decode of outputs, one picture after the other",
        },
    )


def _service(model: str) -> _Service:
    return FACE if model.startswith("face") else DETECTION


def _call(model: str, pictures: list[bytes]) -> Call:
    service = _service(model)
    requests = (
        service.request(model_name=model, image=common_pb2.Image(encoded=picture))
        for picture in pictures
    )
    return Call(
        service.method,
        tuple(request.SerializeToString() for request in requests),
        metadata=(("application", model),),
        timeout_s=30.0,
        stages=service.stages,
    )


def _check(workload: Workload, answers: list[bytes]) -> None:
    service = FACE if workload.call.method == FACE.method else DETECTION
    answer = service.response.FromString(answers[0])
    if not answer.image_width or not answer.image_height:
        raise TargetError(f"{workload.name}: the answer has no picture size")
