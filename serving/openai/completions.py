"""POST /v1/completions: a body to Completions, one for each of its prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serving.models.chat import rules
from serving.models.chat.bounds import Wrong
from serving.models.chat.types import Completion, Prompt
from serving.openai.asked import Asked, take_ignored, take_model, take_sampling, take_streaming
from serving.openai.document import Reader
from serving.services.fields import Fields

_WORDS = {
    "token_ids": "prompt",
    "input_tokens": "prompt",
    "request": "structured_outputs",
}
_TOKENS = 16  # OpenAI's own default


def parse(given: dict[str, Any]) -> Asked[Completion]:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(None)
    wrong = fields.wrong
    body = Reader(given, wrong)
    model, adapter = take_model(body, wrong)
    if not body.has("prompt"):
        wrong("prompt", "is missing")
    prompt = _prompt(body.take_any("prompt"), wrong)
    sampling = take_sampling(body, {}, wrong)
    if sampling.max_tokens is None:
        sampling = replace(sampling, max_tokens=max(_TOKENS, sampling.min_tokens))
    echo = bool(body.take("echo", bool))
    if echo and not isinstance(prompt, str):
        wrong("echo", "needs a prompt that is text")
    if echo and sampling.logprobs is not None:
        wrong("echo", "goes without logprobs; those of the prompt are not told")
    if body.take_any("best_of") not in (None, 1):
        wrong("best_of", "must be 1; ask for several answers by `n`")
    streamed, usage = take_streaming(body, wrong)
    take_ignored(body, wrong)
    body.end()
    fields.check()
    # The answer's pieces are put together here, with the prompt before them if it is asked for.
    item = Completion(prompt, sampling, adapter, echo)
    return Asked(model, item, streamed, usage, words=_WORDS)


def _prompt(given: Any, wrong: Wrong) -> Prompt:
    """One text or one list of token ids; OpenAI's lists of them may have one element here."""
    if isinstance(given, list) and given and isinstance(given[0], str | list):
        if len(given) > 1:
            wrong("prompt", f"has {len(given)} texts; send one a request, they run side by side")
            return ""
        given = given[0]
    if isinstance(given, str):
        if not given:
            wrong("prompt", "is empty")
        rules.check_prompt(len(given), "prompt", wrong)
        return given
    if isinstance(given, list) and given and all(type(token) is int for token in given):
        few = rules.check_prompt(len(given), "prompt", wrong, tokens=True)
        return tuple(given) if few else ()
    if given is not None:
        wrong("prompt", "must be a string or a list of token ids")
    return ""
