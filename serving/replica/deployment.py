"""A replica inside a Ray Serve deployment in direct-ingress mode."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ray import serve

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import ServingError
from serving.replica.call import open_call
from serving.replica.forward import ForwardedContext, Metadata, Reply
from serving.replica.ledger import Ledger
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.replica.statistics import Statistics
from serving.replica.streaming import in_stream_error
from serving.repository.config import ModelConfig
from serving.services.catalog import RPCS
from serving.services.describe import Description
from serving.telemetry import traces

# The names under which a model's application and control are found inside Ray.
# A model's name begins with a letter or digit, so none can be called `_control`.
DEPLOYMENT = "replica"
CONTROL = "_control"


class ModelDeployment(Replica):
    """Loads its model in the constructor; Serve calls the RPC methods by name."""

    def __init__(self, config: ModelConfig, secret: str) -> None:
        traces.configure("seom-replica")
        super().__init__(
            config,
            load_model(config),
            secret=secret,
            identity=serve.get_replica_context().replica_id.unique_id,
            forwarder=HandleForwarder(),
        )
        self._ledger = Ledger.connect()

    async def check_health(self) -> None:
        """Serve restarts the replica when this raises or does not return in time.

        Judged by the compute thread and this event loop alone: a full queue is no
        illness.
        """
        if not self.batcher.alive:
            raise RuntimeError("the compute thread has ended. This is a bug.")

    async def snapshot(self) -> tuple[str, Statistics]:
        """Who this replica is and what it has counted."""
        return self.identity, self.statistics

    async def description(self) -> Description:
        return self.describe()

    async def forward(self, rpc: str, payload: bytes, metadata: Metadata) -> Reply:
        """Answers a call that control could route and the edge could not."""
        kind = RPCS[rpc]
        context = ForwardedContext([*metadata, ("x-seom-edge", self.secret or "")])
        response = await self.unary(kind, kind.request.FromString(payload), context)
        context.reply.payload = response.SerializeToString()
        return context.reply

    async def forward_message(self, payload: bytes, metadata: Metadata) -> AsyncIterator[bytes]:
        """Answers one message of a stream whose other messages name other models."""
        request = pb.ModelInferRequest.FromString(payload)
        try:
            call = open_call(metadata, None, self.deadline_cap)
            answers = await self.answer_message(request, call)
        except ServingError as error:
            answers = [in_stream_error(error, request)]
        for answer in answers:
            yield answer.SerializeToString()

    def __del__(self) -> None:
        # Serve calls this once the replica has drained. What it has counted since it
        # was last asked must outlive it, or totals would go backwards.
        if hasattr(self, "_ledger"):
            self._ledger.keep(self.config.application, self.identity, self.statistics)


class HandleForwarder:
    """Hands foreign calls to control, which knows where every model is."""

    def __init__(self) -> None:
        self._control = serve.get_deployment_handle(DEPLOYMENT, CONTROL)

    async def unary(self, rpc: str, payload: bytes, metadata: Metadata) -> Reply:
        forward = self._control.options(method_name="forward")
        reply: Reply = await forward.remote(rpc, payload, metadata)
        return reply

    async def message(self, payload: bytes, metadata: Metadata) -> AsyncIterator[bytes]:
        forward = self._control.options(method_name="forward_message", stream=True)
        async for answer in forward.remote(payload, metadata):
            yield answer
