"""Calls of a model whose answers grow: whole, piece by piece, or as tensors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from google.protobuf.message import Message

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import InvalidArgument, Unimplemented
from serving.models.base import StreamingModel
from serving.replica.call import Call
from serving.replica.statistics import Statistics
from serving.repository.config import ModelConfig
from serving.scheduling.streams import Streams
from serving.services.tensor import build_infer, parse_infer, set_parameters
from serving.services.timing import timing_fields, timing_message
from serving.services.typed import Explain, Grown, Streamed
from serving.timing import Timeline


class Growing:
    """Serves one StreamingModel to its replica."""

    max_batch_size = 1  # rows of a request; what runs together is the model's own affair

    def __init__(
        self,
        config: ModelConfig,
        model: StreamingModel[Any, Any],
        statistics: Statistics,
        identity: str,
    ) -> None:
        self.streams: Streams[Any, Any] = Streams(model, queue=config.limits.queue)
        self._config = config
        self._model = model
        self._statistics = statistics
        self._identity = identity

    @property
    def window(self) -> int:
        """Messages of one stream that are worked on together."""
        return self._model.places

    async def check(self) -> None:
        """Raises Unavailable for a model that no longer gets anywhere. The first check makes
        it ready: it has the event loop now."""
        await self.streams.ready()
        await self.streams.check()

    async def close(self) -> None:
        await self.streams.close()

    def results(
        self, item: Any, call: Call, timeline: Timeline, *, paced: bool = False
    ) -> AsyncIterator[Any]:
        """The model's own results for an item; see `Streams.answer`."""
        return self.streams.answer(
            item, tenant=call.tenant, deadline=call.deadline, timeline=timeline, paced=paced
        )

    async def whole(self, grown: Grown, request: Any, call: Call, timeline: Timeline) -> Message:
        """One response, once all results are there."""
        item, gathered = grown.parse(request), grown.gather(timeline)
        with _explained(grown.explain, request):
            async with aclosing(self.results(item, call, timeline)) as results:  # type: ignore[type-var]
                async for result in results:
                    gathered.add(result)
        response = gathered.response()
        response.model_name, response.model_version = self._config.name, self._config.version
        response.timing.CopyFrom(timing_message(timeline, self._identity))
        self._statistics.succeed(timeline)
        return response  # type: ignore[no-any-return]

    async def pieces(
        self, streamed: Streamed, request: Any, call: Call, timeline: Timeline
    ) -> AsyncIterator[Message]:
        """A message for each result: the first names the model, the last has the timing."""
        item, pieces = streamed.parse(request), streamed.pieces(timeline)
        first = True
        with _explained(streamed.explain, request):
            async with aclosing(self.results(item, call, timeline, paced=True)) as results:  # type: ignore[type-var]
                async for result in results:
                    message = pieces.of(result)
                    if first:
                        first = False
                        message.model_name = self._config.name
                        message.model_version = self._config.version
                    if pieces.ended:
                        message.timing.CopyFrom(timing_message(timeline, self._identity))
                        self._statistics.succeed(timeline)
                    yield message

    async def infer(
        self, request: pb.ModelInferRequest, call: Call, timeline: Timeline
    ) -> pb.ModelInferResponse:
        """The one response of a model that always has one."""
        if self._model.signature.decoupled:
            raise Unimplemented(
                f"{self._config.name} is decoupled: it has any number of responses, "
                "which ModelStreamInfer brings"
            )
        async with aclosing(self.messages(request, call, timeline)) as messages:  # type: ignore[type-var]
            return (await anext(messages)).infer_response

    async def messages(
        self, request: pb.ModelInferRequest, call: Call, timeline: Timeline
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """The responses to one message of a stream; the last one says that it is."""
        signature = self._model.signature
        infer = parse_infer(request, signature, 1)
        item = self._model.parse(infer.tensors, infer.parameters)
        async with aclosing(self.results(item, call, timeline, paced=True)) as results:  # type: ignore[type-var]
            async for result in results:
                tensors = self._model.tensors(result)
                response = build_infer(tensors, signature, infer.outputs, request.id)
                response.model_name = request.model_name
                response.model_version = self._config.version
                last = self._model.last(result)
                if last:
                    self._statistics.succeed(timeline)
                    if infer.timing:
                        fields = timing_fields(timeline, self._identity)
                        named = {f"timing.{name}": value for name, value in fields.items()}
                        set_parameters(response.parameters, named)
                # Without it a client takes any response for the last.
                response.parameters["triton_final_response"].bool_param = last
                yield pb.ModelStreamInferResponse(infer_response=response)


@contextmanager
def _explained(explain: Explain, request: Any) -> Iterator[None]:
    """What the model finds wrong, in the words of the request."""
    try:
        yield
    except InvalidArgument as error:
        raise explain(error, request) from None
