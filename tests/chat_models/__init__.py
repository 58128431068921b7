"""Small language models the tests serve: made in a second, with a fixed seed, from nothing.

llama         a Llama of random weights; chat template with tools; says what its weights say
adapters      two LoRA adapters of it, `formal` and `playful`
scripted      a Llama whose replies are known texts (see `language.SCRIPT`)
llava         LLaVA-1.5: CLIP tower, projector, the same Llama
onevision     LLaVA-OneVision: SigLIP tower, Qwen2
embedder      a BERT with mean pooling, in sentence-transformers layout
classifier    a BERT with three labels; `emotions`, one of whose texts may deserve several
distilbert    embeds by the mean, and `mpnet`; vLLM has no model of them, nor of these:
albert        three labels; `deberta`, one of whose texts may deserve several

and, where the data lie beside the checkout, `stories`: llama2.c's stories260K.

    python -m tests.chat_models FOLDER
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from serving.runtimes.llama2c import convert as write_stories
from tests.chat_models.encoders import (
    write_classifier,
    write_embedder,
    write_encoder,
    write_recipe,
)
from tests.chat_models.language import write_adapter, write_llama, write_scripted
from tests.chat_models.vision import write_llava, write_onevision

ADAPTERS = ("formal", "playful")
_SEVERAL = "multi_label_classification"


def _write_sentences(folder: Path, kind: str) -> None:
    write_encoder(folder, kind)
    write_recipe(folder)


_WRITERS: dict[str, Callable[[Path], None]] = {
    "llama": write_llama,
    "scripted": write_scripted,
    "llava": write_llava,
    "onevision": write_onevision,
    "embedder": write_embedder,
    "classifier": write_classifier,
    "emotions": partial(write_classifier, problem=_SEVERAL),
    "distilbert": partial(_write_sentences, kind="distilbert"),
    "mpnet": partial(_write_sentences, kind="mpnet"),
    "albert": partial(write_encoder, kind="albert", classifies=True),
    "deberta": partial(
        write_encoder, kind="deberta-v2", classifies=True, shape={"problem_type": _SEVERAL}
    ),
}


def write_models(root: Path, *names: str) -> Path:
    """Writes the named models, or all of them, each into a folder of its name."""
    for name in names or _WRITERS:
        _WRITERS[name](root / name)
        if name == "llama":
            for seed, adapter in enumerate(ADAPTERS, start=1):
                write_adapter(root / name / "adapters" / adapter, seed=seed)
    return root


__all__ = ["ADAPTERS", "write_models", "write_stories"]
