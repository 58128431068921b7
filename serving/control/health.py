"""grpc.health.v1: "" is the server, a model's name is that model.

A busy model is a healthy model: only Serve's own view of its replicas counts here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from seom.pb.health.v1 import health_pb2 as pb
from serving.control.models import Models, ModelState
from serving.errors import NotFound

_POLL_S = 0.5

_Status = pb.HealthCheckResponse.ServingStatus


async def check(models: Models, service: str) -> pb.HealthCheckResponse:
    """Raises NotFound for a service that is neither the server nor a model."""
    status = await _status(models, service)
    if status == pb.HealthCheckResponse.SERVICE_UNKNOWN:
        raise NotFound(f"no service {service!r}", kind="service", name=service)
    return pb.HealthCheckResponse(status=status)


async def everything(models: Models) -> pb.HealthListResponse:
    response = pb.HealthListResponse()
    for service in ("", *await models.deployed()):
        response.statuses[service].status = await _status(models, service)
    return response


async def watch(models: Models, service: str) -> AsyncIterator[pb.HealthCheckResponse]:
    """The status now and at every change, for as long as the client listens."""
    last: _Status | None = None
    while True:
        status = await _status(models, service)
        if status != last:
            yield pb.HealthCheckResponse(status=status)
            last = status
        await asyncio.sleep(_POLL_S)


async def server_ready(models: Models) -> bool:
    """Whether every model somebody asked for takes calls."""
    return all(model.ready for model in (await models.deployed()).values())


async def _status(models: Models, service: str) -> _Status:
    if not service:
        return _serving(await server_ready(models))
    try:
        model: ModelState = await models.find(service)
    except NotFound:
        return pb.HealthCheckResponse.SERVICE_UNKNOWN
    return _serving(model.ready)


def _serving(ready: bool) -> _Status:
    return pb.HealthCheckResponse.SERVING if ready else pb.HealthCheckResponse.NOT_SERVING
