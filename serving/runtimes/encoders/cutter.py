"""Texts to tokens: counted, cut to what is asked for, refused where they do not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from serving.errors import InvalidArgument

_TOO_LONG = "has {actual} tokens; the model takes {limit}, so shorten it or set `truncate`"


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text as the model reads it, its special tokens included."""

    ids: tuple[int, ...]
    truncated: bool = False


class Cutter:
    """A tokenizer as transformers has it, and the tokens a model takes.

    lower: whether the model knows no capitals, and its tokenizer leaves them
    """

    def __init__(self, tokenizer: Any, context: int, *, lower: bool = False) -> None:
        self.context = context
        # Tokens the tokenizer adds to every text, which `truncate` must leave room for.
        self.added = int(tokenizer.num_special_tokens_to_add())
        self._tokenizer = tokenizer
        self._lower = lower
        # One thread alone: to cut a text, the tokenizer is changed as long as that takes.
        self._thread = ThreadPoolExecutor(1, "tokenize")

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def tokens(self, texts: Sequence[str], truncate: int | None = None) -> list[Tokens]:
        """The texts' tokens.

        truncate: keeps the first so many of each, 0 as many as the model takes; None cuts
            nothing

        Raises InvalidArgument that names each of `texts` that is too long or has no tokens.
        """
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(self._thread, self._tokenize, texts, truncate)
        empty = [(f"texts[{i}]", "has no tokens") for i, each in enumerate(made) if not each.ids]
        if empty:
            raise InvalidArgument("; ".join(map(": ".join, empty)), fields=empty)
        self._check_length(made)
        return made

    def _tokenize(self, texts: Sequence[str], truncate: int | None) -> list[Tokens]:
        if self._lower:
            texts = [text.lower() for text in texts]
        made = [Tokens(tuple(ids)) for ids in self._ids(list(texts))]
        if truncate is None:
            return made
        most = truncate or self.context
        for index, each in enumerate(made):
            if len(each.ids) > most:
                (kept,) = self._ids([texts[index]], truncation=True, max_length=most)
                made[index] = Tokens(tuple(kept), truncated=True)
        return made

    def _ids(self, texts: list[str], **cut: Any) -> list[list[int]]:
        encoded = self._tokenizer(
            texts,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,  # of texts that are too long
            **{"truncation": False, **cut},
        )
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _check_length(self, texts: Sequence[Tokens]) -> None:
        limit = self.context
        fields = [
            (f"texts[{index}]", _TOO_LONG.format(actual=len(text.ids), limit=limit))
            for index, text in enumerate(texts)
            if len(text.ids) > limit
        ]
        if fields:
            raise InvalidArgument(
                "; ".join(map(": ".join, fields)),
                fields=fields,
                reason="CONTEXT",
                metadata={
                    "limit": str(limit),
                    "actual": str(max(len(text.ids) for text in texts)),
                },
            )
