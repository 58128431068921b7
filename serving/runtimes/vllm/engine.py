"""One vLLM engine: a model folder, its adapters, and the processes that compute.

The engine is used below its HTTP layer: prompts go in as token ids (and pixels), deltas of
tokens come out. Nothing a client wrote reaches vLLM but through `types`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import InvalidArgument
from serving.models.base import Array, Device
from serving.runtimes.vllm import counting, settings
from serving.runtimes.vllm.adapters import Adapters
from serving.runtimes.vllm.life import Life
from serving.runtimes.vllm.lora import USUAL, verify
from serving.runtimes.vllm.options import Adapter, EngineOptions
from serving.runtimes.vllm.outputs import Deltas
from serving.runtimes.vllm.progress import Progress, stat_logger
from serving.runtimes.vllm.refusals import ended, no_room, too_long, understood
from serving.runtimes.vllm.types import Delta, Load, Sampling, TokenLogprob


class Engine:
    """One `AsyncLLM` at work.

    `start` blocks for as long as the weights take to load; everything else belongs to one
    event loop. `name` is only what vLLM's log calls the model.

    Raises FailedPrecondition from `start` and `ready` for a folder, adapters or options
    vLLM cannot serve.
    """

    def __init__(
        self, folder: Path, options: EngineOptions, device: Device, name: str = ""
    ) -> None:
        self.folder = folder
        self.options = options
        self.device = device
        self.name = name or folder.name
        self.life = Life(options, self._canary)
        self._modules = set(USUAL)  # which adapters may change
        self._adapters = Adapters(folder, options, self.life, self._modules)
        self._tasks: tuple[str, ...] = ()
        self._defaults: dict[str, Any] = {}
        # Tokens a prompt and its reply may have together; ids are below `vocabulary`.
        self.context = self.vocabulary = 0
        self.width = 0  # of the vectors, for `embed`
        self.labels: tuple[str, ...] = ()  # of the classes, for `classify`

    # Life ---------------------------------------------------------------------------

    def start(self) -> None:
        """Loads the model in processes of its own; takes ten seconds or more."""
        for adapter in self.options.adapters:  # now, for afterwards is minutes later
            self._modules |= verify(self.folder, adapter).modules
        self.life.start(self._build)
        # Asked once: vLLM reads and copies configurations for each of these, milliseconds.
        model = self.llm.model_config
        self._defaults = model.get_diff_sampling_param()
        self.context, self.vocabulary = int(model.max_model_len), int(model.get_vocab_size())
        if self.options.task == "embed":
            self.width = int(model.embedding_size)
        elif self.options.task == "classify":
            names = model.hf_config.id2label
            self.labels = tuple(str(names[number]) for number in sorted(names))

    async def ready(self) -> None:
        """Loads every adapter, so that a bad one is found now and none is slow later."""
        self._tasks = tuple(await self.llm.get_supported_tasks())
        await self.life.ready()
        await self.adopt(self.options.adapters)

    async def adopt(self, adapters: Sequence[Adapter]) -> None:
        """Makes these the adapters, while requests run; see `Adapters.adopt`."""
        await self._adapters.adopt(adapters)

    async def check(self) -> None:
        """Raises Unavailable for an engine that has died or hangs; see `Life.check`."""
        await self.life.check()

    async def close(self) -> None:
        """Ends the engine's processes; requests that still run fail."""
        await self.life.close()

    async def _canary(self) -> None:
        if self.options.task != "generate":
            await self._pool(self.tokens([0]), self.options.task, "canary")
            return
        # With log-probabilities, whose kernels a GPU compiles at their first use.
        asked = Sampling(max_tokens=1, temperature=0.0, logprobs=min(self.options.logprobs, 1))
        with understood():
            async with aclosing(
                self._steps(self.tokens([0]), asked, "canary", None, 0, {})
            ) as steps:
                async for _ in steps:
                    pass

    def _build(self) -> Any:
        os.environ.update(settings.environment(self.options, self.device))
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = settings.engine_arguments(
            self.folder, self.options, self.device, self.name, self._modules
        )
        return AsyncLLM.from_engine_args(
            arguments, stat_loggers=[stat_logger(lambda: self.life.progress)]
        )

    # What it knows ------------------------------------------------------------------

    @property
    def llm(self) -> Any:
        """The `AsyncLLM` itself, for vLLM's own layers above it."""
        return self.life.llm

    @property
    def progress(self) -> Progress:
        progress = self.life.progress
        assert progress is not None, "start() comes first"
        return progress

    @property
    def load(self) -> Load:
        """After the last step; an engine without work has none of it."""
        return self.progress.load if self.unfinished else Load()

    @property
    def unfinished(self) -> int:
        """Requests handed in and not yet answered or aborted."""
        return int(self.llm.get_num_unfinished_requests())

    @property
    def adapters(self) -> tuple[str, ...]:
        return self._adapters.names

    async def blocks_free(self) -> bool:
        """Whether no request holds a cache block. Forgets all cached prefixes, so for tests."""
        return bool(await self.life.errand(self.llm.reset_prefix_cache()))

    # Prompts ------------------------------------------------------------------------

    def tokens(self, ids: Sequence[int]) -> dict[str, Any]:
        """A prompt of token ids."""
        from vllm.inputs import tokens_input

        if any(not 0 <= token < self.vocabulary for token in ids):
            raise InvalidArgument.field("token_ids", f"must be from 0 to {self.vocabulary - 1}")
        return dict(tokens_input(list(ids)))

    async def text(self, text: str) -> dict[str, Any]:
        """A prompt of raw text, as a completion takes it: no chat template around it."""
        renderer = self.llm.renderer
        with understood(self.context):
            (prompt,) = await renderer.render_cmpl_async(
                [{"prompt": text}], counting.whole(renderer.default_cmpl_tok_params)
            )
        return dict(prompt)

    # Work ---------------------------------------------------------------------------

    async def generate(
        self,
        prompt: Mapping[str, Any],
        sampling: Sampling,
        *,
        tenant: str,
        adapter: str | None = None,
        priority: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Delta]:
        """Yields what is added to the reply; the last delta has usage and times.

        Leaving the iterator aborts the request in the engine; close it (`aclosing`), for
        an abandoned generator is closed only when it is collected.

        tenant: whose cached prefixes may be reused; nobody sees another's by their speed

        Raises InvalidArgument, NotFound for an adapter, Overloaded, Unavailable.
        """
        self._require_room(len(prompt["prompt_token_ids"]), sampling)
        with self._adapters.using(adapter) as lora, understood(self.context):
            async with self.life.work():
                steps = self._steps(prompt, sampling, tenant, lora, priority, extra or {})
                async with aclosing(steps):
                    deltas = Deltas(self.llm.renderer.tokenizer)
                    async for step in steps:
                        for delta in deltas.of(step):
                            yield delta

    def _require_room(self, prompt: int, sampling: Sampling) -> None:
        """Raises InvalidArgument that names what is too much: the prompt, or what it wants."""
        if prompt >= self.context:
            raise too_long(self.context, prompt)
        for field in ("max_tokens", "min_tokens"):
            wanted = getattr(sampling, field) or 0
            if prompt + wanted > self.context:
                raise no_room(field, self.context, prompt, wanted)

    def _steps(
        self,
        prompt: Mapping[str, Any],
        sampling: Sampling,
        tenant: str,
        lora: Any,
        priority: int,
        extra: Mapping[str, Any],
    ) -> Any:
        """vLLM's own generator."""
        room = self.context - len(prompt["prompt_token_ids"])
        self.progress.work_begins()
        return self.llm.generate(
            {**prompt, "cache_salt": tenant},
            settings.sampling(sampling, room, self._defaults),
            uuid.uuid4().hex,
            lora_request=lora,
            priority=priority,
            **extra,
        )

    async def score(
        self, prompt: Mapping[str, Any], *, tenant: str, adapter: str | None = None
    ) -> tuple[TokenLogprob, ...]:
        """The log-probability of each of the prompt's tokens after those before it.

        The first token has none, so there is one less than the prompt has tokens.
        """
        sampling = Sampling(max_tokens=1, temperature=0.0, prompt_logprobs=0)
        scored: tuple[tuple[TokenLogprob, ...] | None, ...] = ()
        async for delta in self.generate(prompt, sampling, tenant=tenant, adapter=adapter):
            scored = delta.prompt_logprobs or scored
        return tuple(token[0] for token in scored if token)

    async def pool(
        self,
        prompt: Mapping[str, Any],
        task: Any,
        *,
        tenant: str,
        activation: bool = True,
        priority: int = 0,
    ) -> Array:
        """float32 [width]: what the model's head makes of the whole prompt.

        Cancelling takes the request out of the engine.

        task: `embed` or `classify`
        tenant, priority: as for `generate`; the lowest number is computed first
        activation: applies what ends the head: length one, probabilities

        Raises InvalidArgument for a task that is not the model's, Overloaded, Unavailable.
        """
        if task not in self._tasks:
            raise InvalidArgument.field("model_name", f"the model does not {task}")
        async with self.life.work():
            return await self._pool(prompt, task, tenant, activation, priority)

    async def _pool(
        self,
        prompt: Mapping[str, Any],
        task: Any,
        tenant: str,
        activation: bool = True,
        priority: int = 0,
    ) -> Array:
        from vllm import PoolingParams

        request = {**prompt, "cache_salt": tenant}
        self.progress.work_begins()
        with understood(self.context):
            parameters = PoolingParams(task=task, use_activation=activation)
            steps = self.llm.encode(request, parameters, uuid.uuid4().hex, priority=priority)
            async with aclosing(steps):
                async for step in steps:
                    if step.finished:
                        return np.asarray(step.outputs.data.float().numpy())
        raise ended()
