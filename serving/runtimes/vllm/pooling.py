"""An encoder in vLLM: an engine that pools."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from serving.models.base import Array, Device
from serving.runtimes.encoders.cutter import Cutter, Tokens
from serving.runtimes.encoders.encoder import Encoder
from serving.runtimes.encoders.options import EncoderOptions
from serving.runtimes.vllm.engine import Engine


class Pooling(Encoder):
    """The texts of one engine."""

    platform = "vllm"

    def __init__(self, folder: Path, options: EncoderOptions, device: Device, name: str) -> None:
        super().__init__(folder, options, device, name)
        self._engine = Engine(folder, options, device, name)

    def start(self) -> None:
        self._engine.start()
        renderer = self._engine.llm.renderer
        lower = bool(renderer.default_cmpl_tok_params.do_lower_case)
        self.cutter = Cutter(renderer.tokenizer, self._engine.context, lower=lower)
        self.width, self.labels = self._engine.width, self._engine.labels

    async def ready(self) -> None:
        await self._engine.ready()

    async def check(self) -> None:
        await self._engine.check()

    async def close(self) -> None:
        await self._engine.close()

    @property
    def unfinished(self) -> int:
        return self._engine.unfinished

    async def vectors(self, texts: Sequence[Tokens], *, tenant: str) -> Array:
        task = self.options.task
        try:
            async with asyncio.TaskGroup() as group:
                pooled = [
                    group.create_task(
                        self._engine.pool(
                            self._engine.tokens(text.ids),
                            task,
                            tenant=tenant,
                            activation=task == "classify",
                            priority=place,
                        )
                    )
                    for place, text in enumerate(texts)
                ]
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return np.stack([each.result() for each in pooled])
