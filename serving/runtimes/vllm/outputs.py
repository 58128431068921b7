"""vLLM's outputs as our deltas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serving.runtimes.vllm.spelling import spelled
from serving.runtimes.vllm.types import Delta, EngineTimes, FinishReason, TokenLogprob, Usage

_FINISH: dict[str | None, FinishReason | None] = {
    None: None,
    "stop": "stop",
    "length": "length",
    "abort": "abort",
    "repetition": "length",
}


class Deltas:
    """The outputs of one request, step by step; counts its tokens on the way."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._prompt = self._cached = self._completion = 0
        self._scored = False

    def of(self, step: Any) -> Iterator[Delta]:
        """The deltas of one `RequestOutput`: one for each reply that it adds to."""
        if step.prompt_token_ids is not None:
            self._prompt = len(step.prompt_token_ids)
        self._cached = step.num_cached_tokens or self._cached
        prompt_logprobs: tuple[tuple[TokenLogprob, ...] | None, ...] = ()
        if step.prompt_logprobs and not self._scored:
            self._scored = True
            prompt_logprobs = tuple(
                self._alternatives(token, found) if found else None
                for token, found in zip(step.prompt_token_ids, step.prompt_logprobs, strict=True)
            )
        for i, output in enumerate(step.outputs):
            tokens = tuple(output.token_ids)
            self._completion += len(tokens)
            last = step.finished and i == len(step.outputs) - 1
            finish = _FINISH.get(output.finish_reason, "error")
            if not (tokens or output.text or finish or prompt_logprobs):
                continue
            yield Delta(
                index=output.index,
                text=output.text,
                token_ids=tokens,
                logprobs=tuple(
                    self._alternatives(token, found)
                    for token, found in zip(tokens, output.logprobs or (), strict=False)
                ),
                prompt_logprobs=prompt_logprobs,
                finish=finish,
                stop=output.stop_reason,
                usage=Usage(self._prompt, self._cached, self._completion) if last else None,
                times=_times(step.metrics) if last else None,
            )
            prompt_logprobs = ()

    def _alternatives(self, chosen: int, found: Any) -> tuple[TokenLogprob, ...]:
        """The chosen token first, then the others by rank."""
        return tuple(
            TokenLogprob(
                token,
                entry.decoded_token or self._tokenizer.decode([token]),
                entry.logprob,
                entry.rank or 0,
                spelled(self._tokenizer, token),
            )
            for token, entry in sorted(
                found.items(), key=lambda item: (item[0] != chosen, item[1].rank or 0)
            )
        )


def _times(stats: Any) -> EngineTimes | None:
    if stats is None or not stats.queued_ts:
        return None
    first = stats.first_token_ts or stats.last_token_ts
    return EngineTimes(
        queue=round((stats.scheduled_ts - stats.queued_ts) * 1e9),
        prefill=round((first - stats.scheduled_ts) * 1e9),
        decode=round((stats.last_token_ts - first) * 1e9),
    )
