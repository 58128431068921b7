"""The whole model, transformers' LlavaForConditionalGeneration: the trained tower, a projector,
and the chat model's base."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import (
    CLIPVisionModel,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from model_repo.island.chat import network, tokens
from model_repo.island.chat.pen import Sample
from model_repo.island.llava.glossary import Glossary
from model_repo.island.llava.glossary import align as align_words
from model_repo.island.llava.sheets import Sheet
from model_repo.island.llava.targets import Targets
from model_repo.island.llava.tower import features
from model_repo.island.llava.views import GRID, View, normalised
from model_repo.island.world.scene import Photograph

# A picture's tokens: its patches, and in front the whole, where the scene and all counts are.
SEATS: Final = 1 + GRID * GRID
LAYER: Final = -1
STRATEGY: Final = "full"
_TOGETHER: Final = 32  # pictures


def build(
    tower: CLIPVisionModel, base: LlamaForCausalLM, tokenizer: Tokenizer, seed: int = 0
) -> LlavaForConditionalGeneration:
    """Tower and base as they are, and a projector of random weights; all float32."""
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=tower.config.to_dict(),
        text_config=base.config.to_dict(),
        vision_feature_layer=LAYER,
        vision_feature_select_strategy=STRATEGY,
        image_token_index=tokens.id_of(tokenizer, tokens.IMAGE),
        image_seq_length=SEATS,
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )
    model = LlavaForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.state_dict())
    model.model.language_model.load_state_dict(base.model.state_dict())
    model.tie_weights()
    model.generation_config = base.generation_config
    return model


def align(
    model: LlavaForConditionalGeneration, tokenizer: Tokenizer, photos: Sequence[Photograph]
) -> None:
    """Lets the projector say of photographs, as nearly as it can untrained, what they show."""
    glossary = Glossary(tokenizer, words(model).detach())
    views = [View.whole(photo) for photo in photos]

    def pair(start: int) -> tuple[Tensor, Tensor]:
        some = list(zip(photos, views, strict=True))[start : start + _TOGETHER]
        pictures = normalised([view.pixels(photo.image) for photo, view in some])
        targets = Targets.of(*zip(*some, strict=True))
        return see(model, pictures), glossary.spell(targets)

    torch.manual_seed(0)
    align_words(model.model.multi_modal_projector, map(pair, range(0, len(photos), _TOGETHER)))


def encode(tokenizer: Tokenizer, samples: Sequence[Sample]) -> Sheet:
    """Conversations about one picture as one sequence."""
    conversations = [network.encode(tokenizer, sample) for sample in samples]
    return Sheet.of(conversations, tokens.id_of(tokenizer, tokens.IMAGE), SEATS)


def words(model: LlavaForConditionalGeneration) -> Tensor:
    """The embeddings of the language model, float32 [vocabulary, width]."""
    weights: Tensor = model.model.language_model.get_input_embeddings().weight
    return weights


def see(model: LlavaForConditionalGeneration, pictures: Tensor) -> Tensor:
    """The tower's features, float32 [n, SEATS, hidden]; it learns nothing more."""
    with torch.no_grad():
        return features(model.model.vision_tower, pictures)


def said(model: LlavaForConditionalGeneration, seen: Tensor, sheet: Sheet) -> Tensor:
    """Logits of what is learned, float32 [learned, vocabulary]. seen: [SEATS, hidden]"""
    projected = model.model.multi_modal_projector(seen)
    embedded = model.get_input_embeddings()(sheet.ids)
    first = int((sheet.ids == model.config.image_token_id).nonzero()[0])
    embedded = torch.cat([embedded[:first], projected, embedded[first + SEATS :]])
    hidden = model.model.language_model(
        inputs_embeds=embedded[None],
        attention_mask=sheet.mask(),
        position_ids=sheet.positions[None],
        use_cache=False,
    ).last_hidden_state[0]
    # What a token is to be is said where the one before it is, in the same conversation.
    before = sheet.learned.nonzero()[:, 0] - 1
    logits: Tensor = model.lm_head(hidden[before])
    return logits


def loss_of(logits: Tensor, sheet: Sheet) -> tuple[Tensor, int]:
    """The sum of cross-entropies of what is learned, and over how many tokens."""
    wanted = sheet.ids[sheet.learned]
    return functional.cross_entropy(logits, wanted, reduction="sum"), len(wanted)


def answered(logits: Tensor, sheet: Sheet) -> dict[int, bool]:
    """By conversation: whether every token it is to say is the likeliest one, which is when it is
    said word for word by whoever takes the likeliest each time."""
    same = logits.argmax(-1) == sheet.ids[sheet.learned]
    owners = sheet.owners[sheet.learned]
    return {int(owner): bool(same[owners == owner].all()) for owner in owners.unique()}
