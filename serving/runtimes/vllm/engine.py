"""One vLLM engine: a model folder, its adapters, and the processes that compute.

The engine is used below its HTTP layer: prompts go in as token ids (and pixels), deltas of
tokens come out. Nothing a client wrote reaches vLLM but through `types`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Overloaded,
    ServingError,
    Unavailable,
)
from serving.models.base import Array, Device
from serving.runtimes.vllm import settings
from serving.runtimes.vllm.descend import Owner
from serving.runtimes.vllm.options import EngineOptions
from serving.runtimes.vllm.outputs import Deltas
from serving.runtimes.vllm.progress import Progress, stat_logger
from serving.runtimes.vllm.types import Delta, Load, Sampling, TokenLogprob

log = logging.getLogger(__name__)


class Engine:
    """Owns one `AsyncLLM`.

    `start` blocks for as long as the weights take to load; everything else belongs to one
    event loop. `name` is only what vLLM's log calls the model.

    Raises FailedPrecondition from `start` for a folder or options vLLM cannot serve.
    """

    # Seconds of silence after which an idle engine must prove that it is awake.
    canary_every: float = 30.0

    def __init__(
        self, folder: Path, options: EngineOptions, device: Device, name: str = ""
    ) -> None:
        self.folder = folder
        self.options = options
        self.device = device
        self.name = name or folder.name
        self._owner = Owner()
        self._llm: Any = None
        self._progress: Progress | None = None
        self._adapters: dict[str, Any] = {}
        self._tasks: tuple[str, ...] = ()
        self._defaults: dict[str, Any] = {}
        # Tokens a prompt and its reply may have together; ids are below `vocabulary`.
        self.context = self.vocabulary = 0

    # Life ---------------------------------------------------------------------------

    def start(self) -> None:
        """Loads the model in processes of its own; takes ten seconds or more."""
        try:
            self._llm = self._owner.start(self._build)
        except ServingError:
            raise
        except Exception as error:  # vLLM raises what its processes raised, of any class
            log.exception("vLLM does not start")
            raise FailedPrecondition(
                "vLLM cannot serve the model; its log has the reason", reason="WEIGHTS"
            ) from error
        self._progress = Progress(self._llm.get_num_unfinished_requests)
        # Asked once: vLLM reads and copies configurations for each of these, milliseconds.
        model = self._llm.model_config
        self._defaults = model.get_diff_sampling_param()
        self.context, self.vocabulary = int(model.max_model_len), int(model.get_vocab_size())

    async def ready(self) -> None:
        """Loads every adapter, so that a bad one is found now and none is slow later."""
        self._tasks = tuple(await self._llm.get_supported_tasks())
        for number, adapter in enumerate(self.options.adapters, start=1):
            request = settings.adapter(adapter.name, number, self.folder / adapter.folder)
            try:
                await self._llm.add_lora(request)
            except Exception:
                log.exception("vLLM refuses adapter %s", adapter.name)
                raise FailedPrecondition(
                    f"adapter {adapter.name!r} does not fit the model", reason="ADAPTER"
                ) from None
            self._adapters[adapter.name] = request
        await self._canary()

    async def close(self) -> None:
        """Ends the engine's processes; requests that still run fail."""
        llm, self._llm = self._llm, None
        if llm is not None:
            from vllm.v1.engine.exceptions import EngineDeadError

            if llm.output_handler is not None:  # or it would report the end as an accident
                llm.output_handler.cancel()
            llm.output_processor.propagate_error(EngineDeadError())
            await asyncio.to_thread(llm.shutdown, 2.0)
        self._owner.release()

    async def check(self) -> None:
        """Raises Unavailable for an engine that has died, hangs, or does not wake up.

        Being busy is no illness. To be called every few seconds.
        """
        if self._llm is None or self._llm.errored:
            raise _dead()
        progress = self.progress
        if progress.stalled_for > self.options.stall_s:
            await asyncio.sleep(0.2)  # our own loop may have been late to see the steps
            if progress.stalled_for > self.options.stall_s:
                raise Unavailable("the engine has work and makes no progress", reason="STALLED")
        elif not self.unfinished and progress.silent_for > self.canary_every:
            await self._canary()

    async def _canary(self) -> None:
        try:
            async with asyncio.timeout(self.options.stall_s):
                if self.options.task == "generate":
                    canary = Sampling(max_tokens=1, temperature=0.0)
                    async for _ in self.generate(self.tokens([0]), canary, tenant="canary"):
                        pass
                else:
                    await self._pool(self.tokens([0]), self.options.task)
        except TimeoutError:
            raise Unavailable("the engine does not answer", reason="STALLED") from None

    # What it knows ------------------------------------------------------------------

    @property
    def llm(self) -> Any:
        """The `AsyncLLM` itself, for vLLM's own layers above it."""
        if self._llm is None:
            raise _dead()
        return self._llm

    @property
    def progress(self) -> Progress:
        assert self._progress is not None, "start() comes first"
        return self._progress

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
        return tuple(self._adapters)

    async def blocks_free(self) -> bool:
        """Whether no request holds a cache block. Forgets all cached prefixes, so for tests."""
        return bool(await self.llm.reset_prefix_cache())

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
        with _understood():
            (prompt,) = await renderer.render_cmpl_async(
                [{"prompt": text}], renderer.default_cmpl_tok_params
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
        lora = self._adapter(adapter)
        room = self.context - len(prompt["prompt_token_ids"])
        if room < (sampling.max_tokens or 1):
            raise InvalidArgument.field(
                "max_tokens",
                f"the prompt leaves room for {max(room, 0)} tokens of {self.context}",
                reason="CONTEXT",
            )
        request = {**prompt, "cache_salt": tenant}
        self.progress.work_begins()
        with _understood():
            steps = self.llm.generate(
                request,
                settings.sampling(sampling, room, self._defaults),
                uuid.uuid4().hex,
                lora_request=lora,
                priority=priority,
                **(extra or {}),
            )
            async with aclosing(steps):
                deltas = Deltas(self.llm.renderer.tokenizer)
                async for step in steps:
                    for delta in deltas.of(step):
                        yield delta

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

    async def embed(self, text: str, *, normalise: bool = True) -> Array:
        """float32 [dimensions]."""
        return await self._pool(await self.text(text), "embed", normalise)

    async def classify(self, text: str) -> dict[str, float]:
        """Each label's score; they sum to one unless the model has several true labels."""
        scores = await self._pool(await self.text(text), "classify")
        names = self.llm.model_config.hf_config.id2label
        return {str(names[i]): float(score) for i, score in enumerate(scores)}

    async def _pool(self, prompt: Mapping[str, Any], task: Any, activation: bool = True) -> Array:
        from vllm import PoolingParams

        if task not in self._tasks and self._tasks:
            raise InvalidArgument.field("model_name", f"the model does not {task}")
        self.progress.work_begins()
        with _understood():
            parameters = PoolingParams(task=task, use_activation=activation)
            steps = self.llm.encode(dict(prompt), parameters, uuid.uuid4().hex)
            async with aclosing(steps):
                async for step in steps:
                    if step.finished:
                        return np.asarray(step.outputs.data.float().numpy())
        raise _dead()

    # ---------------------------------------------------------------------------------

    def _adapter(self, name: str | None) -> Any:
        if name is None:
            return None
        try:
            return self._adapters[name]
        except KeyError:
            raise NotFound(
                f"{self.name} has no adapter {name!r}", kind="adapter", name=name
            ) from None

    def _build(self) -> Any:
        os.environ.update(settings.environment(self.options, self.device))
        from vllm.v1.engine.async_llm import AsyncLLM

        arguments = settings.engine_arguments(self.folder, self.options, self.device, self.name)
        return AsyncLLM.from_engine_args(
            arguments, stat_loggers=[stat_logger(lambda: self._progress)]
        )


@contextmanager
def _understood() -> Any:
    """vLLM's exceptions as ours; their text stays in the log, for it quotes inputs."""
    from vllm.exceptions import GracefulHTTPError, VLLMClientError
    from vllm.v1.engine.exceptions import EngineDeadError

    try:
        yield
    except EngineDeadError:
        raise _dead() from None
    except GracefulHTTPError:
        raise Overloaded("the engine's queue is full") from None
    except (VLLMClientError, ValueError, TypeError) as error:
        log.info("vLLM refuses a request: %s", error)
        place = getattr(error, "parameter", None) or "request"
        raise InvalidArgument.field(str(place), "the engine does not accept this") from None


def _dead() -> Unavailable:
    return Unavailable("the engine has ended; another takes its place", reason="ENGINE_DEAD")
