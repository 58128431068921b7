"""One model behind gRPC: requests in, results and their timing out.

Knows nothing of Ray: `serving.replica.deployment` puts it into a Serve deployment,
`serving.replica.bare` behind a plain grpc.aio server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Overloaded,
    Unimplemented,
)
from serving.models.base import Model, Served, StreamingModel
from serving.replica.call import Call
from serving.replica.decoupled import interleave
from serving.replica.forward import Forwarder, Reply
from serving.replica.growing import Growing
from serving.replica.pictures import Draws, PictureCalls
from serving.replica.servicer import Servicer, understood
from serving.replica.statistics import Statistics
from serving.replica.streaming import Answers
from serving.repository.config import ModelConfig, versioned
from serving.scheduling.batcher import Batcher
from serving.services.catalog import RPCS, Rpc
from serving.services.describe import Description
from serving.services.tensor import build_infer, parse_infer, set_parameters
from serving.services.timing import timing_fields, timing_message
from serving.services.typed import (
    GROWN,
    KEPT,
    SHOWN,
    STREAMED,
    TYPED,
    Grown,
    Kept,
    Shown,
    Streamed,
    Typed,
)
from serving.timing import Timeline

if TYPE_CHECKING:
    from serving.replica.gallery import GalleryCalls


class Replica(Servicer):
    """Serves one loaded model.

    forwarder: takes messages that name another model to it; without one they are
    NOT_FOUND, as befits a server of a single model.
    """

    def __init__(
        self,
        config: ModelConfig,
        model: Served[Any, Any],
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
            stream_window=_window(model, self.max_batch_size),
        )
        self.statistics = Statistics()
        self.work: Batcher[Any, Any] | Growing
        if isinstance(model, StreamingModel):
            self.work = Growing(config, model, self.statistics, self.identity)
        else:
            assert isinstance(model, Model)
            self.work = Batcher(
                model,
                max_batch_size=self.max_batch_size,
                max_queue_delay=config.batching.max_queue_delay_ms / 1e3,
                queue=config.limits.queue,
                on_batch=self.statistics.executed,
            )
        self._gallery = self._kept()
        self._forwarder = forwarder
        self._names = {config.name, f"{config.name}@{config.version}"}

    @property
    def max_batch_size(self) -> int:
        """Rows a request may carry and a batch may hold; 1 where the weights allow no more."""
        batches = isinstance(self.model, Model) and self.model.batchable
        return self.config.batching.max_batch_size if batches else 1

    @property
    def batcher(self) -> Batcher[Any, Any]:
        """Of a model whose items run in batches."""
        assert isinstance(self.work, Batcher)
        return self.work

    @property
    def growing(self) -> Growing:
        """Of a model whose answers grow."""
        assert isinstance(self.work, Growing)
        return self.work

    @property
    def gallery(self) -> GalleryCalls:
        """Of a model that keeps people; raises FailedPrecondition for one that does not."""
        if self._gallery is None:
            raise FailedPrecondition(
                f"{self.config.name} keeps no galleries; its model.yaml needs the key `gallery`",
                reason="NO_GALLERY",
            )
        return self._gallery

    def describe(self) -> Description:
        return Description(
            name=self.config.name,
            version=self.config.version,
            signature=self.model.signature,
            max_batch_size=self.max_batch_size,
            max_queue_delay_us=int(self.config.batching.max_queue_delay_ms * 1e3),
            facts=self.model.facts,
        )

    async def check(self) -> None:
        """Raises RuntimeError or Unavailable when this replica should be replaced.

        Judged by progress alone: a full queue is no illness, a batch that does not end is.
        The first check makes a model ready whose answers grow: it has the event loop now.
        """
        if isinstance(self.work, Growing):
            await self.work.streams.ready()
            await self.work.streams.check()
            return
        if not self.work.alive:
            raise RuntimeError("the compute thread has ended. This is a bug.")
        if self.work.running_for > 2 * self.config.limits.deadline_s:
            raise RuntimeError("a batch has been computing for twice the longest deadline")

    async def close(self) -> None:
        """Lets what was admitted end, then releases threads and processes."""
        work = self.work.streams if isinstance(self.work, Growing) else self.work
        await work.close()
        if self._gallery is not None:
            await self._gallery.close()

    # Calls ------------------------------------------------------------------------

    async def answer(
        self, rpc: Rpc, request: Any, call: Call, timeline: Timeline
    ) -> Message | Reply:
        typed = TYPED.get(rpc.name) or GROWN.get(rpc.name) or KEPT.get(rpc.name)
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
            if isinstance(self.work, Growing):
                messages = self.work.messages(request, call, timeline)
                return [message async for message in messages]
            answered = await self._infer(request, call, timeline)
        answered.parameters["triton_final_response"].bool_param = True
        return [pb.ModelStreamInferResponse(infer_response=answered)]

    def answer_stream(
        self, rpc: Rpc, requests: Any, call: Call, timeline: Timeline
    ) -> AsyncIterator[Message]:
        if streamed := STREAMED.get(rpc.name) or SHOWN.get(rpc.name) or KEPT.get(rpc.name):
            call = call.within(self.config.limits.stream_s)
            return self._streamed(rpc, streamed, requests, call, timeline)
        if rpc.name == "ModelStreamInfer" and self.model.signature.decoupled:

            def grow(request: pb.ModelInferRequest) -> AsyncIterator[pb.ModelStreamInferResponse]:
                return self._messages(request, call.within(self.config.limits.stream_s))

            fatal = call.wants_fatal_errors
            return interleave(requests, grow, window=self.stream_window, fatal=fatal)
        return super().answer_stream(rpc, requests, call, timeline)

    async def _streamed(
        self,
        rpc: Rpc,
        streamed: Streamed | Shown | Kept,
        request: Any,
        call: Call,
        timeline: Timeline,
    ) -> AsyncIterator[Message]:
        self._authorize(request.model_name, "", call)
        if not self._mine(request.model_name, "", default=True):
            forwarder = self._foreign(request, call)
            payloads = forwarder.stream(rpc.name, request.SerializeToString(), call.forwarded())
            async with aclosing(payloads) as answers:  # type: ignore[type-var]
                async for answer in answers:
                    yield rpc.response.FromString(answer)
            return
        with self._counted(timeline):
            self._require_family(streamed.family)
            if isinstance(streamed, Kept):
                pieces = self.gallery.pieces(streamed, request, call, timeline)
            elif isinstance(streamed, Shown):
                pieces = self._pictures().pieces(streamed, request, call)
            else:
                pieces = self.growing.pieces(streamed, request, call, timeline)
            async with aclosing(pieces) as messages:  # type: ignore[type-var]
                async for message in messages:
                    yield message

    async def _messages(
        self, request: pb.ModelInferRequest, call: Call
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """The responses to one message of a decoupled model's stream, as they come; raises
        ServingError alone."""
        timeline = Timeline()
        try:
            self._authorize(request.model_name, request.model_version, call)
            if not self._mine(request.model_name, request.model_version, default=False):
                for answer in await self.answer_message(request, call):
                    yield answer
                return
            with self._counted(timeline):
                messages = self.growing.messages(request, call, timeline)
                async with aclosing(messages) as responses:  # type: ignore[type-var]
                    async for response in responses:
                        yield response
        except Exception as error:
            raise understood(error, RPCS["ModelStreamInfer"], call) from None

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
        if isinstance(self.work, Growing):
            return await self.work.infer(request, call, timeline)
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

    async def _typed(
        self, typed: Typed | Grown | Kept, request: Any, call: Call, timeline: Timeline
    ) -> Message:
        self._require_family(typed.family)
        if isinstance(typed, Grown):
            return await self.growing.whole(typed, request, call, timeline)
        if isinstance(typed, Kept):
            return await self.gallery.whole(typed, request, call, timeline)
        item = typed.parse(request)
        result = await self._submit(item, call, timeline)
        response = typed.build(result)
        response.model_name, response.model_version = self.config.name, self.config.version
        response.timing.CopyFrom(timing_message(timeline, self.identity))
        self.statistics.succeed(timeline)
        return response  # type: ignore[no-any-return]

    def _kept(self) -> GalleryCalls | None:
        """The galleries of a model whose model.yaml asks for them."""
        if getattr(self.config.options, "gallery", None) is None:
            return None
        from serving.replica.gallery import GalleryCalls  # and with it all of SQLAlchemy

        return GalleryCalls(self.config, self._submit, self.statistics, self.identity)

    def _pictures(self) -> PictureCalls:
        """Of a model of the family `synthesis`."""
        return PictureCalls(
            self.config,
            cast(Draws, self.model),
            self._submit,
            self.statistics,
            self.identity,
            self.stream_window,
        )

    async def _submit(self, item: Any, call: Call, timeline: Timeline) -> Any:
        while True:
            try:
                return await self.batcher.submit(item, deadline=call.deadline, timeline=timeline)
            except Overloaded as full:
                if not call.patient or call.remaining <= full.retry_after:
                    raise
                await asyncio.sleep(full.retry_after)

    def _require_family(self, family: str) -> None:
        if self.config.family != family:
            raise InvalidArgument.field(
                "model_name",
                f"{self.config.name} is a {self.config.family} model; "
                f"this call needs a {family} model",
                reason="WRONG_FAMILY",
            )

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


def _window(model: Served[Any, Any], max_batch_size: int) -> int:
    """How many messages of one stream are worked on together."""
    if isinstance(model, StreamingModel):
        return model.places
    return 2 * max_batch_size  # one batch is computed while the next is prepared
