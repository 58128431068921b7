"""What model.yaml may say of an engine."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from serving.runtimes.vllm.life import Life
from serving.runtimes.vllm.options import EngineOptions

ADAPTER = {"name": "formal", "folder": "adapters/formal"}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"sequences": 0}, "sequences"),
        ({"dtype": "int8"}, "dtype"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"quantisation": "bitsandbytes"}, "quantisation"),
        ({"kv_dtype": "int4"}, "kv_dtype"),
        ({"chunked_prefill": "maybe"}, "chunked_prefill"),
        ({"step_tokens": 8}, "step_tokens"),
        ({"tensor_parallel": 0}, "tensor_parallel"),
        ({"sleep_after_s": 0}, "sleep_after_s"),
        ({"gpu_memory": 1.5}, "gpu_memory"),
        ({"stall_s": 0}, "stall_s"),
        ({"adapter_room": -1}, "adapter_room"),
        ({"adapter_rank": 1024}, "adapter_rank"),
        ({"adapters": [{"name": "a", "folder": "../elsewhere"}]}, "adapters.0.folder"),
        ({"adapters": [{"name": "a", "folder": "/etc"}]}, "adapters.0.folder"),
        ({"adapters": [{"name": "A b", "folder": "a"}]}, "adapters.0.name"),
        ({"adapters": [ADAPTER, ADAPTER]}, ""),
        ({"task": "embed", "adapters": [ADAPTER]}, ""),
        ({"task": "embed", "adapter_room": 1}, ""),
        ({"speculation": {"method": "guess", "tokens": 3}}, "speculation.method"),
        ({"speculation": {"method": "ngram", "tokens": 17}}, "speculation.tokens"),
        ({"speculation": {"method": "ngram", "tokens": 3, "folder": "a"}}, "speculation"),
        ({"speculation": {"method": "draft", "tokens": 3}}, "speculation"),
        ({"tool_parser": "../hermes"}, "tool_parser"),
        ({"json_spaces": "some"}, "json_spaces"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as raised:
        EngineOptions.model_validate(given)
    assert [".".join(map(str, error["loc"])) for error in raised.value.errors()] == [place]


def test_room_for_adapters_comes_in_steps() -> None:
    ranks = [{**ADAPTER, "name": f"a{rank}", "rank": rank} for rank in (4, 20, 9)]
    options = EngineOptions.model_validate({"adapters": ranks})
    assert (options.rank, options.adapter_places) == (32, 3)
    assert EngineOptions.model_validate({"kv_cache": "64MiB"}).kv_cache == 64 * 2**20


def test_room_for_adapters_that_are_not_known_yet() -> None:
    none = EngineOptions()
    assert none.adapter_places == 0
    room = EngineOptions(adapter_room=2)
    assert (room.rank, room.adapter_places) == (16, 2)
    known = {**ADAPTER, "rank": 8}
    options = EngineOptions.model_validate(
        {"adapters": [known], "adapter_room": 2, "adapter_rank": 40}
    )
    assert (options.rank, options.adapter_places) == (64, 3)


def test_a_hanging_engine_is_found_within_30_seconds() -> None:
    """The canary's interval, the patience with it, three failed checks a second apart."""
    assert Life.canary_every + EngineOptions().stall_s + 3 < 30
