"""What dynamic batching and the path cost, or win, over a plain loop round a model."""

from __future__ import annotations

from pathlib import Path

from benchmarks.load.workload import Call, Closed, Workload
from benchmarks.peers.loop import PicturesLoop
from benchmarks.scenarios import servers
from benchmarks.scenarios.scenario import Loop, Scenario, Target, TargetError
from benchmarks.stats.claims import Claim
from seom.pb.v1 import common_pb2, detection_pb2

MODEL = "yolox-nano"
CLIENTS = 8


def build(
    repository: Path, pictures: list[bytes], *, model: str = MODEL, address: str | None = None
) -> Scenario:
    """pictures: encoded, sent in turn. `address`: a running cluster instead of ours."""
    workload = Workload(
        "jpeg-c8",
        f"JPEG to {model}, {CLIENTS} clients",
        Call(
            "/seom.v1.DetectionService/Detect",
            tuple(_request(model, picture) for picture in pictures),
            metadata=(("application", model),),
            timeout_s=30.0,
            stages="detect",
        ),
        Closed(CLIENTS),
        "throughput",
    )
    endpoint = servers.running(address) if address else servers.cluster(repository, [model])
    return Scenario(
        name="batching",
        workloads=(workload,),
        targets=(Target("edge", endpoint), Loop("loop", PicturesLoop(repository, model))),
        claims=(Claim(workload.name, "edge", "loop", "at least", 0.85),),
        check=_check,
        notes={
            "edge": f"our cluster, {CLIENTS} clients over one connection",
            "loop": "one process: decode, run, decode of outputs, one picture after the other",
        },
    )


def _request(model: str, picture: bytes) -> bytes:
    image = common_pb2.Image(encoded=picture)
    return detection_pb2.DetectRequest(model_name=model, image=image).SerializeToString()


def _check(workload: Workload, answers: list[bytes]) -> None:
    answer = detection_pb2.DetectResponse.FromString(answers[0])
    if not answer.image_width or not answer.image_height:
        raise TargetError(f"{workload.name}: the answer has no picture size")
