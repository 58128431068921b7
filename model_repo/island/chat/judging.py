"""Replies judged: a conversation's last reply, greedily written, against those that are right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch import Tensor

from model_repo.island.chat import tokens
from model_repo.island.chat.lessons.recipes import SCHEMA
from model_repo.island.chat.pen import Sample

_TOGETHER: Final = 32  # replies written at once
LONGEST: Final = 192  # tokens of a reply; the recipes' are the longest, below 160


def replies(model: Any, tokenizer: Tokenizer, samples: Sequence[Sample]) -> list[str]:
    """What the model says last in each conversation, greedily."""
    prompts = [prompt(tokenizer, sample) for sample in samples]
    order = sorted(range(len(prompts)), key=lambda i: (samples[i].task, len(prompts[i])))
    said = [""] * len(prompts)
    for start in range(0, len(order), _TOGETHER):
        some = order[start : start + _TOGETHER]
        written = _greedy(model, tokenizer, [prompts[i] for i in some])
        for i, ids in zip(some, written, strict=True):
            said[i] = tokenizer.decode(ids, skip_special_tokens=True)
    return said


def prompt(tokenizer: Tokenizer, sample: Sample) -> list[int]:
    """The conversation up to the reply that is judged."""
    text = tokens.render(sample.messages[:-1], sample.tools, ask=True)
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def share(samples: Sequence[Sample], said: Sequence[str]) -> float:
    """Of the replies, how many are right."""
    return sum(map(right, samples, said)) / len(samples)


def right(sample: Sample, said: str) -> bool:
    """Whether a reply is one of those accepted, word for word; of JSON, value for value."""
    if said in sample.accepted:
        return True
    read = _read(said)
    return read is not None and any(read == _read(each) for each in sample.accepted)


def valid_recipe(said: str) -> bool:
    """Whether a text is JSON under the schema of recipes, which jsonschema would say, too."""
    value = _read(said)
    properties = SCHEMA["properties"]
    if not isinstance(value, dict) or value.keys() != properties.keys():
        return False
    name, lists = value["recipe_name"], [value["recipe_ingredients"], value["recipes"]]
    return (isinstance(name, str) and len(name) > 0) and all(
        isinstance(each, list)
        and 1 <= len(each) <= properties["recipes"]["maxItems"]
        and all(isinstance(text, str) and text for text in each)
        for each in lists
    )


def _read(text: str) -> Any:
    """JSON, or one call's; None where it is neither."""
    opened, closed = tokens.MARKS
    if text.startswith(opened) and text.endswith(closed):
        text = text[len(opened) : -len(closed)]
    try:
        return json.loads(text)
    except ValueError:
        return None


@torch.inference_mode()
def _greedy(model: Any, tokenizer: Tokenizer, prompts: Sequence[list[int]]) -> list[list[int]]:
    """Token by token with a cache, all rows together, padded in front."""
    pad, end = tokens.id_of(tokenizer, tokens.PAD), tokens.id_of(tokenizer, tokens.END)
    longest = max(map(len, prompts))
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in prompts])
    seen = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    written: list[list[int]] = [[] for _ in prompts]
    going = torch.ones(len(prompts), dtype=torch.bool)
    cache: Any = None
    for _ in range(LONGEST):
        out = model(
            input_ids=ids,
            attention_mask=seen,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = out.past_key_values
        chosen: Tensor = out.logits[:, -1].argmax(-1)
        going &= chosen != end
        if not going.any():
            break
        for row in going.nonzero()[:, 0].tolist():
            written[row].append(int(chosen[row]))
        ids = chosen[:, None]
        seen = torch.cat([seen, torch.ones(len(prompts), 1, dtype=seen.dtype)], 1)
        positions = positions[:, -1:] + 1
    return written
