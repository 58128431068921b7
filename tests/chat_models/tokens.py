"""A byte-level BPE tokenizer: any text of any script, Korean and English in few tokens."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BOS, EOS, PAD = "<|begin|>", "<|end|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|tool|>")
IMAGE = "<image>"
# Seen by parsers, so no special tokens: those are left out of a decoded text.
MARKS = ("<tool_call>", "</tool_call>", "<think>", "</think>")
SIZE = 640

_TEXTS = (
    "할머니 생신은 언제예요? 이번 주말에 가족이 함께 소풍을 가요.",
    "안녕하세요, 만나서 반갑습니다. 오늘 날씨가 참 좋네요.",
    "사진을 보고 짧은 메모를 써 주세요. 섬에는 등대가 하나 있습니다.",
    "Once upon a time there was a small island with a lighthouse.",
    "Plan a picnic for the family. What is in the photograph? A red boat.",
    '{"name": "find_event", "arguments": {"who": "grandma", "count": 12}}',
)

# ChatML in spirit; tools as Hermes has them, so that vLLM's parser `hermes` reads calls.
TEMPLATE = """\
{%- if tools %}<|system|>
You may call: {{ tools | tojson }}
Answer a call as <tool_call>{"name": …, "arguments": …}</tool_call>.<|end|>
{% endif -%}
{%- for message in messages -%}
<|{{ message.role }}|>
{% if message.content is string %}{{ message.content }}
{%- elif message.content %}
{%- for part in message.content %}
{%- if part.type == "image" %}<image>{% else %}{{ part.text }}{% endif %}
{%- endfor %}{% endif %}
{%- for call in message.tool_calls or [] %}<tool_call>
{{ {"name": call.function.name, "arguments": call.function.arguments} | tojson }}
</tool_call>{% endfor -%}
<|end|>
{% endfor -%}
{%- if add_generation_prompt %}<|assistant|>{% if tools and messages[-1].role != "tool" -%}
<|calls|>{% elif enable_thinking %}<|thinks|>{% else %}<|says|>{% endif %}{% endif -%}"""
# The ways a reply begins; the scripted model answers each with a text of its own.
STARTS = ("<|says|>", "<|calls|>", "<|thinks|>")


@functools.cache
def _trained(chunks: tuple[str, ...]) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [PAD, BOS, EOS, *ROLES, *STARTS, IMAGE]
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - len(MARKS) - len(chunks),
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in (*MARKS, *chunks)])
    return str(tokenizer.to_str())


def tokenizer(chunks: tuple[str, ...] = ()) -> Tokenizer:
    """The tokenizer; each of `chunks` is a token of its own."""
    return Tokenizer.from_str(_trained(chunks))


def write_tokenizer(
    folder: Path, *, chunks: tuple[str, ...] = (), frame: bool = False, template: bool = True
) -> Tokenizer:
    """Writes it in Hugging Face layout.

    frame: every text is framed in begin and end, as encoders want it; else begin alone
    """
    made = tokenizer(chunks)
    ids = [(token, made.token_to_id(token)) for token in (BOS, EOS)]
    single = f"{BOS} $A {EOS}" if frame else f"{BOS} $A"
    pair = f"{single} {BOS} $B {EOS}" if frame else f"{single} $B"
    made.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=ids
    )
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
        "additional_special_tokens": [*ROLES, *STARTS, IMAGE],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1))
    if template:
        (folder / "chat_template.jinja").write_text(TEMPLATE)
    return made
