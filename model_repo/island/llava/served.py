"""What the entry says of photographs as it is served: through the code of the cluster and its
vLLM."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from model_repo.island.chat.pen import Sample
from model_repo.island.chat.served import Served
from model_repo.island.llava.lessons import text_of
from model_repo.island.world.scene import Photograph
from serving.images.picture import Picture
from serving.models.chat import types
from serving.runtimes.vllm.types import Sampling, Text

LONGEST: Final = 192  # tokens of a reply; captions of a crowd are the longest
_GREEDY: Final = Sampling(temperature=0.0, max_tokens=LONGEST)


async def replies(model: Served, asked: Sequence[tuple[Photograph, Sample]]) -> list[str]:
    """What it says to the first question of each, greedily and all together."""
    queries = (
        types.Chat(
            (types.Turn("user", (Picture(pixels=photo.image), Text(text_of(sample)))),), _GREEDY
        )
        for photo, sample in asked
    )
    return await asyncio.gather(*map(model.reply, queries))
