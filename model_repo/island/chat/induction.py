"""Heads that copy, built in before anything is learned, and drills that keep them in use.

What the model is asked for it mostly copies: names, numbers, titles. A transformer learns to by
two heads, one that tells each token what came before it and one in the next layer that looks for
the token that came behind the same as now (Elhage et al. 2021, Olsson et al. 2022); but it finds
them late, after more text than a CPU reads in an hour. So they are written into the first two
layers, as rough as random projections make them, and learning goes on from there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from model_repo.island.chat.network import Encoded
from model_repo.island.chat.tokens import SPECIAL

_CONSTANT: Final = 0.08  # the first number of every embedding, four times as large as others are
_BEFORE: Final = 1.7  # how sharply a head looks at the token before
_QUICK: Final = 3  # waves that tell neighbours apart
_SLOW: Final = 6  # of waves from this one on, a thousand tokens apart are alike
_ALIKE: Final = 2.8  # how sharply a head looks at tokens that are alike
_TOLD: Final = 0.05  # how loudly a token is told the one before
_COPIED: Final = 0.2  # and what is copied
_SEED: Final = 24
_SHORTEST, _LONGEST = 4, 32  # tokens of a drill
_EASY: Final = 16_000  # drills, in which a token hardly ever comes twice
_FEW: Final = (4, 24)  # different tokens of every other drill after those


@torch.no_grad()
def begin(model: LlamaForCausalLM, seed: int = 0) -> None:
    """Overwrites one head of each group in the first two layers, and one number of the
    embeddings; all else that is random begins in silence, lest it drown them."""
    config: Any = model.config
    width, heads, groups = (
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
    )
    head, step = width // heads, heads // groups
    waves = torch.arange(head // 2)
    quick = config.rope_parameters["rope_theta"] ** (-2 * waves[:_QUICK] / head)
    slow = torch.cat([waves[_SLOW:], waves[_SLOW:] + head // 2])
    axes = _axes(width, seed)
    # What a token is, and where it is told what came before it: of nothing in common.
    told = len(slow) * groups
    here, before = axes[:told], axes[-told:]

    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    embeddings: Any = model.get_input_embeddings()
    embeddings.weight[:, 0] = _CONSTANT
    first, second = (model.model.layers[i].self_attn for i in (0, 1))
    for group in range(groups):
        mine = slice(group * step * head, (group * step + 1) * head)
        shared = slice(group * head, (group + 1) * head)
        part = slice(group * len(slow), (group + 1) * len(slow))

        query, key, value = (torch.zeros(head, width) for _ in range(3))
        query[:_QUICK, 0], query[head // 2 : head // 2 + _QUICK, 0] = quick.cos(), -quick.sin()
        key[:_QUICK, 0] = 1.0
        value[: len(slow)] = here[part]
        first.q_proj.weight[mine], first.k_proj.weight[shared] = _BEFORE * query, _BEFORE * key
        first.v_proj.weight[shared] = value
        first.o_proj.weight[:, mine][:, : len(slow)] = _TOLD * before[part].T

        query, key = torch.zeros(head, width), torch.zeros(head, width)
        query[slow], key[slow] = _ALIKE * here[part], _ALIKE * before[part]
        second.q_proj.weight[mine], second.k_proj.weight[shared] = query, key
        second.v_proj.weight[shared] = axes[shared]
        second.o_proj.weight[:, mine] = _COPIED * axes[shared].T


def drill(number: int, vocabulary: int, opening: list[int], closing: list[int]) -> Encoded:
    """Tokens at random, to be said again. opening, closing: what stands before either

    Where few tokens come again and again, as commas and digits do in a list, one must look further
    back than one token to know where one is.
    """
    random = np.random.default_rng((_SEED, number))
    length = int(random.integers(_SHORTEST, _LONGEST + 1))
    said = random.integers(len(SPECIAL), vocabulary, length)
    if number >= _EASY and number % 2:
        few = min(length, int(random.integers(*_FEW)))
        said = said[random.integers(0, few, length)]
    ids = [*opening, *said.tolist(), *closing, *said.tolist()]
    return Encoded(ids, [False] * (len(ids) - length) + [True] * length)


def _axes(width: int, seed: int) -> Tensor:
    """Random directions at right angles to each other and to the constant, [width − 1, width]."""
    random = torch.Generator().manual_seed(seed)
    turned, _ = torch.linalg.qr(torch.randn(width - 1, width - 1, generator=random))
    return torch.cat([torch.zeros(width - 1, 1), turned], 1)
