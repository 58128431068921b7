"""The entry as it is served: conversations through the code of the cluster and its vLLM."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model_repo.island.chat.entry import NAME
from model_repo.island.chat.judging import LONGEST
from model_repo.island.chat.lessons.tools import spell
from model_repo.island.chat.pen import Sample
from serving.models.chat import types
from serving.replica.load import load_model
from serving.repository import config
from serving.runtimes.vllm.types import Constraint, ReplyDelta, Sampling, Text, Tool, ToolCall
from serving.timing import Timeline


class Served:
    """The model of an entry that speaks; `async with`, for it starts an engine."""

    def __init__(self, root: Path, name: str = NAME) -> None:
        (self._settings, *_) = config.read(root / name / "model.yaml", "reference")

    async def __aenter__(self) -> Served:
        with warnings.catch_warnings(action="ignore"):  # of torch, while vLLM imports it
            model: Any = load_model(self._settings)
            self._model = model
        await self._model.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._model.close()

    async def replies(
        self,
        samples: Sequence[Sample],
        adapter: str | None = None,
        schema: dict[str, Any] | None = None,
    ) -> list[str]:
        """What it says last in each conversation, greedily and all together; a call comes back
        as the corpus spells it. schema: what the replies are held to."""
        return await asyncio.gather(*(self._reply(each, adapter, schema) for each in samples))

    async def _reply(
        self, sample: Sample, adapter: str | None, schema: dict[str, Any] | None
    ) -> str:
        constraint = Constraint("json", json.dumps(schema)) if schema else None
        sampling = Sampling(temperature=0.0, max_tokens=LONGEST, constraint=constraint)
        asked = types.Chat(
            tuple(_turn(message) for message in sample.messages[:-1]),
            sampling,
            tuple(Tool(**tool["function"]) for tool in sample.tools),
            adapter=adapter,
        )
        return await self.reply(asked)

    async def reply(self, asked: types.Chat) -> str:
        text, name, arguments = "", "", ""
        async for delta in self._model.answer(asked, "", Timeline()):
            assert isinstance(delta, ReplyDelta)
            text += delta.text
            for call in delta.tool_calls:
                name += call.name or ""
                arguments += call.arguments
        return text + spell(name, json.loads(arguments)) if name else text


def _turn(message: Any) -> types.Turn:
    calls = tuple(
        ToolCall("call", each["function"]["name"], json.dumps(each["function"]["arguments"]))
        for each in message.get("tool_calls", ())
    )
    result = "call" if message["role"] == "tool" else None
    return types.Turn(message["role"], (Text(message["content"]),), calls, result)
