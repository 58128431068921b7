"""What bodies have in common: the model's name, sampling, and how the answer is to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from serving.errors import InvalidArgument
from serving.models.chat import bounds, rules
from serving.models.chat.bounds import Wrong
from serving.openai import names
from serving.openai.document import Reader, text_of
from serving.runtimes.vllm.types import Constraint, Sampling

Item = TypeVar("Item")

# `structured_outputs` is vLLM's own extension of OpenAI's API.
_KINDS = {"json": "json_schema", "regex": "regex", "choice": "choice", "grammar": "grammar"}


@dataclass(frozen=True, slots=True)
class Asked(Generic[Item]):
    """A request understood.

    model: as the client wrote it, adapter and all
    usage: whether a stream ends with the tokens it took
    several: whether an answer may have more than one tool call
    words: our fields' names → the body's, where they differ
    """

    model: str
    item: Item
    streamed: bool = False
    usage: bool = False
    several: bool = True
    words: Mapping[str, str] = field(default_factory=dict)

    def explain(self, error: InvalidArgument) -> InvalidArgument:
        """What the model or its engine found wrong, under the names the body has for it."""
        fields = [(self.words.get(name, name), problem) for name, problem in error.fields]
        if fields == list(error.fields):
            return error
        message = "; ".join(f"{name}: {problem}" for name, problem in fields)
        return InvalidArgument(message, fields=fields, reason=error.reason, metadata=error.metadata)


def take_model(body: Reader, wrong: Wrong) -> tuple[str, str | None]:
    """The model as the client wrote it, and which of its adapters that means."""
    model = body.need("model", str) or ""
    _, adapter = names.split(model)
    rules.check_adapter(adapter, "model", wrong)
    return model, adapter


def take_streaming(body: Reader, wrong: Wrong) -> tuple[bool, bool]:
    """Whether to stream, and whether a stream is to end with usage."""
    streamed = bool(body.take("stream", bool))
    options = body.inner("stream_options")
    if options is None:
        return streamed, False
    if not streamed:
        wrong("stream_options", "is for streams; set `stream` to true")
    usage = bool(options.take("include_usage", bool))
    options.end()
    return streamed, usage


def take_sampling(body: Reader, words: Mapping[str, str], wrong: Wrong) -> Sampling:
    """The fields of `bounds` that are numbers; others are the callers' to take.

    words: our fields' names → the body's, where they differ
    """

    def told(name: str, problem: str) -> None:
        wrong(words.get(name, name), problem)

    given = {}
    for name in sorted(bounds.FIELDS):
        if (value := body.take_any(words.get(name, name))) is not None:
            given[name] = value
    sampling = bounds.sampling(given, told)
    structured = body.inner("structured_outputs")
    constraint = _structured(structured, wrong) if structured else None
    return replace(sampling, constraint=constraint) if constraint else sampling


def _structured(given: Reader, wrong: Wrong) -> Constraint | None:
    found = [(kind, value) for kind in _KINDS if (value := given.take_any(kind)) is not None]
    given.end()
    if len(found) != 1:
        wrong("structured_outputs", f"must have one of {', '.join(_KINDS)}, and one alone")
        return None
    kind, value = found[0]
    path = given.path + kind
    texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
    if kind == "choice" and not texts:
        wrong(path, "must be a list of strings")
        return None
    if kind == "json" and isinstance(value, dict):
        value = text_of(value)
    elif kind != "choice" and not isinstance(value, str):
        wrong(path, "must be a string")
        return None
    return bounds.constraint(_KINDS[kind], value, lambda _, problem: wrong(path, problem))


def take_ignored(body: Reader, wrong: Wrong) -> None:
    """What OpenAI's own service wants to know and this one does not."""
    body.ignore("user", "metadata", "safety_identifier")
    if body.take("store", bool):
        wrong("store", "must be false: nothing is stored here")
    if body.take("service_tier", str) not in (None, "auto", "default"):
        wrong("service_tier", "must be auto: there are no tiers")
