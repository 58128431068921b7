"""One replica's HTTP door: OpenAI's requests in, answers and events out, as an ASGI application.

It stands behind the edge, which has looked at the token and says here whose it was; a
request without the edge's secret is refused before anything else is looked at. What comes
in takes the same way to the model as a gRPC call: admission, deadline, cancellation.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.errors import InvalidArgument, NotFound, ServingError
from serving.openai import answers, chat, completions, embeddings, names, texts, web
from serving.openai.asked import Asked
from serving.openai.document import read
from serving.replica.call import Call, internal, open_call
from serving.repository.config import ModelConfig
from serving.telemetry.traces import http_span
from serving.timing import Timeline

if TYPE_CHECKING:
    from serving.replica.replica import Replica

logger = logging.getLogger(__name__)

# A body's text; a million tokens are fewer bytes than this.
_MOST_TEXT = 8 * 2**20


@dataclass(frozen=True)
class Endpoint:
    """One path: who answers there, and the translations.

    whole: makes what takes the family's results (`add`) and has the `object`
    chunks: makes what turns a result into events (`of`), and has the `end`
    """

    family: str
    prefix: str
    parse: Callable[[dict[str, Any]], Asked[Any]]
    whole: Callable[[Any, str], Any]
    chunks: Callable[[Any, str], Any] | None = None


ENDPOINTS = {
    "/v1/chat/completions": Endpoint("chat", "chatcmpl", chat.parse, answers.Whole, answers.Chunks),
    "/v1/completions": Endpoint("chat", "cmpl", completions.parse, texts.Whole, texts.Pieces),
    "/v1/embeddings": Endpoint("embedding", "embd", embeddings.parse, embeddings.Vectors),
}


class Door:
    """The application of one replica, whose model's family has endpoints here."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._most = most_body(replica.config)

    async def __call__(self, scope: web.Scope, receive: web.Receive, send: web.Send) -> None:
        if scope["type"] == "lifespan":
            await web.live(receive, send)
            return
        response, call = web.Response(send), None
        try:
            headers = web.headers_of(scope)
            call = self._open(headers)
            path = web.path_of(scope)
            endpoint = ENDPOINTS.get(path)
            if endpoint is None or scope["method"] != "POST":
                await response.refuse(404, "there is no such endpoint", "METHOD_UNKNOWN")
                return
            timeline = Timeline()
            with http_span(path, call, timeline):
                await self._answer(endpoint, call, timeline, receive, response)
        except web.Gone:
            return
        except Exception as error:
            await response.fail(self._understood(error, call))

    def _open(self, headers: Mapping[str, str]) -> Call:
        """Deadlines are the body's to choose from, so the longest is taken for now."""
        limits = self._replica.config.limits
        longest = max(limits.deadline_s, limits.stream_s)
        call = open_call(headers.items(), self._replica.secret, longest)
        call.require_infer()
        return call

    async def _answer(
        self,
        endpoint: Endpoint,
        call: Call,
        timeline: Timeline,
        receive: web.Receive,
        response: web.Response,
    ) -> None:
        async with asyncio.timeout(call.remaining):
            body = await web.read_body(receive, self._most)
        asked = endpoint.parse(read(body))
        self._require_mine(endpoint, asked.model, call)
        try:
            limits = self._replica.config.limits
            call = call.within(limits.stream_s if asked.streamed else limits.deadline_s)
            results = self._replica.growing.results(asked.item, call, timeline)
            identity = f"{endpoint.prefix}-{uuid.uuid4().hex}"
            async with aclosing(results):  # type: ignore[type-var]
                await self._tell(endpoint, asked, identity, results, response)
        except BaseException as error:
            self._replica.statistics.fail(timeline)
            if isinstance(error, InvalidArgument):
                raise asked.explain(error) from None
            raise
        self._replica.statistics.succeed(timeline)

    async def _tell(
        self,
        endpoint: Endpoint,
        asked: Asked[Any],
        identity: str,
        results: AsyncIterator[Any],
        response: web.Response,
    ) -> None:
        if not asked.streamed:
            whole = endpoint.whole(asked, identity)
            async for result in results:
                whole.add(result)
            await response.object(whole.object())
            return
        assert endpoint.chunks is not None, "only what has chunks takes `stream`. This is a bug."
        chunks = endpoint.chunks(asked, identity)
        async for result in results:
            await response.event(chunks.of(result))
        await response.event(chunks.end())
        await response.end()

    def _require_mine(self, endpoint: Endpoint, name: str, call: Call) -> None:
        """Raises PermissionDenied, whether or not there is such a model; NotFound."""
        config = self._replica.config
        model, _ = names.split(name)
        call.require(model)
        mine = {config.name, f"{config.name}@{config.version}"}
        if not config.latest:  # a bare name means the latest version
            mine.remove(config.name)
        if model not in mine:
            raise NotFound(f"no model {name[:128]!r} here", name=name, reason="MODEL_NOT_FOUND")
        if config.family != endpoint.family:
            raise InvalidArgument.field(
                "model",
                f"{config.name} is a {config.family} model; "
                f"this endpoint asks models of the family {endpoint.family}",
                reason="WRONG_FAMILY",
            )

    def _understood(self, error: Exception, call: Call | None) -> ServingError:
        """What the client learns of an exception; ours are logged and shown as an id."""
        if isinstance(error, ServingError):
            return error
        if isinstance(error, TimeoutError) and call is not None and call.remaining <= 0:
            return call.expired()
        request_id = call.request_id if call else ""
        logger.error("the HTTP door failed (request %s)", request_id, exc_info=error)
        return internal(request_id)


def most_body(config: ModelConfig) -> int:
    """Bytes of the largest body a model takes: its text and its pictures, these in base64."""
    pictures = int(getattr(config.options, "images", 0))
    return _MOST_TEXT + pictures * (config.limits.image_bytes * 4 // 3 + 1024)
