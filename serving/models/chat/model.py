"""Chat: conversations answered, texts continued or weighed, by one engine."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import FailedPrecondition, Internal, InvalidArgument, NotFound, Unavailable
from serving.images.decode import decode
from serving.images.picture import Picture
from serving.models import base
from serving.models.base import Signature, Tensors, TensorSpec
from serving.models.chat import triton
from serving.models.chat.types import (
    Chat,
    Completion,
    Prompt,
    Query,
    Result,
    Scored,
    Scoring,
    Turn,
)
from serving.repository import weights
from serving.repository.config import ModelConfig
from serving.runtimes import llama2c
from serving.runtimes.vllm.conversation import Conversations
from serving.runtimes.vllm.engine import Engine
from serving.runtimes.vllm.types import (
    Conversation,
    Delta,
    EngineTimes,
    Image,
    Message,
    ReplyDelta,
    Sampling,
    Text,
)
from serving.timing import Stage, Timeline

_INPUTS = (
    TensorSpec("text_input", "BYTES", (1,)),
    TensorSpec("stream", "BOOL", (1,), optional=True),
    TensorSpec("sampling_parameters", "BYTES", (1,), optional=True),
    TensorSpec("exclude_input_in_output", "BOOL", (1,), optional=True),
)
_OUTPUTS = (TensorSpec("text_output", "BYTES", (-1,)),)


class Model(base.StreamingModel[Query, Result]):
    """The engine's folder is the version's: what Hugging Face calls a model, with adapters
    in folders of their own below it."""

    def load(self) -> None:
        options = self.config.options
        folder = _checkpoint(self.config)
        if not any(folder.glob("*.safetensors")):
            raise FailedPrecondition(
                f"model {self.config.name}: no .safetensors in its folder", reason="WEIGHTS"
            )
        self.engine = Engine(folder, options, self.device, self.config.name)
        self.engine.start()
        self._decoders = ThreadPoolExecutor(self.device.threads, "decode")

    async def ready(self) -> None:
        await self.engine.ready()
        self._conversations = Conversations(self.engine)
        await asyncio.to_thread(self._conversations.warm_up)

    async def check(self) -> None:
        await self.engine.check()

    async def adopt(self, config: ModelConfig) -> bool:
        """Adapters come and go while answers run, as far as the engine has room for them."""
        if config == self.config:
            return True
        if _but_adapters(config) != _but_adapters(self.config):
            return False
        known = {each.file: each.sha256 for each in self.config.weights}
        for each in config.weights:
            if known.get(each.file, each.sha256) != each.sha256:
                return False  # another adapter in an old one's place
            if each.file not in known:
                try:
                    path = await asyncio.to_thread(weights.ensure, config, each.part)
                except weights.WeightsError as error:
                    raise FailedPrecondition(str(error), reason="WEIGHTS") from None
                if not path.is_relative_to(self.engine.folder):
                    return False  # a cache has a folder for each list of files
        try:
            await self.engine.adopt(config.options.adapters)
        except FailedPrecondition as error:
            if error.reason == "ADAPTER_ROOM":
                return False
            raise
        self.config = config
        return True

    async def close(self) -> None:
        self._decoders.shutdown(wait=False, cancel_futures=True)
        await self.engine.close()

    @property
    def signature(self) -> Signature:
        return Signature(_INPUTS, _OUTPUTS, platform="vllm", decoupled=True)

    @property
    def places(self) -> int:
        return int(self.config.options.sequences)

    def answers(self, item: Query) -> int:
        return 1 if isinstance(item, Scoring) else item.sampling.n

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Query:
        return triton.parse(tensors, parameters)

    def tensors(self, result: Result) -> Tensors:
        assert isinstance(result, ReplyDelta)
        return {"text_output": np.array([result.text.encode()], object)}

    def last(self, result: Result) -> bool:
        return not isinstance(result, ReplyDelta) or result.finish is not None

    def example(self, seed: int = 0) -> Query:
        turn = Turn("user", (Text(f"Hello, number {seed}!"),))
        return Chat((turn,), Sampling(temperature=0.0, max_tokens=8))

    # Answers ------------------------------------------------------------------------

    async def answer(self, item: Query, tenant: str, timeline: Timeline) -> AsyncIterator[Result]:
        """Yields ReplyDeltas, or one Scored. Raises InvalidArgument, whose fields are those
        of `bounds` and of the item; NotFound for an adapter; Overloaded; Unavailable."""
        self._check(item)
        if isinstance(item, Scoring):
            yield await self._score(item, tenant, timeline)
            return
        if isinstance(item, Chat):
            conversation = await self._conversation(item, timeline)
            replies = self._conversations.reply(conversation, tenant=tenant, adapter=item.adapter)
        else:
            replies = self._continue(item, tenant)
        async with aclosing(replies):  # type: ignore[type-var]
            async for reply in replies:
                if reply.finish == "error":
                    raise Internal("the engine could not go on with this answer")
                if reply.finish == "abort":
                    raise Unavailable("the engine was told to stop", reason="ENGINE_DEAD")
                if reply.raw.times is not None:
                    _account(timeline, reply.raw.times)
                yield reply

    async def _continue(self, item: Completion, tenant: str) -> AsyncIterator[ReplyDelta]:
        """A completion's pieces; all of them in one where it is not to be streamed."""
        prompt = await self._prompt(item.prompt)
        deltas = self.engine.generate(prompt, item.sampling, tenant=tenant, adapter=item.adapter)
        begun = [item.prompt] if item.echo and isinstance(item.prompt, str) else []
        async with aclosing(deltas):  # type: ignore[type-var]
            async for delta in deltas:
                if item.streamed:
                    yield _plain(delta, delta.text)
                    continue
                begun.append(delta.text)
                if delta.finish is not None:
                    yield _plain(delta, "".join(begun))

    async def _score(self, item: Scoring, tenant: str, timeline: Timeline) -> Scored:
        prompt = await self._prompt(item.prompt)
        tokens = await self.engine.score(prompt, tenant=tenant, adapter=item.adapter)
        timeline.mark(Stage.DEVICE)
        return Scored(tokens, len(prompt["prompt_token_ids"]))

    async def _prompt(self, prompt: Prompt) -> dict[str, Any]:
        if isinstance(prompt, str):
            return await self.engine.text(prompt)
        return self.engine.tokens(prompt)

    # Requests -----------------------------------------------------------------------

    def _check(self, item: Query) -> None:
        """What only this model's own settings can tell, before anything is decoded."""
        options = self.config.options
        known = self.engine.adapters
        if item.adapter is not None and item.adapter not in known:
            raise NotFound(
                f"model {self.config.name!r} has no adapter {item.adapter!r}; "
                f"there are {', '.join(known) or 'none'}",
                kind="adapter",
                name=item.adapter,
                reason="ADAPTER_NOT_FOUND",
            )
        problems: list[tuple[str, str]] = []
        if not isinstance(item, Scoring):
            problems += self._sampling_problems(item.sampling)
        if isinstance(item, Chat):
            if item.tools and options.tool_parser is None:
                problems.append(("tools", f"{self.config.name} cannot call tools"))
            if len(item.pictures) > options.images:
                allowed = f"at most {options.images} pictures" if options.images else "no pictures"
                problems.append(("messages", f"has {len(item.pictures)} pictures; {allowed}"))
        if problems:
            message = "; ".join(f"{field}: {problem}" for field, problem in problems)
            raise InvalidArgument(message, fields=problems)

    def _sampling_problems(self, sampling: Sampling) -> list[tuple[str, str]]:
        context, most = self.engine.context, self.config.options.logprobs
        problems = []
        for field in ("max_tokens", "min_tokens"):
            value = getattr(sampling, field) or 0
            if value >= context:
                problems.append((field, f"is {value}; prompt and answer have {context} tokens"))
        if (sampling.logprobs or 0) > most:
            problems.append(("logprobs", f"may be at most {most} for this model"))
        form = sampling.constraint
        if form and form.kind == "grammar" and not self.config.options.grammars:
            text = f"{self.config.name} takes no callers' grammars (`grammars` in model.yaml)"
            problems.append(("structured_outputs", text))
        return problems

    async def _conversation(self, item: Chat, timeline: Timeline) -> Conversation:
        """The item with its pictures decoded."""
        loop, decoded = asyncio.get_running_loop(), {}
        for picture in item.pictures:
            decoded[picture.field] = await loop.run_in_executor(
                self._decoders, self._decode, picture
            )
        if decoded:
            timeline.mark(Stage.DECODE)
        messages = tuple(
            Message(
                turn.role,
                tuple(p if isinstance(p, Text) else decoded[p.field] for p in turn.parts),
                turn.tool_calls,
                turn.tool_call_id,
            )
            for turn in item.turns
        )
        return Conversation(messages, item.sampling, item.tools, item.choice)

    def _decode(self, picture: Picture) -> Image:
        limits = self.config.limits
        pixels = decode(
            picture,
            max_bytes=limits.image_bytes,
            max_pixels=limits.pixels,
            max_seconds=limits.decode_s,
        ).pixels
        # The shape belongs to it: the same bytes in other rows are another picture.
        digest = hashlib.sha256(repr(pixels.shape).encode())
        digest.update(np.ascontiguousarray(pixels).data)
        return Image(pixels, digest.hexdigest())


def _checkpoint(config: ModelConfig) -> Path:
    """The folder the engine loads; a checkpoint of another layout is converted first."""
    if config.options.checkpoint == "huggingface":
        return weights.ensure_folder(config)
    tensors, tokens = weights.ensure(config, "weights"), weights.ensure(config, "tokens")
    made = tensors.with_suffix(".huggingface")
    with tempfile.TemporaryDirectory(dir=made.parent, prefix=made.name) as unfinished:
        llama2c.convert(tensors, tokens, Path(unfinished) / "made")
        shutil.rmtree(made, ignore_errors=True)
        (Path(unfinished) / "made").rename(made)
    return made


def _plain(delta: Delta, text: str) -> ReplyDelta:
    return ReplyDelta(delta.index, text, "", (), delta.finish, replace(delta, text=text))


def _account(timeline: Timeline, times: EngineTimes) -> None:
    """The time since the last mark, as the engine knows it; the rest was preparation."""
    now, computed = time.perf_counter_ns(), times.prefill + times.decode
    timeline.add(Stage.PREPROCESS, max(0, now - timeline.last - times.queue - computed))
    timeline.add(Stage.QUEUE, times.queue)
    timeline.add(Stage.DEVICE, computed)
    timeline.last = now


def _but_adapters(config: ModelConfig) -> tuple[ModelConfig, frozenset[tuple[str, str | None]]]:
    """All that only a new start can change: the configuration and the files of the model."""
    places = tuple(f"{config.version}/{each.folder}/" for each in config.options.adapters)
    files = (each for each in config.weights if not each.file.startswith(places))
    options = config.options.model_copy(update={"adapters": ()})
    rest = config.model_copy(update={"options": options, "weights": ()})
    return rest, frozenset((each.file, each.sha256) for each in files)
