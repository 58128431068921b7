"""Control's HTTP door: the list of models, and requests whose model the edge could not read.

The edge sees the beginning of a body. Where `model` comes late in a large one, the whole
body is read here, and the model called by its handle: slower, but right.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from serving.errors import InvalidArgument, NotFound, ServingError
from serving.openai import names, web
from serving.openai.door import ENDPOINTS
from serving.openai.envelope import Object
from serving.openai.relay import portable
from serving.replica.call import Call, internal, open_call
from serving.repository.config import ModelConfig

if TYPE_CHECKING:
    from serving.control.models import Models

logger = logging.getLogger(__name__)

_MODELS = "/v1/models"
_MOST_BODY = 64 * 2**20
_PATIENCE_S = 600.0

# Application, scope, body → the messages of its answer.
Ask = Callable[[str, web.Scope, bytes], AsyncIterator[web.Message]]


class Catalogue:
    """The application of control."""

    def __init__(self, models: Models, ask: Ask, secret: str | None) -> None:
        self._models = models
        self._ask = ask
        self._secret = secret
        self._since = int(time.time())

    async def __call__(self, scope: web.Scope, receive: web.Receive, send: web.Send) -> None:
        if scope["type"] == "lifespan":
            await web.live(receive, send)
            return
        response, call = web.Response(send), None
        try:
            call = open_call(web.headers_of(scope).items(), self._secret, _PATIENCE_S)
            path = web.path_of(scope)
            if scope["method"] == "POST" and path in ENDPOINTS:
                call.require_infer()
                body = await web.read_body(receive, _MOST_BODY)
                model = await self._named(body, call)
                messages = self._ask(model.application, portable(scope, path), body)
                async with aclosing(messages) as answer:  # type: ignore[type-var]
                    async for message in answer:
                        response.begun = True
                        await send(message)
            elif scope["method"] == "GET" and path == _MODELS:
                await response.object({"object": "list", "data": await self._list(call)})
            elif scope["method"] == "GET" and path.startswith(f"{_MODELS}/"):
                await response.object(await self._one(path.removeprefix(f"{_MODELS}/"), call))
            else:
                await response.refuse(404, "there is no such endpoint", "METHOD_UNKNOWN")
        except web.Gone:
            return
        except ServingError as error:
            await response.fail(error)
        except Exception:
            request_id = call.request_id if call else ""
            logger.exception("control's HTTP door failed (request %s)", request_id)
            await response.fail(internal(request_id))

    async def _named(self, body: bytes, call: Call) -> ModelConfig:
        try:
            name = json.loads(body)["model"]
        except (ValueError, TypeError, KeyError, RecursionError):
            name = None
        if not isinstance(name, str):
            problem = "is missing, or the body is no JSON object"
            raise InvalidArgument.field("model", problem)
        model, _ = names.split(name)
        try:
            found = await self._models.find(model, "", call)
        except InvalidArgument:  # no name at all
            raise _unknown(name) from None
        if found.config.family not in names.FAMILIES:
            raise _unknown(name)
        return (await self._models.ready(found)).config

    async def _list(self, call: Call) -> list[Object]:
        visible = await self._models.visible(call)
        ready = (model.config for model in visible if model.ready)
        configs = [config for config in ready if config.family in names.FAMILIES]
        return [
            self._entry(name, config)
            for config in sorted(configs, key=lambda config: config.application)
            for name in names.of(config)
        ]

    async def _one(self, name: str, call: Call) -> Object:
        for entry in await self._list(call):
            if entry["id"] == name:
                return entry
        raise _unknown(name)

    def _entry(self, name: str, config: ModelConfig) -> Object:
        adapter = names.split(name)[1]
        return {
            "id": name,
            "object": "model",
            "created": self._since,
            "owned_by": "seom",
            "family": config.family,
            "parent": None if adapter is None else config.application,
        }


def _unknown(name: Any) -> NotFound:
    return NotFound(
        f"no model {name[:128]!r}; {_MODELS} lists those there are",
        name=name,
        reason="MODEL_NOT_FOUND",
    )
