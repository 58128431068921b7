"""An encoder in transformers, for architectures that vLLM has no model of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serving.errors import FailedPrecondition
from serving.models.base import Array
from serving.runtimes.encoders import files
from serving.runtimes.encoders.cutter import Cutter, Tokens
from serving.runtimes.encoders.encoder import Encoder
from serving.runtimes.encoders.network import Network
from serving.runtimes.encoders.steps import Steps
from serving.runtimes.pytorch import PLATFORM

log = logging.getLogger(__name__)

_CPU_STEP, _GPU_STEP = 512, 8192  # tokens: a CPU gains nothing by more, and others would wait


class TransformersEncoder(Encoder):
    """One network in this process, and one thread that computes it."""

    platform = PLATFORM

    def start(self) -> None:
        self._refuse_options()
        network = Network(self.folder, self.options, self.device)
        tokenizer = _tokenizer(self.folder)
        if len(tokenizer) > network.vocabulary:
            raise FailedPrecondition(
                f"the tokenizer knows {len(tokenizer)} tokens, config.json {network.vocabulary}",
                reason="WEIGHTS",
            )
        said, lower = files.reading(self.folder)
        most = min(network.context, tokenizer.model_max_length, said or network.context)
        if (self.options.context or 0) > most:
            raise FailedPrecondition(
                f"context: is {self.options.context}; the model takes {most}", reason="WEIGHTS"
            )
        self.cutter = Cutter(tokenizer, self.options.context or most, lower=lower)
        self.width, self.labels = network.width, network.labels
        self._steps = Steps(
            network,
            sequences=self.options.sequences,
            tokens=self.options.step_tokens or (_GPU_STEP if self.device.gpu else _CPU_STEP),
            stall_s=self.options.stall_s,
        )

    async def ready(self) -> None:
        await self._steps.vectors([(0,)])

    async def check(self) -> None:
        self._steps.check()

    async def close(self) -> None:
        self._steps.close()

    @property
    def unfinished(self) -> int:
        return self._steps.unfinished

    async def vectors(self, texts: Sequence[Tokens], *, tenant: str) -> Array:
        return await self._steps.vectors(text.ids for text in texts)

    def _refuse_options(self) -> None:
        """Those without which the model would not be what model.yaml promises."""
        options = self.options
        for name in ("quantisation", "sleep_after_s", "tensor_parallel"):
            if getattr(options, name) != type(options).model_fields[name].default:
                raise FailedPrecondition(
                    f"{name}: vLLM alone has it, and this model runs in transformers",
                    reason="NEEDS_VLLM",
                )


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever its files set off
        log.warning("the tokenizer does not load: %s", error)
        raise FailedPrecondition(
            "the tokenizer does not load; the log has the reason", reason="WEIGHTS"
        ) from None
