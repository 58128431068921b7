"""gRPC reflection over all services of the catalog (grpcurl, grpcui, Postman)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio

from serving.services.catalog import CATALOG


def servicer() -> Any:
    """The stock servicer over one pool that knows our protocol and reflection's own."""
    pool = DescriptorPool()
    added: set[str] = set()
    for rpcs in CATALOG.values():
        _add(pool, rpcs[0].request.DESCRIPTOR.file, added)
    names = [name for name in CATALOG if not name.startswith("grpc.reflection.v1.")]
    return aio.ReflectionServicer(names, pool=pool)


def answer(reflection: Any, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    stream: AsyncIterator[reflection_pb2.ServerReflectionResponse] = (
        reflection.ServerReflectionInfo(requests, None)
    )
    return stream


def _add(pool: DescriptorPool, file: Any, added: set[str]) -> None:
    """Copies a file and what it imports from whichever pool it lives in."""
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add(pool, dependency, added)
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)
    pool.AddSerializedFile(copy.SerializeToString())
