"""Calls between applications through Ray's handles: slower than the edge, but right."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

from serving.errors import ServingError, Unavailable
from serving.replica.forward import Metadata, Reply

# The names under which a model's application and control are found inside Ray.
# A model's name begins with a letter or digit, so none can be called `_control`.
DEPLOYMENT = "replica"
CONTROL = "_control"

_LOST = (RayActorError, BackPressureError, DeploymentUnavailableError, KeyError)


def handle(application: str) -> Any:
    """The handle of an application's replicas, whether or not it exists at present."""
    return serve.get_deployment_handle(DEPLOYMENT, application, _check_exists=False)


async def ask(application: str, method: str, *arguments: Any) -> Any:
    """Calls a method on one replica; raises Unavailable when that goes away meanwhile."""
    try:
        return await handle(application).options(method_name=method).remote(*arguments)
    except _LOST:
        raise Unavailable(
            "the replica went away before it answered; call again", reason="REPLICA_LOST"
        ) from None


async def ask_stream(
    application: str, rpc: str, payload: bytes, metadata: Metadata
) -> AsyncIterator[bytes]:
    """Has a call with many responses answered elsewhere; raises its error."""
    asked = _ask_many(application, "forward_stream", rpc, payload, metadata)
    async with aclosing(asked) as answers:  # type: ignore[type-var]
        async for answer in answers:
            if isinstance(answer, ServingError):
                raise answer
            yield answer


def ask_http(application: str, scope: Any, body: bytes) -> AsyncIterator[Any]:
    """Has an HTTP request answered elsewhere: the ASGI messages of the answer."""
    return _ask_many(application, "forward_http", scope, body)


async def _ask_many(application: str, method: str, *arguments: Any) -> AsyncIterator[Any]:
    options = {"method_name": method, "stream": True}
    answers = handle(application).options(**options).remote(*arguments)
    try:
        async for answer in answers:
            yield answer
    except _LOST:
        raise Unavailable(
            "the replica went away before it had answered; call again", reason="REPLICA_LOST"
        ) from None
    finally:
        answers.cancel()  # harmless after the end


async def ask_message(application: str, payload: bytes, metadata: Metadata) -> list[bytes]:
    """Has one message of a stream answered elsewhere; raises its error."""
    answers: list[bytes] | ServingError = await ask(
        application, "forward_message", payload, metadata
    )
    if isinstance(answers, ServingError):
        raise answers
    return answers


class ControlForwarder:
    """Hands foreign calls to control, which knows where every model is."""

    async def unary(self, rpc: str, payload: bytes, metadata: Metadata) -> Reply:
        reply: Reply = await ask(CONTROL, "forward", rpc, payload, metadata)
        return reply

    def stream(self, rpc: str, payload: bytes, metadata: Metadata) -> AsyncIterator[bytes]:
        return ask_stream(CONTROL, rpc, payload, metadata)

    async def message(self, payload: bytes, metadata: Metadata) -> list[bytes]:
        return await ask_message(CONTROL, payload, metadata)
