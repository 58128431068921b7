"""The language model and its training: transformers' Llama from scratch on the corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from model_repo.island.chat import curriculum, tokens
from model_repo.island.chat.muon import Muon
from model_repo.island.chat.pen import Sample
from model_repo.island.training import parts

_PIECE: Final = 512  # tokens computed together, padding included; what the caches hold
_ADAM: Final = 0.2  # of Muon's rate is AdamW's
_WARMUP: Final = 50
_COOLING: Final = 0.5  # the share of the steps in which the rate falls to nothing


@dataclass(frozen=True, slots=True)
class Size:
    """A head of 32 is the least that vLLM takes on a CPU."""

    hidden: int = 256
    layers: int = 4
    heads: int = 8
    key_heads: int = 4
    inner: int = 640


@dataclass(frozen=True, slots=True)
class Encoded:
    """ids: of a whole conversation. learned: which of them the model is to say."""

    ids: list[int]
    learned: list[bool]


def build(tokenizer: Tokenizer, size: Size | None = None, seed: int = 0) -> LlamaForCausalLM:
    """A Llama of random weights, float32."""
    size = size or Size()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=size.hidden,
        intermediate_size=size.inner,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.key_heads,
        max_position_embeddings=tokens.CONTEXT,
        rope_theta=1e6,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=tokens.id_of(tokenizer, tokens.BEGIN),
        eos_token_id=tokens.id_of(tokenizer, tokens.END),
        pad_token_id=tokens.id_of(tokenizer, tokens.PAD),
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: Tokenizer, sample: Sample) -> Encoded:
    """What is learned is each turn of the model's, and that it ends."""
    ids = tokenizer.encode(
        tokens.render(sample.messages, sample.tools), add_special_tokens=False
    ).ids
    mine, end = tokens.id_of(tokenizer, "<|assistant|>"), tokens.id_of(tokenizer, tokens.END)
    learned, speaking = [], False
    for token in ids:
        learned.append(speaking)
        speaking = token == mine or (speaking and token != end)
    return Encoded(ids, learned)


def loss_of(model: Any, batch: Sequence[Encoded], pad: int = 0) -> tuple[Tensor, int]:
    """The sum of cross-entropies of what is learned, and over how many tokens.

    Padding lies behind, where causal attention never looks. Only the positions before a learned
    token go through the head.
    """
    longest = max(len(each.ids) for each in batch)
    ids = torch.full((len(batch), longest), pad)
    learned = torch.zeros((len(batch), longest), dtype=torch.bool)
    for row, each in enumerate(batch):
        ids[row, : len(each.ids)] = torch.tensor(each.ids)
        learned[row, : len(each.ids)] = torch.tensor(each.learned)
    hidden = model.get_decoder()(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    logits = model.get_output_embeddings()(hidden[learned[:, 1:]])
    targets = ids[:, 1:][learned[:, 1:]]
    return functional.cross_entropy(logits, targets, reduction="sum"), len(targets)


def pieces(batch: Sequence[Encoded]) -> list[list[Encoded]]:
    """The batch in parts of alike length, each of at most `_PIECE` tokens or one conversation."""
    made: list[list[Encoded]] = [[]]
    for each in sorted(batch, key=lambda each: len(each.ids)):
        if made[-1] and len(each.ids) * (len(made[-1]) + 1) > _PIECE:
            made.append([])
        made[-1].append(each)
    return [piece for piece in made if piece]


class Training:
    """A task of the training loop: `draw(number)` is a conversation of the corpus.

    Attention's and the layers' matrices learn by Muon, embeddings and norms by AdamW. drill: what
    is practised beside, `drills` of it in each batch.
    """

    def __init__(
        self,
        name: str,
        model: Any,
        tokenizer: Tokenizer,
        draw: Callable[[int], Sample],
        judged: Sequence[Sample],
        *,
        steps: int,
        batch: int = 32,
        rate: float = 0.02,
        check_every: int = 200,
        drill: Callable[[int], Encoded] | None = None,
        drills: int = 0,
    ) -> None:
        self.name = name
        self.steps = steps
        self.check_every = check_every
        self.model = model
        self._tokenizer = tokenizer
        self._draw = draw
        self._judged = [encode(tokenizer, sample) for sample in judged]
        self._batch = batch
        self._drill, self._drills = drill, drills
        self._learned = learned = [p for p in model.parameters() if p.requires_grad]
        known = {id(model.get_input_embeddings().weight)}
        matrices = [p for p in learned if p.ndim == 2 and id(p) not in known]
        others = [p for p in learned if p.ndim != 2 or id(p) in known]
        self._optimizers: dict[str, torch.optim.Optimizer] = {"muon": Muon(matrices, lr=rate)}
        if others:  # an adapter is matrices alone
            self._optimizers["adam"] = torch.optim.AdamW(
                others, lr=_ADAM * rate, betas=(0.9, 0.95), weight_decay=0.0
            )
        self._rates = {name: o.param_groups[0]["lr"] for name, o in self._optimizers.items()}

    def state(self) -> Mapping[str, Any]:
        return {"model": self.model, **self._optimizers}

    def step(self, number: int) -> Mapping[str, float]:
        for name, optimizer in self._optimizers.items():
            optimizer.param_groups[0]["lr"] = self._rates[name] * self._share(number)
        first = number * self._batch
        samples = (self._draw(first + i) for i in range(self._batch))
        batch = [encode(self._tokenizer, sample) for sample in samples]
        if self._drill is not None:
            drilled = number * self._drills
            batch += [self._drill(drilled + i) for i in range(self._drills)]
        self.model.train()
        loss = parts.learn(
            self._learned,
            pieces(batch)[::-1],
            lambda piece: loss_of(self.model, piece)[0],
            sum(sum(each.learned) for each in batch),
        )
        for optimizer in self._optimizers.values():
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {"loss": loss}

    def check(self) -> Mapping[str, float]:
        self.model.eval()
        with torch.no_grad():
            found = [loss_of(self.model, piece) for piece in pieces(self._judged)]
        return {"loss": float(sum(each[0] for each in found)) / sum(each[1] for each in found)}

    def _share(self, number: int) -> float:
        """Of the rate: up over the first steps, down over the last half."""
        cooled = (self.steps - number) / (self.steps * _COOLING)
        return min((number + 1) / _WARMUP, 1.0, cooled)


def learn_tokens() -> Tokenizer:
    """The tokenizer of the corpus: the base's lessons, and each adapter's."""
    samples = [curriculum.drawn(number) for number in range(6000)]
    for lesson in curriculum.ADAPTERS.values():
        samples += [curriculum.sample(lesson, number, "train") for number in range(600)]
    return tokens.learn(tokens.render(sample.messages, sample.tools) for sample in samples)
