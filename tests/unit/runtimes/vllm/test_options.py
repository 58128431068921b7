"""What model.yaml may say of an engine."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from serving.runtimes.vllm.options import EngineOptions

ADAPTER = {"name": "formal", "folder": "adapters/formal"}


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"sequences": 0}, "sequences"),
        ({"dtype": "int8"}, "dtype"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"quantisation": "bitsandbytes"}, "quantisation"),
        ({"adapters": [{"name": "a", "folder": "../elsewhere"}]}, "adapters.0.folder"),
        ({"adapters": [{"name": "a", "folder": "/etc"}]}, "adapters.0.folder"),
        ({"adapters": [{"name": "A b", "folder": "a"}]}, "adapters.0.name"),
        ({"adapters": [ADAPTER, ADAPTER]}, ""),
        ({"task": "embed", "adapters": [ADAPTER]}, ""),
        ({"speculation": {"method": "ngram", "tokens": 3, "folder": "a"}}, "speculation"),
        ({"speculation": {"method": "draft", "tokens": 3}}, "speculation"),
        ({"tool_parser": "../hermes"}, "tool_parser"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as raised:
        EngineOptions.model_validate(given)
    assert [".".join(map(str, error["loc"])) for error in raised.value.errors()] == [place]


def test_room_for_adapters_comes_in_steps() -> None:
    ranks = [{**ADAPTER, "name": f"a{rank}", "rank": rank} for rank in (4, 20, 9)]
    assert EngineOptions.model_validate({"adapters": ranks}).rank == 32
    assert EngineOptions.model_validate({"kv_cache": "64MiB"}).kv_cache == 64 * 2**20
