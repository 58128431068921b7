"""One model behind gRPC: requests in, results and their timing out.

Knows nothing of Ray: `serving.replica.deployment` puts it into a Serve deployment,
`serving.replica.bare` behind a plain grpc.aio server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.protobuf.message import Message

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import InvalidArgument, NotFound, Overloaded, Unimplemented
from serving.models.base import Model
from serving.replica.call import Call
from serving.replica.forward import Forwarder, Reply
from serving.replica.servicer import Servicer
from serving.replica.statistics import Statistics
from serving.replica.streaming import Answers
from serving.repository.config import ModelConfig, versioned
from serving.scheduling.batcher import Batcher
from serving.services.catalog import Rpc
from serving.services.describe import Description
from serving.services.tensor import build_infer, parse_infer, set_parameters
from serving.services.timing import timing_fields, timing_message
from serving.services.typed import TYPED, Typed
from serving.timing import Timeline


class Replica(Servicer):
    """Serves one loaded model.

    forwarder: takes messages that name another model to it; without one they are
    NOT_FOUND, as befits a server of a single model.
    """

    def __init__(
        self,
        config: ModelConfig,
        model: Model[Any, Any, Any, Any],
        *,
        secret: str | None = None,
        identity: str = "",
        forwarder: Forwarder | None = None,
    ) -> None:
        self.config = config
        self.model = model
        super().__init__(
            secret=secret,
            deadline_cap=config.limits.deadline_s,
            identity=identity or config.name,
            # Twice a batch: one is computed while the next is prepared.
            stream_window=2 * self.max_batch_size,
        )
        self.statistics = Statistics()
        self.batcher: Batcher[Any, Any] = Batcher(
            model,
            max_batch_size=self.max_batch_size,
            max_queue_delay=config.batching.max_queue_delay_ms / 1e3,
            queue=config.limits.queue,
            on_batch=self.statistics.executed,
        )
        self._forwarder = forwarder
        self._names = {config.name, f"{config.name}@{config.version}"}

    @property
    def max_batch_size(self) -> int:
        """Rows a request may carry and a batch may hold; 1 where the weights allow no more."""
        return self.config.batching.max_batch_size if self.model.batchable else 1

    def describe(self) -> Description:
        return Description(
            name=self.config.name,
            version=self.config.version,
            signature=self.model.signature,
            max_batch_size=self.max_batch_size,
            max_queue_delay_us=int(self.config.batching.max_queue_delay_ms * 1e3),
        )

    async def close(self) -> None:
        """Lets what was admitted end, then releases the threads."""
        await self.batcher.close()

    # Calls ------------------------------------------------------------------------

    async def answer(
        self, rpc: Rpc, request: Any, call: Call, timeline: Timeline
    ) -> Message | Reply:
        typed = TYPED.get(rpc.name)
        if typed is None and rpc.name != "ModelInfer":
            raise Unimplemented(f"{rpc.name} is answered by the edge, not by a replica")
        version = request.model_version if typed is None else ""
        self._authorize(request.model_name, version, call)
        if not self._mine(request.model_name, version, default=typed is not None):
            forwarder = self._foreign(request, call)
            return await forwarder.unary(rpc.name, request.SerializeToString(), call.forwarded())
        with self._counted(timeline):
            if typed is None:
                return await self._infer(request, call, timeline)
            return await self._typed(typed, request, call, timeline)

    async def answer_message(self, request: pb.ModelInferRequest, call: Call) -> Answers:
        """Answers one message of a stream; a foreign one goes where it belongs."""
        timeline = Timeline()
        self._authorize(request.model_name, request.model_version, call)
        if not self._mine(request.model_name, request.model_version, default=False):
            forwarder = self._foreign(request, call)
            answers = await forwarder.message(request.SerializeToString(), call.forwarded())
            return [pb.ModelStreamInferResponse.FromString(answer) for answer in answers]
        with self._counted(timeline):
            answered = await self._infer(request, call, timeline)
        answered.parameters["triton_final_response"].bool_param = True
        return [pb.ModelStreamInferResponse(infer_response=answered)]

    @contextmanager
    def _counted(self, timeline: Timeline) -> Iterator[None]:
        """Whatever ends a call of this model early is a failure of its statistics."""
        try:
            yield
        except BaseException:
            self.statistics.fail(timeline)
            raise

    async def _infer(
        self, request: pb.ModelInferRequest, call: Call, timeline: Timeline
    ) -> pb.ModelInferResponse:
        signature = self.model.signature
        infer = parse_infer(request, signature, self.max_batch_size)
        item = self.model.parse(infer.tensors, infer.parameters)
        result = await self._submit(item, call, timeline)
        tensors = self.model.tensors(result)
        response = build_infer(tensors, signature, infer.outputs, request.id)
        response.model_name, response.model_version = request.model_name, self.config.version
        if infer.timing:
            fields = timing_fields(timeline, self.identity)
            set_parameters(
                response.parameters, {f"timing.{name}": value for name, value in fields.items()}
            )
        self.statistics.succeed(timeline, infer.rows if signature.batched else 1)
        return response

    async def _typed(self, typed: Typed, request: Any, call: Call, timeline: Timeline) -> Message:
        if self.config.family != typed.family:
            raise InvalidArgument.field(
                "model_name",
                f"{self.config.name} is a {self.config.family} model; "
                f"this call needs a {typed.family} model",
                reason="WRONG_FAMILY",
            )
        item = typed.parse(request)
        result = await self._submit(item, call, timeline)
        response = typed.build(result)
        response.model_name, response.model_version = self.config.name, self.config.version
        response.timing.CopyFrom(timing_message(timeline, self.identity))
        self.statistics.succeed(timeline)
        return response  # type: ignore[no-any-return]

    async def _submit(self, item: Any, call: Call, timeline: Timeline) -> Any:
        while True:
            try:
                return await self.batcher.submit(item, deadline=call.deadline, timeline=timeline)
            except Overloaded as full:
                if not call.patient or call.remaining <= full.retry_after:
                    raise
                await asyncio.sleep(full.retry_after)

    # Names ------------------------------------------------------------------------

    def _authorize(self, name: str, version: str, call: Call) -> None:
        call.require_infer()
        call.require(versioned(name or self.config.name, version))

    def _mine(self, name: str, version: str, *, default: bool) -> bool:
        """Whether a message's own words name this model.

        A bare name means the latest version, which a replica of an older one is not.
        """
        if not name:
            if default:
                return True
            raise InvalidArgument.field("model_name", "is empty; name the model")
        name = versioned(name, version)
        if "@" not in name and not self.config.latest:
            return False
        return name in self._names

    def _foreign(self, request: Any, call: Call) -> Forwarder:
        """The way to another model; a message that was forwarded once stays here."""
        if self._forwarder is None or call.was_forwarded:
            name = request.model_name
            raise NotFound(f"model {name!r} is not served here", name=name)
        return self._forwarder
