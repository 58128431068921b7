"""Many conversations about one picture in one sequence, so that the picture is computed once.

Behind the picture they lie side by side: each sees the picture and itself and none of the others,
at the positions it would have alone, so that the model learns from each what it would learn from
it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model_repo.island.chat.network import Encoded


@dataclass(frozen=True, slots=True)
class Sheet:
    """ids, positions, owners: int64 [length]; learned: bool [length], what the model is to say

    owners: which conversation a token belongs to, 0 for the picture and what is before it
    """

    ids: Tensor
    positions: Tensor
    owners: Tensor
    learned: Tensor

    @classmethod
    def of(cls, conversations: Sequence[Encoded], image: int, seats: int) -> Sheet:
        """image: the picture's token, which each has once, all behind the same beginning; it
        becomes `seats` tokens"""
        at = conversations[0].ids.index(image)
        ids = [*conversations[0].ids[:at], *[image] * seats]
        learned, owners = [False] * len(ids), [0] * len(ids)
        positions, behind = list(range(len(ids))), len(ids)
        for number, each in enumerate(conversations, 1):
            assert each.ids[:at] == ids[:at] and each.ids[at] == image, "this is a bug"
            own = each.ids[at + 1 :]
            ids += own
            learned += each.learned[at + 1 :]
            owners += [number] * len(own)
            positions += range(behind, behind + len(own))
        return cls(*map(torch.tensor, (ids, positions, owners, learned)))

    def mask(self) -> Tensor:
        """Which token (row) sees which (column), bool [1, 1, length, length]."""
        allowed = (self.owners == 0) | (self.owners == self.owners[:, None])
        return allowed.tril()[None, None]
