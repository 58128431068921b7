"""vLLM's exceptions as ours; their text stays in the log, for it quotes inputs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from serving.errors import InvalidArgument, Overloaded, Unavailable

log = logging.getLogger(__name__)


@contextmanager
def understood(context: int = 0) -> Iterator[None]:
    """Around whatever is asked of vLLM; `context` tokens are what a prompt may have."""
    from vllm.exceptions import GracefulHTTPError, VLLMClientError
    from vllm.v1.engine.exceptions import EngineDeadError

    try:
        yield
    except EngineDeadError:
        raise ended() from None
    except GracefulHTTPError:
        raise Overloaded("the engine's queue is full") from None
    except (VLLMClientError, ValueError, TypeError) as error:
        log.info("vLLM refuses a request: %s", error)
        place = getattr(error, "parameter", None) or "request"
        if place == "input_tokens":
            raise _too_long(context, getattr(error, "value", None)) from None
        raise InvalidArgument.field(str(place), "the engine does not accept this") from None


def _too_long(context: int, actual: object) -> InvalidArgument:
    told = {"limit": str(context)}
    if isinstance(actual, int):
        told["actual"] = str(actual)
    problem = f"must leave room for an answer in the model's {context} tokens"
    return InvalidArgument(
        f"input_tokens: {problem}",
        fields={"input_tokens": problem},
        reason="CONTEXT",
        metadata=told,
    )


def ended(reason: str = "ENGINE_DEAD") -> Unavailable:
    """reason: ENGINE_DEAD, or STALLED where it had to be ended"""
    message = "the engine has ended; another takes its place"
    return Unavailable(message, reason=reason, retry_after=1.0)
