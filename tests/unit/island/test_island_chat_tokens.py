"""The chat model's tokenizer and template, and which tokens are learned."""

from __future__ import annotations

import pytest
from transformers import AutoTokenizer

from model_repo.island.chat import curriculum, network, tokens
from model_repo.island.chat.lessons import calendar, notices, talk, tools


@pytest.fixture(scope="module")
def tokenizer():
    samples = [curriculum.drawn(number) for number in range(150)]
    texts = (tokens.render(sample.messages, sample.tools) for sample in samples)
    return tokens.learn(texts, size=800)


@pytest.fixture(scope="module")
def loaded(tokenizer, tmp_path_factory):
    """The same, as transformers reads it from disk."""
    folder = tmp_path_factory.mktemp("tokens")
    tokens.write(tokenizer, folder)
    return AutoTokenizer.from_pretrained(folder)


def test_the_size_is_the_one_asked_for(tokenizer):
    assert tokenizer.get_vocab_size() == 800


@pytest.mark.parametrize(
    "text",
    [
        "섬에는 등대가 하나 있습니다.",
        "Mina’s picnic\n at 15:30 ☂",
        '{"title": "가족 소풍"}',
        "  A  b ",
    ],
)
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_a_name_is_the_same_tokens_wherever_it_stands(tokenizer):
    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    for name in ("Velgunas", "준혁", "4917"):
        own = encode(name)
        for text in (f"with {name}.", f'"{name}"', f"{name}, {name}", f"이름은 {name}"):
            ids = encode(text)
            assert any(ids[i : i + len(own)] == own for i in range(len(ids)))
    assert len(encode("4917")) == 4


def test_marks_of_calls_are_read_and_special_tokens_are_not(tokenizer):
    ids = tokenizer.encode("<tool_call>{}</tool_call><|end|>", add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<tool_call>{}</tool_call>"
    assert len(ids) <= 5


@pytest.mark.parametrize("lesson", curriculum.BASE, ids=lambda lesson: lesson.__name__)
@pytest.mark.parametrize("ask", [False, True])
def test_the_template_renders_as_transformers_renders_it(loaded, lesson, ask):
    for number in range(4):
        sample = curriculum.sample(lesson, number, "train")
        messages = list(sample.messages[:-1] if ask else sample.messages)
        expected = loaded.apply_chat_template(
            messages, tools=list(sample.tools) or None, add_generation_prompt=ask, tokenize=False
        )
        assert tokens.render(messages, sample.tools, ask=ask) == expected


def test_the_template_tells_of_the_tools(loaded):
    text = tokens.render([{"role": "user", "content": "Hi!"}], tools.TOOLS[:1], ask=True)
    assert text == (
        "<|begin|><|system|>\nadd_event(title, date, time?, who?): Adds an event.<|end|>"
        "<|user|>Hi!<|end|><|assistant|>"
    )


def test_messages_in_parts_are_rendered_as_texts():
    sample = curriculum.sample(calendar.reply, 2, "train")
    messages = [{"role": "system", "content": "You are Lora."}, *sample.messages]
    parted = [{**each, "content": [{"type": "text", "text": each["content"]}]} for each in messages]
    text = tokens.render(messages, sample.tools)
    assert text.startswith("<|begin|><|system|>You are Lora.\n")
    assert tokens.render(parted, sample.tools) == text


def test_pictures_have_their_place_in_the_template():
    parts = [{"type": "image"}, {"type": "text", "text": "Where is this?"}]
    text = tokens.render([{"role": "user", "content": parts}])
    assert text == "<|begin|><|user|><image>Where is this?<|end|>"


@pytest.mark.parametrize("lesson", [calendar.reply, notices.notice, talk.chat])
def test_what_is_learned_is_every_turn_of_the_models_and_its_end(tokenizer, lesson):
    for number in range(6):
        sample = curriculum.sample(lesson, number, "train")
        encoded = network.encode(tokenizer, sample)
        said = tokenizer.decode(
            [i for i, mine in zip(encoded.ids, encoded.learned, strict=True) if mine],
            skip_special_tokens=False,
        )
        expected = ""
        for message in sample.messages:
            if message["role"] == "assistant":
                calls = [each["function"] for each in message.get("tool_calls", ())]
                expected += message["content"]
                expected += "".join(tools.spell(c["name"], c["arguments"]) for c in calls)
                expected += tokens.END
        assert said == expected
