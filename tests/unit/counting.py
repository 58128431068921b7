"""A family whose answers grow: it counts to the number it is given.

    counter    INT32 [1] `to`  →  INT32 [1] `number`, as many responses as `to` says

It pauses before each number for as long as `pause_s`; `failing` is the number it cannot say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np

from serving.errors import Internal
from serving.models import base
from serving.models.base import Device, Signature, Tensors, TensorSpec
from serving.repository.config import ModelConfig, Section
from serving.timing import Stage, Timeline


class Options(Section):
    places: int = 2
    pause_s: float = 0.0
    failing: int = -1
    decoupled: bool = True


class Model(base.StreamingModel[int, tuple[int, int]]):
    """An item is how far to count; a result is a number and how far it goes."""

    def __init__(self, config: ModelConfig, device: Device) -> None:
        super().__init__(config, device)
        self.made_ready = self.counting = 0
        self.tenants: list[str] = []
        self.ill: Exception | None = None

    def load(self) -> None:
        pass

    async def ready(self) -> None:
        self.made_ready += 1

    async def check(self) -> None:
        if self.ill:
            raise self.ill

    @property
    def places(self) -> int:
        return int(self.config.options.places)

    @property
    def signature(self) -> Signature:
        return Signature(
            (TensorSpec("to", "INT32", (1,)),),
            (TensorSpec("number", "INT32", (1,)),),
            decoupled=self.config.options.decoupled,
        )

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> int:
        return int(tensors["to"][0])

    def tensors(self, result: tuple[int, int]) -> Tensors:
        return {"number": np.array([result[0]], np.int32)}

    def last(self, result: tuple[int, int]) -> bool:
        number, to = result
        return number == to

    def example(self, seed: int = 0) -> int:
        return 1 + seed % 5

    async def answer(
        self, item: int, tenant: str, timeline: Timeline
    ) -> AsyncIterator[tuple[int, int]]:
        self.tenants.append(tenant)
        self.counting += 1
        try:
            for number in range(1, item + 1):
                await asyncio.sleep(self.config.options.pause_s)
                if number == self.config.options.failing:
                    raise Internal("it does not know that number")
                timeline.mark(Stage.DEVICE)
                yield number, item
        finally:
            self.counting -= 1
