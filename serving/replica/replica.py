"""One model behind gRPC: requests in, results and their timing out.

Knows nothing of Ray: `serving.replica.deployment` puts it into a Serve deployment,
`serving.replica.bare` behind a plain grpc.aio server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Unimplemented,
)
from serving.models.base import Model, Served, StreamingModel
from serving.replica.batched import Batched
from serving.replica.call import Call
from serving.replica.decoupled import interleave
from serving.replica.forward import Forwarder, Reply
from serving.replica.growing import Growing
from serving.replica.pictures import Draws, PictureCalls
from serving.replica.servicer import Servicer, understood
from serving.replica.statistics import Statistics
from serving.replica.streaming import Answers
from serving.repository.config import ModelConfig, versioned
from serving.services.catalog import RPCS, Rpc
from serving.services.describe import Description
from serving.services.typed import (
    IN_PIECES,
    WHOLE,
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
        self.statistics = Statistics()
        self.work: Batched | Growing
        told = self.statistics, identity or config.name
        if isinstance(model, StreamingModel):
            self.work = Growing(config, model, *told)
        else:
            assert isinstance(model, Model)
            self.work = Batched(config, model, *told)
        super().__init__(
            secret=secret,
            deadline_cap=config.limits.deadline_s,
            identity=identity or config.name,
            stream_window=self.work.window,
        )
        self._gallery = self._kept()
        self._forwarder = forwarder
        self._names = {config.name, f"{config.name}@{config.version}"}

    @property
    def batched(self) -> Batched:
        """Of a model whose items run in batches."""
        assert isinstance(self.work, Batched)
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

    @cached_property
    def pictures(self) -> PictureCalls:
        """Of a model of the family `synthesis`."""
        model, submit = cast(Draws, self.model), self.batched.submit
        return PictureCalls(
            self.config, model, submit, self.statistics, self.identity, self.stream_window
        )

    def describe(self) -> Description:
        return Description(
            name=self.config.name,
            version=self.config.version,
            signature=self.model.signature,
            max_batch_size=self.work.max_batch_size,
            max_queue_delay_us=int(self.config.batching.max_queue_delay_ms * 1e3),
            facts=self.model.facts,
        )

    async def check(self) -> None:
        """Raises RuntimeError or Unavailable when this replica should be replaced: judged by
        progress alone."""
        await self.work.check()

    async def close(self) -> None:
        """Lets what was admitted end, then releases threads and processes."""
        await self.work.close()
        if self._gallery is not None:
            await self._gallery.close()

    # Calls ------------------------------------------------------------------------

    async def answer(
        self, rpc: Rpc, request: Any, call: Call, timeline: Timeline
    ) -> Message | Reply:
        typed = WHOLE.get(rpc.name)
        if typed is None and rpc.name != "ModelInfer":
            raise Unimplemented(f"{rpc.name} is answered by the edge, not by a replica")
        version = request.model_version if typed is None else ""
        self._authorize(request.model_name, version, call)
        if not self._mine(request.model_name, version, default=typed is not None):
            forwarder = self._foreign(request, call)
            return await forwarder.unary(rpc.name, request.SerializeToString(), call.forwarded())
        with self._counted(timeline):
            if typed is None:
                return await self.work.infer(request, call, timeline)
            return await self._way(typed).whole(typed, request, call, timeline)  # type: ignore[no-any-return]

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
            answered = await self.work.infer(request, call, timeline)
        answered.parameters["triton_final_response"].bool_param = True
        return [pb.ModelStreamInferResponse(infer_response=answered)]

    def answer_stream(
        self, rpc: Rpc, requests: Any, call: Call, timeline: Timeline
    ) -> AsyncIterator[Message]:
        if streamed := IN_PIECES.get(rpc.name):
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
            pieces = self._way(streamed).pieces(streamed, request, call, timeline)
            async with aclosing(pieces) as messages:
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

    def _way(self, kind: Typed | Grown | Streamed | Shown | Kept) -> Any:
        """Who answers calls of a kind; raises InvalidArgument for another family's."""
        if self.config.family != kind.family:
            raise InvalidArgument.field(
                "model_name",
                f"{self.config.name} is a {self.config.family} model; "
                f"this call needs a {kind.family} model",
                reason="WRONG_FAMILY",
            )
        if isinstance(kind, Kept):
            return self.gallery
        return self.pictures if isinstance(kind, Shown) else self.work

    def _kept(self) -> GalleryCalls | None:
        """The galleries of a model whose model.yaml asks for them."""
        if getattr(self.config.options, "gallery", None) is None:
            return None
        from serving.replica.gallery import GalleryCalls  # and with it all of SQLAlchemy

        return GalleryCalls(self.config, self.batched.submit, self.statistics, self.identity)

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
