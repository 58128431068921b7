"""How a request's sampling reaches vLLM: every field, and what stands in for one left out."""

from __future__ import annotations

import pytest

pytest.importorskip("vllm", reason="vLLM is not installed")

from serving.runtimes.vllm import settings
from serving.runtimes.vllm.types import Sampling

GIVEN = {
    "n": 3,
    "temperature": 0.7,
    "top_p": 0.8,
    "top_k": 12,
    "min_p": 0.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "repetition_penalty": 1.25,
    "seed": 7,
    "max_tokens": 9,
    "min_tokens": 2,
    "stop": ("end",),
    "logprobs": 4,
}


def test_every_field_that_is_given() -> None:
    made = settings.sampling(Sampling(**GIVEN), 100, {"top_k": 99, "temperature": 0.1})
    found = {name: getattr(made, name) for name in GIVEN} | {"stop": tuple(made.stop)}
    assert found == GIVEN


def test_what_is_left_out_is_the_models_own_or_has_no_effect() -> None:
    made = settings.sampling(Sampling(), 100, {"top_k": 20, "temperature": 0.6})
    assert (made.top_k, made.temperature, made.max_tokens) == (20, 0.6, 100)
    assert (made.top_p, made.min_p, made.presence_penalty) == (1.0, 0.0, 0.0)
    assert (made.frequency_penalty, made.repetition_penalty, made.seed) == (0.0, 1.0, None)
