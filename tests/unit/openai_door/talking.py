"""A replica of a chat model without an engine: it says the last message's words one by one.

The words `wait` (for ever), `fail` (a bug of ours) and `full` (no place) do what they say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from serving.errors import InvalidArgument, NotFound, Overloaded
from serving.models.base import Device, Signature, StreamingModel, Tensors
from serving.models.chat.types import Query, Result
from serving.replica.replica import Replica
from serving.repository.config import ModelConfig, Section
from serving.runtimes.vllm.types import Usage
from serving.timing import Timeline

from .replies import piece

SECRET = "the-edges-own-secret"


class Options(Section):
    images: int = 1


class Model(StreamingModel[Query, Result]):
    def __init__(self, config: ModelConfig, device: Device) -> None:
        super().__init__(config, device)
        self.asked: list[tuple[Query, str]] = []
        self.talking = 0

    def load(self) -> None:
        pass

    async def ready(self) -> None:
        pass

    async def check(self) -> None:
        pass

    @property
    def places(self) -> int:
        return 2

    @property
    def signature(self) -> Signature:
        return Signature((), (), decoupled=True)

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Query:
        raise NotImplementedError

    def tensors(self, result: Result) -> Tensors:
        raise NotImplementedError

    def example(self, seed: int = 0) -> Query:
        raise NotImplementedError

    async def answer(self, item: Query, tenant: str, timeline: Timeline) -> AsyncIterator[Result]:
        self.asked.append((item, tenant))
        if item.adapter not in (None, "formal"):
            raise NotFound(f"no adapter {item.adapter!r}", reason="ADAPTER_NOT_FOUND")
        text = item.prompt if hasattr(item, "prompt") else item.turns[-1].parts[0].text  # type: ignore[union-attr]
        words = str(text).split()
        self.talking += 1
        try:
            for number, word in enumerate(words, 1):
                if word == "wait":
                    await asyncio.Event().wait()
                if word == "fail":
                    raise RuntimeError("a secret of ours")
                if word == "full":
                    raise Overloaded("no place", retry_after=2.2)
                if word == "long":
                    raise InvalidArgument.field("max_tokens", "is too much", reason="CONTEXT")
                last = number == len(words)
                usage = Usage(len(words), 0, number) if last else None
                yield piece(word, finish="stop" if last else None, usage=usage)
        finally:
            self.talking -= 1


def replica(config: ModelConfig) -> Replica:
    return Replica(config, Model(config, Device()), secret=SECRET)
