"""grpc.health.v1: "" is the server, a model's name is that model.

A busy model is a healthy model: only Serve's own view of its replicas counts here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from seom.pb.health.v1 import health_pb2 as pb
from serving.control.models import Models
from serving.errors import InvalidArgument, NotFound, PermissionDenied
from serving.replica.call import Call

_POLL_S = 0.5

_Status = pb.HealthCheckResponse.ServingStatus


async def check(models: Models, service: str, call: Call) -> pb.HealthCheckResponse:
    """Raises NotFound for a service that is neither the server nor a model of the caller's."""
    status = await _status(models, service, call)
    if status == pb.HealthCheckResponse.SERVICE_UNKNOWN:
        raise NotFound("no such service", kind="service", name=service)
    return pb.HealthCheckResponse(status=status)


async def everything(models: Models, call: Call) -> pb.HealthListResponse:
    response = pb.HealthListResponse()
    response.statuses[""].status = _serving(await server_ready(models))
    for model in await models.visible(call):
        response.statuses[model.config.application].status = _serving(model.ready)
    return response


async def watch(models: Models, service: str, call: Call) -> AsyncIterator[pb.HealthCheckResponse]:
    """The status now and at every change, for as long as the client listens."""
    last: _Status | None = None
    while True:
        status = await _status(models, service, call)
        if status != last:
            yield pb.HealthCheckResponse(status=status)
            last = status
        await asyncio.sleep(_POLL_S)


async def server_ready(models: Models) -> bool:
    """Whether every model of the start takes calls, those taken out since excepted.

    What an admin loads or unloads later says nothing of the server: a balancer would
    withdraw all models because one is on its way.
    """
    states = await models.all()
    wanted = [states[name] for name in models.required if name in states]
    return all(model.ready or model.gone for model in wanted)


async def _status(models: Models, service: str, call: Call) -> _Status:
    if not service:
        return _serving(await server_ready(models))
    try:
        return _serving((await models.find(service, "", call)).ready)
    except (InvalidArgument, NotFound, PermissionDenied):
        return pb.HealthCheckResponse.SERVICE_UNKNOWN


def _serving(ready: bool) -> _Status:
    return pb.HealthCheckResponse.SERVING if ready else pb.HealthCheckResponse.NOT_SERVING
