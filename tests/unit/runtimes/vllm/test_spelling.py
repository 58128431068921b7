"""The bytes of tokens, in the two ways in which vocabularies write them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("transformers")

from serving.runtimes.vllm.spelling import spelled

TEXT = "Hello, 섬! Ça va? 🍊"


def byte_level() -> Any:
    """Single bytes alone, so that every character but ASCII's is several tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: number for number, character in enumerate(alphabet)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|end|>"])
    return PreTrainedTokenizerFast(tokenizer_object=made)


def sentence_pieces() -> Any:
    """Words of some scripts, and bytes for all that is not among them."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    words = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁Hello", "섬", "é", "!"]
    pieces = [(word, -float(number)) for number, word in enumerate(words)]
    made = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made)


def test_bytes_of_byte_level_tokens() -> None:
    tokenizer = byte_level()
    tokens = tokenizer.encode(TEXT)
    assert len(tokens) == len(TEXT.encode()) and "\ufffd" in tokenizer.decode(tokens[-1:])
    assert b"".join(spelled(tokenizer, token) for token in tokens) == TEXT.encode()
    assert spelled(tokenizer, tokenizer.convert_tokens_to_ids("<|end|>")) == b"<|end|>"


def test_bytes_of_sentence_pieces() -> None:
    tokenizer = sentence_pieces()
    text = "Hello 섬é 🍊!"
    spelt = b"".join(spelled(tokenizer, token) for token in tokenizer.encode(text))
    assert spelt == b" " + text.encode()
