"""The words for what the tower knows, as the language model embeds them, and the projector that
comes nearest to them before anything is learned.

What a patch shows then looks to the language model much as if it were written there: `cat two`,
in both its languages. It can read that already, and need not find out first that it is spoken to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from model_repo.island.llava.targets import (
    ABSENT,
    DOING,
    MOST,
    PATCH_ANSWERS,
    SCENE_ANSWERS,
    Targets,
)
from model_repo.island.world import english, korean
from model_repo.island.world.palette import HAIRS, SHIRTS
from model_repo.island.world.places import PLACES
from model_repo.island.world.skies import TIMES, WEATHERS
from model_repo.island.world.things import BY_NAME, KINDS

_RIDGE: Final = 1e-3  # of the features' mean square
# English and Korean, as they stand within a sentence.
_COLOURS: Final = {name: (f" {name}", word) for name, word in korean.COLOURS.items()}
_NAMES: Final = {kind.name: (f" {kind.name}", kind.korean) for kind in KINDS}
_ACTIONS: Final = {
    "standing": (" standing", "서"),
    "waving": (" waving", "손"),
    "cheering": (" arms", "팔"),
}
_WORDS: Final[dict[str, list[tuple[str, str]]]] = {
    "kind": [*_NAMES.values(), (" person", "사람"), (".", ".")],
    "many": [(f" {english.NUMERALS[n]}", korean.NUMERALS[n]) for n in range(1, MOST + 1)],
    "shirt": [_COLOURS[name] for name in SHIRTS],
    "hair": [_COLOURS[name] for name in HAIRS],
    "doing": [_NAMES[name] if name in BY_NAME else _ACTIONS[name] for name in DOING],
    "place": [(f" {name}", korean.PLACES[name]) for name in PLACES],
    "weather": [(f" {name}", korean.WEATHERS[name]) for name in WEATHERS],
    "time": [(f" {name}", korean.TIMES[name]) for name in TIMES],
}


class Glossary:
    """embeddings: of the language model, float32 [vocabulary, width]"""

    def __init__(self, tokenizer: Tokenizer, embeddings: Tensor) -> None:
        def embed(word: str) -> Tensor:
            ids = tokenizer.encode(word, add_special_tokens=False).ids
            return embeddings[ids].mean(0)

        self._vectors = {
            head: torch.stack([embed(first) + embed(second) for first, second in words])
            for head, words in _WORDS.items()
        }

    def spell(self, targets: Targets) -> Tensor:
        """What is true of each picture as sums of words, [n, 1 + patches, width]: the scene for
        the whole, and for each patch what it shows."""
        patches = sum((self._sum(name, targets) for name in PATCH_ANSWERS), torch.zeros(()))
        whole = sum((self._sum(name, targets) for name in SCENE_ANSWERS), torch.zeros(()))
        return torch.cat([whole[:, None], patches], 1)

    def _sum(self, name: str, targets: Targets) -> Tensor:
        answers: Tensor = getattr(targets, name)
        there = answers != ABSENT
        return self._vectors[name][answers.where(there, 0)] * there[..., None]


@torch.no_grad()
def align(projector: nn.Module, pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Makes the projector's second layer the ridge regression of words on its first, which is
    random.

    pairs: features [n, seats, hidden] with the words [n, seats, width] to be given for them
    """
    seen, words = (torch.cat([each.flatten(0, 1) for each in part]) for part in _unzipped(pairs))
    first, second = projector.linear_1, projector.linear_2
    assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear), "this is a bug"
    first.weight.normal_(std=float(seen.square().sum(1).mean()) ** -0.5)
    first.bias.zero_()
    known = projector.act(first(seen))  # type: ignore[operator]
    known = torch.cat([known, torch.ones(len(known), 1)], 1)
    ridge = _RIDGE * known.square().mean() * len(known) * torch.eye(known.shape[1])
    solved = torch.linalg.solve(known.T @ known + ridge, known.T @ words)
    second.weight.copy_(solved[:-1].T)
    second.bias.copy_(solved[-1])


def _unzipped(pairs: Iterable[tuple[Tensor, Tensor]]) -> Sequence[Sequence[Tensor]]:
    return list(zip(*pairs, strict=True))
