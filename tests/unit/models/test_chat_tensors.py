"""A chat model's tensors: Triton's words in, the family's own query out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from serving.errors import InvalidArgument
from serving.models.chat import triton


def tensors(text: str = "Once", sampling: Any = None, **flags: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"text_input": np.array([text.encode()], object)}
    if sampling is not None:
        words = sampling if isinstance(sampling, bytes) else json.dumps(sampling).encode()
        made["sampling_parameters"] = np.array([words], object)
    return made | {name: np.array([flag]) for name, flag in flags.items()}


def wrong(given: dict[str, Any], **parameters: Any) -> list[str]:
    with pytest.raises(InvalidArgument) as raised:
        triton.parse(given, parameters)
    return [path for path, _ in raised.value.fields]


def test_the_least_there_can_be() -> None:
    query = triton.parse(tensors(), {})
    assert (query.prompt, query.streamed, query.echo, query.adapter) == ("Once", False, True, None)


def test_everything_there_can_be() -> None:
    sampling = {"temperature": "0.5", "max_tokens": 7, "stop": ["\n"], "lora_name": "persona"}
    query = triton.parse(tensors(sampling=sampling, stream=True), {"priority": 1})
    assert (query.streamed, query.echo, query.adapter) == (True, False, "persona")
    assert (query.sampling.temperature, query.sampling.max_tokens) == (0.5, 7)
    assert query.sampling.stop == ("\n",)


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (tensors(""), ["text_input"]),
        (tensors("a" * (2**20 + 1)), ["text_input"]),
        ({"text_input": np.array([b"\xff"], object)}, ["text_input"]),
        (tensors(sampling=b"{"), ["sampling_parameters"]),
        (tensors(sampling=[1]), ["sampling_parameters"]),
        (tensors(sampling={"n": 2}), ["sampling_parameters.n"]),
        (tensors(sampling={"prompt_embeds": "x"}), ["sampling_parameters.prompt_embeds"]),
        (tensors(sampling={"temperature": "hot"}), ["sampling_parameters.temperature"]),
        (tensors(sampling={"max_tokens": True}), ["sampling_parameters.max_tokens"]),
        (tensors(sampling={"lora_name": 3}), ["sampling_parameters.lora_name"]),
        (tensors(sampling={"lora_name": "../x"}), ["sampling_parameters.lora_name"]),
        (tensors(sampling={"lora_name": "https://x/y"}), ["sampling_parameters.lora_name"]),
        (tensors(stream=True, exclude_input_in_output=False), ["exclude_input_in_output"]),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], paths: list[str]) -> None:
    assert wrong(given) == paths


@pytest.mark.parametrize("name", ["chat_template", "mm_processor_kwargs", "cache_salt"])
def test_no_parameter_reaches_an_engine(name: str) -> None:
    assert wrong(tensors(), **{name: "x"}) == [f"parameters[{name}]"]
