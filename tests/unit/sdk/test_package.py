"""What the package is to the outside: its names, its weight, its wire reader."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys

import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

import seom
from seom import _health, _wire

# Loaded by no `import seom`: the first are the server's, the last belong to the tests.
FOREIGN = ("ray", "torch", "onnxruntime", "PIL", "pydantic", "yaml", "serving", "google.rpc")


def test_public_names() -> None:
    assert seom.__all__ == [
        "BF16",
        "Aborted",
        "AlreadyExists",
        "AnimationFrame",
        "Answer",
        "AsyncClient",
        "AsyncGallery",
        "AsyncPictureStream",
        "AsyncReplyStream",
        "BatchStatistics",
        "Box",
        "Cancelled",
        "Candidate",
        "Classifications",
        "Client",
        "ConnectionFailed",
        "DeadlineExceeded",
        "Delta",
        "Detection",
        "Detections",
        "Duration",
        "Embeddings",
        "ExportedPhotograph",
        "Face",
        "FaceQuality",
        "Faces",
        "FailedPrecondition",
        "Field",
        "FinishReason",
        "FrameOutcome",
        "Gallery",
        "GalleryInfo",
        "GenerationTiming",
        "Health",
        "Identified",
        "IdentifiedFace",
        "InferRequest",
        "InferResult",
        "Internal",
        "InvalidArgument",
        "Label",
        "Labels",
        "Landmarks",
        "Latent",
        "Message",
        "Mix",
        "ModelMetadata",
        "ModelState",
        "ModelStatistics",
        "NotFound",
        "Overloaded",
        "PermissionDenied",
        "Person",
        "PersonVerification",
        "Photograph",
        "Picture",
        "PictureStream",
        "Point",
        "Reply",
        "ReplyStream",
        "Score",
        "SeomError",
        "ServerMetadata",
        "SynthesizedPicture",
        "TensorMetadata",
        "Timing",
        "TokenLogprob",
        "Tool",
        "ToolCall",
        "ToolCallDelta",
        "Unauthenticated",
        "Unavailable",
        "Unimplemented",
        "UnusableAnswer",
        "Usage",
        "Verification",
        "VideoDetections",
        "__version__",
    ]
    assert all(hasattr(seom, name) for name in seom.__all__)


def test_every_public_name_is_explained() -> None:
    for name in set(seom.__all__) - {"__version__"}:
        assert getattr(seom, name).__doc__, name


def test_one_version() -> None:
    assert seom.__version__ == importlib.metadata.version("seom")


def test_the_dependencies_are_three() -> None:
    required = importlib.metadata.requires("seom") or []
    names = {re.split("[^a-z]", item)[0] for item in required}
    assert names == {"grpcio", "numpy", "protobuf"}


def test_import_is_light() -> None:
    program = f"import sys, seom; print([m for m in {FOREIGN!r} if m in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == "[]", ran.stdout + ran.stderr


@pytest.mark.parametrize("service", ["", "m", "x" * 300, "모델"])
def test_health_requests_are_what_the_health_package_reads(service: str) -> None:
    assert _health.serialize(service) == HealthCheckRequest(service=service).SerializeToString()


def test_health_answers_are_what_the_health_package_writes() -> None:
    for name, number in HealthCheckResponse.ServingStatus.items():
        raw = HealthCheckResponse(status=number).SerializeToString()
        assert _health.deserialize(raw) == name
    assert _health.deserialize(b"\x08\x63") is _health.Health.UNKNOWN


@pytest.mark.parametrize(
    "data",
    [b"\x08", b"\x08\xff", b"\x0a\x05ab", b"\x0b", b"\x0d\x01\x02", b"\x08" + b"\xff" * 11],
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(ValueError):
        list(_wire.fields(data))
