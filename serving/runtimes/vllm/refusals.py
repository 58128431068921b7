"""vLLM's exceptions as ours; their text stays in the log, for it quotes inputs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from serving.errors import InvalidArgument, Overloaded, Unavailable

log = logging.getLogger(__name__)


@contextmanager
def understood(context: int = 0, *, counted: bool = True) -> Iterator[None]:
    """Around whatever is asked of vLLM; `context` tokens are what a prompt may have.

    counted: vLLM has the prompt's tokens all, and not one for each picture yet
    """
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
        if place == "input_text":  # whatever its tokens would be, there were too many
            raise too_long(context, context + 1, counted=False) from None
        if place == "input_tokens":
            actual = int(getattr(error, "value", None) or context + 1)
            raise too_long(context, actual, counted=counted) from None
        raise InvalidArgument.field(str(place), "the engine does not accept this") from None


def too_long(context: int, actual: int, *, counted: bool = True) -> InvalidArgument:
    """counted: `actual` is the prompt's number of tokens; else it has so many at least"""
    shown, told = ("", "actual") if counted else ("at least ", "actual_at_least")
    problem = f"has {shown}{actual} tokens; with an answer it may have the model's {context}"
    return _beyond("input_tokens", problem, {"limit": context, told: actual})


def no_room(field: str, context: int, prompt: int, wanted: int) -> InvalidArgument:
    """field: who wants so many tokens after the prompt's; limit and actual are of both"""
    problem = f"the prompt leaves room for {context - prompt} tokens of {context}"
    return _beyond(field, problem, {"limit": context, "actual": prompt + wanted})


def _beyond(field: str, problem: str, told: Mapping[str, int]) -> InvalidArgument:
    metadata = {name: str(number) for name, number in told.items()}
    return InvalidArgument.field(field, problem, reason="CONTEXT", metadata=metadata)


def ended(reason: str = "ENGINE_DEAD") -> Unavailable:
    """reason: ENGINE_DEAD, or STALLED where it had to be ended"""
    message = "the engine has ended; another takes its place"
    return Unavailable(message, reason=reason, retry_after=1.0)
