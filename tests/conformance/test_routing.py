"""Whatever a client does with the model's name, the call ends at the right model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from seom.pb.v1.detection_pb2 import DetectRequest
from seom.pb.v1.detection_pb2_grpc import DetectionServiceStub
from tests.conftest import RunningCluster
from tests.errors import details_of
from tests.unit.replica.test_bad_images import encoded

pytestmark = pytest.mark.cluster

ROW = np.float32([[3, 5]])


@pytest.fixture(scope="module")
def channel(cluster: RunningCluster) -> Iterator[Any]:
    with grpc.insecure_channel(cluster.address) as channel:
        yield channel


@pytest.fixture
def stub(channel: Any) -> Any:
    return GRPCInferenceServiceStub(channel)


def infer(name: str, version: str = "") -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name=name, model_version=version)
    request.inputs.add(name="x", datatype="FP32", shape=ROW.shape)
    request.raw_input_contents.append(ROW.tobytes())
    return request


def values(answer: pb.ModelInferResponse) -> list[float]:
    return np.frombuffer(answer.raw_output_contents[0], np.float32).tolist()


@pytest.mark.parametrize(
    ("name", "version", "factor"),
    [
        ("versions", "", 2),
        ("versions", "2", 2),
        ("versions@2", "", 2),
        ("versions@1", "", 1),
        ("versions", "1", 1),  # the edge sends it to version 2, which passes it on
    ],
)
def test_versions(stub: Any, name: str, version: str, factor: int) -> None:
    answer = stub.ModelInfer(infer(name, version), timeout=10)
    assert values(answer) == (ROW * factor).ravel().tolist()
    assert answer.model_version == str(factor)


@pytest.mark.parametrize(
    ("name", "version"), [("versions", "3"), ("versions@3", ""), ("verse", "")]
)
def test_what_is_not_served_is_not_found(stub: Any, name: str, version: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(infer(name, version), timeout=10)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert "versions" in raised.value.details()
    details = details_of(raised.value)
    assert details.reason == "MODEL_NOT_FOUND"
    assert details.resource is not None


def test_a_header_for_one_model_and_a_body_for_another(stub: Any) -> None:
    metadata = [("application", "identity")]
    answer, call = stub.ModelInfer.with_call(infer("versions"), metadata=metadata, timeout=10)
    assert values(answer) == (ROW * 2).ravel().tolist()
    assert "seom-timing-bin" in dict(call.trailing_metadata())


def test_calls_come_to_the_replica_without_rays_wrapper(stub: Any) -> None:
    """Which would sign every answer with a request_id of its own."""
    _, call = stub.ModelInfer.with_call(infer("versions"), timeout=10)
    assert "seom-timing-bin" in dict(call.trailing_metadata())
    assert "request_id" not in dict(call.trailing_metadata())


def test_an_unknown_header_is_not_found(stub: Any) -> None:
    request = infer("")
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(request, metadata=[("application", "nobody")], timeout=10)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert "nobody" in raised.value.details()


def test_the_name_may_come_last(channel: Any) -> None:
    """Protobuf fields have no order; a first field of 200 KB hides the name from the edge."""
    large = pb.ModelInferRequest()
    large.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    large.raw_input_contents.append(ROW.tobytes())
    large.parameters["note"].string_param = "·" * 100_000
    named = pb.ModelInferRequest(model_name="versions").SerializeToString()
    send = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    answer = send(large.SerializeToString() + named, timeout=10)
    assert values(pb.ModelInferResponse.FromString(answer)) == (ROW * 2).ravel().tolist()


def test_no_name_is_the_services_default(channel: Any) -> None:
    detection = DetectionServiceStub(channel)
    request = DetectRequest()
    request.image.encoded = encoded()
    default = detection.Detect(request, timeout=30)
    assert default.model_name in ("spots", "yolox-nano")
    request.model_name = "spots"
    named = detection.Detect(request, timeout=30)
    assert named.model_name == "spots"
    compressed = detection.Detect(request, timeout=30, compression=grpc.Compression.Gzip)
    assert compressed.model_name == "spots"


def test_the_wrong_family_says_so(channel: Any) -> None:
    request = DetectRequest(model_name="identity")
    request.image.encoded = encoded()
    with pytest.raises(grpc.RpcError) as raised:
        DetectionServiceStub(channel).Detect(request, timeout=10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(raised.value).fields.keys() == {"model_name"}


@pytest.mark.parametrize(
    "name", ["../identity", "identity\0", "IDENTITY", "identity/", " ", "a" * 500]
)
def test_names_that_are_none(stub: Any, name: str) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(infer(name), timeout=10)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "model_name" in details_of(raised.value).fields


def test_forged_headers_change_nothing(stub: Any) -> None:
    forged = [
        ("x-seom-tenant", "somebody"),
        ("x-seom-scopes", ""),
        ("x-seom-models", ""),
        ("x-seom-edge", "guess"),
        ("x-seom-forwarded", "1"),
        ("x-grpc-timeout", "1n"),
    ]
    assert values(stub.ModelInfer(infer("versions"), metadata=forged, timeout=10)) == [6, 10]


def test_a_call_past_the_edge_is_refused(cluster: RunningCluster) -> None:
    refused = 0
    for port in listening_replicas():
        with grpc.insecure_channel(f"127.0.0.1:{port}") as direct:
            with pytest.raises(grpc.RpcError) as raised:
                GRPCInferenceServiceStub(direct).ModelInfer(infer("versions"), timeout=2)
            # Half of the ports speak HTTP/1 and understand no call at all.
            refused += raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert "Traceback" not in raised.value.details()
    assert refused >= 3


def listening_replicas() -> list[int]:
    """Ports of the range our clusters take their replicas' ports from."""
    ports = set()
    for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":  # LISTEN
            ports.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(port for port in ports if 16_000 <= port < 32_000)
