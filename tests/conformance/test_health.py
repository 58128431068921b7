"""grpc.health.v1 and reflection, as load balancers and grpcurl use them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from seom import Client
from seom.pb.health.v1 import health_pb2 as pb
from seom.pb.health.v1.health_pb2_grpc import HealthStub
from serving.services.catalog import CATALOG
from tests.conftest import RunningCluster

pytestmark = pytest.mark.cluster

SERVING = pb.HealthCheckResponse.SERVING


@pytest.fixture(scope="module")
def channel(cluster: RunningCluster) -> Iterator[Any]:
    with grpc.insecure_channel(cluster.address) as channel:
        yield channel


@pytest.mark.parametrize("service", ["", "identity", "versions@1"])
def test_check(channel: Any, service: str) -> None:
    request = pb.HealthCheckRequest(service=service)
    assert HealthStub(channel).Check(request, timeout=10).status == SERVING


def test_check_of_an_unknown_service(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        HealthStub(channel).Check(pb.HealthCheckRequest(service="nobody"), timeout=10)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_list(channel: Any) -> None:
    statuses = HealthStub(channel).List(pb.HealthListRequest(), timeout=10).statuses
    assert statuses[""].status == SERVING
    assert statuses["identity"].status == SERVING


def test_watch_of_an_unknown_service_stays_open(channel: Any) -> None:
    watch = HealthStub(channel).Watch(pb.HealthCheckRequest(service="nobody"), timeout=2)
    assert next(watch).status == pb.HealthCheckResponse.SERVICE_UNKNOWN
    with pytest.raises(grpc.RpcError) as raised:
        next(watch)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_watch_sees_a_model_go_and_come(cluster: RunningCluster, channel: Any) -> None:
    seen: list[int] = []
    watch = HealthStub(channel).Watch(pb.HealthCheckRequest(service="words"), timeout=100)

    def read() -> None:
        try:
            seen.extend(answer.status for answer in watch)
        except grpc.RpcError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with Client(cluster.address, timeout=60) as admin:
        admin.unload("words")
        admin.load("words")
    deadline = time.monotonic() + 10
    while (not seen or seen[-1] != SERVING or len(seen) < 3) and time.monotonic() < deadline:
        time.sleep(0.1)
    watch.cancel()
    reader.join(10)
    assert seen[0] == SERVING
    assert pb.HealthCheckResponse.NOT_SERVING in seen
    assert seen[-1] == SERVING


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_knows_every_service(channel: Any, version: str) -> None:
    method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    ask = channel.stream_stream(
        method,
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="seom.v1.DetectRequest"),
    ]
    listed, file = list(ask(iter(requests), timeout=10))
    names = {service.name for service in listed.list_services_response.service}
    assert set(CATALOG) - {"grpc.reflection.v1.ServerReflection"} <= names
    assert b"min_score" in file.file_descriptor_response.file_descriptor_proto[0]
    assert reflection_pb2_grpc  # the stock package is what clients bring
