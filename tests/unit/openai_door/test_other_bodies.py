"""Bodies of /v1/completions and /v1/embeddings."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from serving.errors import InvalidArgument
from serving.models.chat.types import Completion
from serving.models.embedding.types import Embedded, Query
from serving.models.texts import Read
from serving.openai import completions, embeddings


def wrong(parse: Any, **fields: Any) -> list[str]:
    with pytest.raises(InvalidArgument) as refused:
        parse({"model": "m", **fields})
    return [path for path, _ in refused.value.fields]


@pytest.mark.parametrize(
    ("given", "prompt"),
    [("Once", "Once"), (["Once"], "Once"), ([1, 2], (1, 2)), ([[1, 2]], (1, 2))],
)
def test_prompts(given, prompt):
    item = completions.parse({"model": "m:a", "prompt": given, "max_tokens": 5}).item
    assert item == Completion(prompt, item.sampling, "a")
    assert item.sampling.max_tokens == 5 and item.streamed


def test_a_completion_has_openais_own_length():
    assert completions.parse({"model": "m", "prompt": "x"}).item.sampling.max_tokens == 16
    longer = completions.parse({"model": "m", "prompt": "x", "min_tokens": 20})
    assert longer.item.sampling.max_tokens == 20


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, ["prompt"]),
        ({"prompt": ""}, ["prompt"]),
        ({"prompt": []}, ["prompt"]),
        ({"prompt": ["a", "b"]}, ["prompt"]),
        ({"prompt": [1, "a"]}, ["prompt"]),
        ({"prompt": [True]}, ["prompt"]),
        ({"prompt": "a" * (2**20 + 1)}, ["prompt"]),
        ({"prompt": [1] * (2**20 + 1)}, ["prompt"]),
        ({"prompt": {"text": "x"}}, ["prompt"]),
        ({"prompt": "x", "suffix": "y"}, ["suffix"]),
        ({"prompt": "x", "best_of": 4}, ["best_of"]),
        ({"prompt": [1], "echo": True}, ["echo"]),
        ({"prompt": "x", "echo": True, "logprobs": 1}, ["echo"]),
        ({"prompt": "x", "logprobs": True}, ["logprobs"]),
        ({"prompt": "x", "logprobs": 21}, ["logprobs"]),
        ({"prompt": "x", "messages": []}, ["messages"]),
        ({"prompt": "x", "prompt_embeds": "y"}, ["prompt_embeds"]),
        ({"prompt": "x", "n": 9}, ["n"]),
    ],
)
def test_what_is_wrong_with_a_completion_is_named(fields, paths):
    assert wrong(completions.parse, **fields) == paths


def test_a_models_words_become_the_completions():
    asked = completions.parse({"model": "m", "prompt": [10**9]})
    error = InvalidArgument.field("token_ids", "must be from 0 to 9")
    assert asked.explain(error).message == "prompt: must be from 0 to 9"


def test_texts_to_be_embedded():
    asked = embeddings.parse({"model": "m", "input": ["a", "b"], "dimensions": 8, "user": "u"})
    assert asked.item == Query(("a", "b"), dimensions=8)
    assert not asked.encoded and not asked.streamed
    error = InvalidArgument.field("texts[1]", "is too long")
    assert asked.explain(error).message == "input[1]: is too long"
    assert embeddings.parse({"model": "m", "input": "a"}).item == Query(("a",))


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, ["input"]),
        ({"input": ""}, ["input"]),
        ({"input": []}, ["input"]),
        ({"input": ["a", ""]}, ["input[1]"]),
        ({"input": [1, 2]}, ["input"]),
        ({"input": ["a"] * 257}, ["input"]),
        ({"input": "a", "dimensions": 0}, ["dimensions"]),
        ({"input": "a", "encoding_format": "hex"}, ["encoding_format"]),
        ({"input": "a", "stream": True}, ["stream"]),
    ],
)
def test_what_is_wrong_with_texts_is_named(fields, paths):
    assert wrong(embeddings.parse, **fields) == paths


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors(encoding):
    asked = embeddings.parse({"model": "m", "input": ["a", "b"], "encoding_format": encoding})
    numbers = np.array([[0.5, -1.0], [0.25, 2.0]], np.float32)
    vectors = embeddings.Vectors(asked, "id-1")
    vectors.add(Embedded(numbers, Read((3, 4), (False, False))))
    found = vectors.object()
    assert found["object"] == "list" and found["model"] == "m"
    assert found["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert [entry["index"] for entry in found["data"]] == [0, 1]
    for entry, row in zip(found["data"], numbers, strict=True):
        sent = entry["embedding"]
        if encoding == "base64":
            sent = np.frombuffer(base64.b64decode(sent), "<f4").tolist()
        assert sent == row.tolist()
