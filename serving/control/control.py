"""Control: answers what is not inference, and dispatches what the edge cannot route."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from ray import serve

import serving
from seom.pb.health.v1 import health_pb2
from seom.pb.inference import grpc_service_pb2 as pb
from serving.cluster.deploy import replicas
from serving.control import health, reflection
from serving.control.models import Models, ModelState, sees
from serving.control.repository import RepositoryOperations
from serving.errors import InvalidArgument, PermissionDenied, Unavailable, Unimplemented
from serving.openai.catalogue import Catalogue
from serving.replica.call import Call
from serving.replica.forward import Reply
from serving.replica.handles import ask, ask_http, ask_message, ask_stream, handle
from serving.replica.ledger import Ledger
from serving.replica.servicer import Servicer
from serving.replica.statistics import Statistics
from serving.replica.streaming import Answers
from serving.services.catalog import DEFAULT_FAMILIES, REFLECTION, RPCS, Rpc
from serving.services.describe import EXTENSIONS, SERVER_NAME, Description, configuration, metadata
from serving.services.statistics import model_statistics
from serving.telemetry import logs, traces
from serving.timing import Timeline

_DEADLINE_CAP_S = 600.0  # loading a model counts as a call
_STREAM_WINDOW = 16
_STATISTICS_S = 5.0
_AGAIN_S = 0.05

Handler = Callable[[Any, Call], Awaitable[Message]]


class Control(Servicer):
    """One of control's replicas; they share nothing but the ledger."""

    def __init__(
        self, root: Path, profile: str, secret: str, required: tuple[str, ...], reflects: bool
    ) -> None:
        logs.join_serve()
        traces.configure("seom-control")
        identity = serve.get_replica_context().replica_id.unique_id
        super().__init__(
            secret=secret,
            deadline_cap=_DEADLINE_CAP_S,
            identity=identity,
            stream_window=_STREAM_WINDOW,
        )
        self._models = Models(root, profile, required)
        self._operations = RepositoryOperations(self._models, secret)
        self._ledger = Ledger.connect()
        self._reflection = reflection.servicer() if reflects else None
        self._handlers: dict[str, Handler] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ServerMetadata": self._server_metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._model_config,
            "ModelStatistics": self._model_statistics,
            "RepositoryIndex": self._operations.index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
            "TraceSetting": self._trace_setting,
            "LogSettings": self._log_settings,
            "Check": self._check,
            "List": self._list,
        }

    def __serve_build_asgi_app__(self) -> Catalogue:
        """What Serve asks for where `serve.ingress` is around this class."""
        return Catalogue(self._models, ask_http, self.secret)

    async def answer(
        self, rpc: Rpc, request: Any, call: Call, timeline: Timeline
    ) -> Message | Reply:
        if handler := self._handlers.get(rpc.name):
            return await handler(request, call)
        if "SharedMemory" in rpc.name:
            raise Unimplemented("shared memory is not offered: send tensors in the request")
        if rpc.name == "ModelInfer" or rpc.service in DEFAULT_FAMILIES:
            return await self._dispatch(rpc, request, call)
        raise Unimplemented(f"{rpc.name} is not offered")

    def answer_stream(
        self, rpc: Rpc, requests: Any, call: Call, timeline: Timeline
    ) -> AsyncIterator[Message]:
        if rpc.service in REFLECTION:
            if self._reflection is None:
                raise Unimplemented("reflection is switched off")
            return reflection.answer(self._reflection, requests)
        if rpc.name == "Watch":
            return health.watch(self._models, requests.service, call)
        if rpc.service in DEFAULT_FAMILIES and not rpc.client_streaming:
            return self._dispatch_stream(rpc, requests, call)
        return super().answer_stream(rpc, requests, call, timeline)

    # The dispatcher ---------------------------------------------------------------

    async def _dispatch(self, rpc: Rpc, request: Any, call: Call) -> Reply:
        """Parses what the edge could not read, and calls the model by handle."""
        version = request.model_version if rpc.name == "ModelInfer" else ""
        name = await self._target(rpc, request.model_name, version, call)
        payload = request.SerializeToString()
        reply: Reply = await ask(name, "forward", rpc.name, payload, call.forwarded())
        return reply

    async def _dispatch_stream(self, rpc: Rpc, request: Any, call: Call) -> AsyncIterator[Message]:
        """The same for a call with many responses."""
        name = await self._target(rpc, request.model_name, "", call)
        payloads = ask_stream(name, rpc.name, request.SerializeToString(), call.forwarded())
        async with aclosing(payloads) as answers:  # type: ignore[type-var]
            async for answer in answers:
                yield rpc.response.FromString(answer)

    async def answer_message(self, request: pb.ModelInferRequest, call: Call) -> Answers:
        """Has one message of a stream answered by the model it names."""
        rpc = RPCS["ModelStreamInfer"]
        name = await self._target(rpc, request.model_name, request.model_version, call)
        answers = await ask_message(name, request.SerializeToString(), call.forwarded())
        return [pb.ModelStreamInferResponse.FromString(answer) for answer in answers]

    async def _target(self, rpc: Rpc, name: str, version: str, call: Call) -> str:
        """The application that answers; raises Unavailable unless it takes calls now."""
        # The header `application` named something the edge does not know.
        asked = call.metadata.get("x-seom-model")
        name = name or (asked if isinstance(asked, str) else "")
        if name:
            model = await self._models.find(name, version, call)
        elif family := DEFAULT_FAMILIES.get(rpc.service):
            model = await self._models.default(family, call)
        else:
            raise InvalidArgument.field("model_name", "is empty; name the model")
        return (await self._models.ready(model)).config.application

    # Server and models ------------------------------------------------------------

    async def _server_live(self, request: Any, call: Call) -> Message:
        return pb.ServerLiveResponse(live=True)

    async def _server_ready(self, request: Any, call: Call) -> Message:
        return pb.ServerReadyResponse(ready=await health.server_ready(self._models))

    async def _server_metadata(self, request: Any, call: Call) -> Message:
        return pb.ServerMetadataResponse(
            name=SERVER_NAME, version=serving.__version__, extensions=EXTENSIONS
        )

    async def _model_ready(self, request: pb.ModelReadyRequest, call: Call) -> Message:
        model = await self._named(request.name, request.version, call)
        return pb.ModelReadyResponse(ready=model.ready)

    async def _model_metadata(self, request: pb.ModelMetadataRequest, call: Call) -> Message:
        model = await self._named(request.name, request.version, call)
        versions = sorted(
            other.config.version
            for other in (await self._models.all()).values()
            if other.config.name == model.config.name and sees(call, other)
        )
        return metadata(await self._describe(model), tuple(versions))

    async def _model_config(self, request: pb.ModelConfigRequest, call: Call) -> Message:
        model = await self._named(request.name, request.version, call)
        return configuration(await self._describe(model))

    async def _model_statistics(self, request: pb.ModelStatisticsRequest, call: Call) -> Message:
        if request.name:
            wanted = [await self._named(request.name, request.version, call)]
        else:
            wanted = await self._models.visible(call)
        totals = await asyncio.gather(*(self._totals(model) for model in wanted))
        return pb.ModelStatisticsResponse(
            model_stats=[
                model_statistics(model.config.name, model.config.version, total)
                for model, total in zip(wanted, totals, strict=True)
            ]
        )

    async def _named(self, name: str, version: str, call: Call) -> ModelState:
        if not name:
            raise InvalidArgument.field("name", "is empty; name the model")
        return await self._models.find(name, version, call)

    async def _describe(self, model: ModelState) -> Description:
        application = (await self._models.ready(model)).config.application
        description: Description = await ask(application, "description")
        return description

    async def _totals(self, model: ModelState) -> Statistics:
        """Asks every replica now; the dead are remembered by the ledger."""
        application = model.config.application
        readings: dict[str, Statistics] = {}
        try:
            async with asyncio.timeout(_STATISTICS_S):
                # A handle learns of new replicas a moment after they take calls.
                while missing := await replicas(application) - set(readings):
                    asked = handle(application).broadcast("snapshot")
                    answers = await asked.results_async(return_exceptions=True)
                    readings |= dict(answer for answer in answers if isinstance(answer, tuple))
                    if missing - set(readings):
                        await asyncio.sleep(_AGAIN_S)
        except TimeoutError:
            raise Unavailable("the replicas did not tell their statistics in time") from None
        return await self._ledger.total(application, readings)

    # Repository, settings, health -------------------------------------------------

    async def _load(self, request: Any, call: Call) -> Message:
        await self._operations.load(request, call)
        return pb.RepositoryModelLoadResponse()

    async def _unload(self, request: Any, call: Call) -> Message:
        await self._operations.unload(request, call)
        return pb.RepositoryModelUnloadResponse()

    async def _trace_setting(self, request: pb.TraceSettingRequest, call: Call) -> Message:
        _read_only(request.settings, call)
        return pb.TraceSettingResponse()

    async def _log_settings(self, request: pb.LogSettingsRequest, call: Call) -> Message:
        _read_only(request.settings, call)
        return pb.LogSettingsResponse()

    async def _check(self, request: health_pb2.HealthCheckRequest, call: Call) -> Message:
        return await health.check(self._models, request.service, call)

    async def _list(self, request: health_pb2.HealthListRequest, call: Call) -> Message:
        return await health.everything(self._models, call)


def _read_only(settings: Any, call: Call) -> None:
    if settings:
        if "admin" not in call.scopes:
            raise PermissionDenied("this token lacks the scope `admin`", reason="SCOPE_MISSING")
        raise Unimplemented("settings are made where the server is started")
