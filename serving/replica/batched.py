"""Calls of a model whose items run in batches: typed, or as tensors."""

from __future__ import annotations

import asyncio
from typing import Any

from google.protobuf.message import Message

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import Overloaded
from serving.models.base import Model
from serving.replica.call import Call
from serving.replica.statistics import Statistics
from serving.repository.config import ModelConfig
from serving.scheduling.batcher import Batcher
from serving.services.tensor import build_infer, parse_infer, set_parameters
from serving.services.timing import timing_fields, timing_message
from serving.services.typed import Typed
from serving.timing import Timeline


class Batched:
    """Serves one Model to its replica.

    max_batch_size: rows a request may carry and a batch may hold; 1 where the weights allow
        no more
    """

    def __init__(
        self,
        config: ModelConfig,
        model: Model[Any, Any, Any, Any],
        statistics: Statistics,
        identity: str,
    ) -> None:
        self.max_batch_size = config.batching.max_batch_size if model.batchable else 1
        self.window = 2 * self.max_batch_size  # one batch is computed while the next is prepared
        self.batcher: Batcher[Any, Any] = Batcher(
            model,
            max_batch_size=self.max_batch_size,
            max_queue_delay=config.batching.max_queue_delay_ms / 1e3,
            queue=config.limits.queue,
            on_batch=statistics.executed,
        )
        self._config = config
        self._model = model
        self._statistics = statistics
        self._identity = identity

    async def check(self) -> None:
        """Raises RuntimeError where work does not get on; a full queue is no illness, a batch
        that does not end is."""
        if not self.batcher.alive:
            raise RuntimeError("the compute thread has ended. This is a bug.")
        if self.batcher.running_for > 2 * self._config.limits.deadline_s:
            raise RuntimeError("a batch has been computing for twice the longest deadline")

    async def close(self) -> None:
        await self.batcher.close()

    async def submit(self, item: Any, call: Call, timeline: Timeline) -> Any:
        """The model's result for an item; a patient call waits for its place in the queue."""
        while True:
            try:
                return await self.batcher.submit(item, deadline=call.deadline, timeline=timeline)
            except Overloaded as full:
                if not call.patient or call.remaining <= full.retry_after:
                    raise
                await asyncio.sleep(full.retry_after)

    async def whole(self, typed: Typed, request: Any, call: Call, timeline: Timeline) -> Message:
        """The answer to a typed call."""
        result = await self.submit(typed.parse(request), call, timeline)
        response = typed.build(result)
        response.model_name, response.model_version = self._config.name, self._config.version
        response.timing.CopyFrom(timing_message(timeline, self._identity))
        self._statistics.succeed(timeline)
        return response  # type: ignore[no-any-return]

    async def infer(
        self, request: pb.ModelInferRequest, call: Call, timeline: Timeline
    ) -> pb.ModelInferResponse:
        """The answer to tensors."""
        signature = self._model.signature
        infer = parse_infer(request, signature, self.max_batch_size)
        item = self._model.parse(infer.tensors, infer.parameters)
        result = await self.submit(item, call, timeline)
        tensors = self._model.tensors(result)
        response = build_infer(tensors, signature, infer.outputs, request.id)
        response.model_name, response.model_version = request.model_name, self._config.version
        if infer.timing:
            fields = timing_fields(timeline, self._identity)
            set_parameters(
                response.parameters, {f"timing.{name}": value for name, value in fields.items()}
            )
        self._statistics.succeed(timeline, infer.rows if signature.batched else 1)
        return response
