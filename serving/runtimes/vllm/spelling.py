"""The bytes of single tokens, which need not be whole characters."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

# A byte of its own, as SentencePiece's vocabularies name it.
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "▁"


def spelled(tokenizer: Any, token: int) -> bytes:
    """What a token adds to a text, in UTF-8; a tokenizer's own text of it has U+FFFD, or nothing,
    where it is a part of a character."""
    piece = str(tokenizer.convert_ids_to_tokens(token))
    if byte := _BYTE.fullmatch(piece):
        return bytes.fromhex(byte[1])
    if _SPACE in piece:
        return piece.replace(_SPACE, " ").encode()
    text = str(tokenizer.decode([token]))
    known = _characters()
    if all(character in known for character in piece):
        spelt = bytes(known[character] for character in piece)
        # Other vocabularies have such characters, too, and mean just them.
        if spelt.decode("utf-8", "replace") == text:
            return spelt
    return text.encode()


@cache
def _characters() -> dict[str, int]:
    """The bytes that byte-level vocabularies (GPT-2's) write as these characters."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    characters: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call]
    return {character: byte for byte, character in characters.items()}
