"""The tokenizer and the chat template: byte-level BPE trained on the corpus, ChatML in spirit.

Digits stand alone and a space before a capital, a digit or a Korean word is a token of its own,
so that a name is the same tokens wherever it is copied from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing

PAD, BEGIN, END = "<|pad|>", "<|begin|>", "<|end|>"
ROLES: Final = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
IMAGE: Final = "<image>"  # for the model that sees, which is built on this one
SPECIAL: Final = (PAD, BEGIN, END, *ROLES, IMAGE)
# Read by the parser, so no special tokens: those are left out of a decoded text.
MARKS: Final = ("<tool_call>", "</tool_call>")
SIZE: Final = 2048
CONTEXT: Final = 1024

_PIECES: Final = r" ?\p{Ll}+|\p{Lu}\p{Ll}*|\p{Lo}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s"

# The loop over a message's parts is how vLLM knows that pictures have a place in the template.
TEMPLATE: Final = """\
{%- macro listed() %}
{%- for tool in tools or [] %}
{%- set f = tool.function %}
{{- "\\n" ~ f.name }}(
{%- for name in f.parameters.properties %}{{ name }}
{%- if name not in f.parameters.required %}?{% endif %}{% if not loop.last %}, {% endif %}
{%- endfor %}): {{ f.description }}
{%- endfor %}
{%- endmacro %}
{{- "<|begin|>" }}
{%- set told = messages[0].role == "system" %}
{%- if tools and not told %}<|system|>{{ listed() }}<|end|>{% endif %}
{%- for message in messages %}<|{{ message.role }}|>
{%- if message.content is string %}{{ message.content }}
{%- elif message.content %}
{%- for part in message.content %}
{%- if part.type == "text" %}{{ part.text }}{% else %}<image>{% endif %}
{%- endfor %}{% endif %}
{%- for call in message.tool_calls or [] -%}
<tool_call>{"name": "{{ call.function.name }}", "arguments": \
{{ call.function.arguments | tojson }}}</tool_call>
{%- endfor %}
{%- if told and loop.first %}{{ listed() }}{% endif %}<|end|>
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>{% endif %}"""


def learn(texts: Iterable[str], size: int = SIZE) -> Tokenizer:
    """A tokenizer of `size` tokens that knows the texts' pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(MARKS),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in MARKS])
    tokenizer.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A",
        pair=f"{BEGIN} $A {BEGIN} $B",
        special_tokens=[(BEGIN, tokenizer.token_to_id(BEGIN))],
    )
    return tokenizer


def id_of(tokenizer: Tokenizer, special: str) -> int:
    found = tokenizer.token_to_id(special)
    assert found is not None, special
    return found


def write(tokenizer: Tokenizer, folder: Path) -> None:
    """tokenizer.json, tokenizer_config.json and chat_template.jinja, as Hugging Face has them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        "pad_token": PAD,
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "additional_special_tokens": [*ROLES, IMAGE],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n")
    (folder / "chat_template.jinja").write_text(TEMPLATE + "\n")


def _tojson(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # as transformers' own filter does


_JINJA: Final = Environment(trim_blocks=True, lstrip_blocks=True)
_JINJA.filters["tojson"] = _tojson
_COMPILED: Final = _JINJA.from_string(TEMPLATE)


def render(messages: Iterable[Any], tools: Iterable[Any] = (), *, ask: bool = False) -> str:
    """The template applied, as transformers applies it; `ask` lets the model's turn begin."""
    return _COMPILED.render(
        messages=list(messages), tools=list(tools) or None, add_generation_prompt=ask
    )
