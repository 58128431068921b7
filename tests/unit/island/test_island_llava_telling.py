"""Conversations about photographs, many of them learned in one sequence, and the entry, with
networks of a few thousand weights."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, CLIPVisionConfig, LlamaConfig, LlavaConfig
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from model_repo.island import llava
from model_repo.island.chat import curriculum, tokens
from model_repo.island.chat import entry as chat
from model_repo.island.chat import network as language
from model_repo.island.llava import entry, lessons, network, tower, trainer
from model_repo.island.llava.album import Album
from model_repo.island.llava.glossary import Glossary, align
from model_repo.island.llava.targets import Targets
from model_repo.island.llava.telling import Telling
from model_repo.island.llava.views import View, normalised
from model_repo.island.training import loop, pictures
from model_repo.island.training.photographs import draw
from model_repo.island.training.pictures import Pictures
from model_repo.island.world import NAMES, english, korean, photograph
from model_repo.island.world.captions import counts
from model_repo.island.world.reading import read
from model_repo.island.world.things import BY_NAME
from serving.repository import config

SEES = tower.Size(hidden=32, layers=2, heads=1, inner=48)
SPEAKS = language.Size(hidden=32, layers=2, heads=2, key_heads=1, inner=48)


@pytest.fixture(scope="module")
def photo():
    return next(p for p in map(photograph, range(100)) if p.things and len(p.people) > 1)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "CACHE", tmp_path_factory.mktemp("pictures"))
        patch.setattr(pictures, "_CHUNK", 4)
        return Album(Pictures("photographs", draw, 0, 4), 0)


@pytest.fixture(scope="module")
def tokenizer():
    samples = [curriculum.drawn(number) for number in range(100)]
    return tokens.learn((tokens.render(s.messages, s.tools) for s in samples), size=600)


@pytest.fixture
def model(tokenizer):
    base = language.build(tokenizer, SPEAKS)
    return network.build(tower.build(SEES), base, tokenizer).eval()


def test_lessons_are_true(photo):
    drawn = [each for number in range(6) for each in lessons.lessons(photo, number, "train")]
    assert {each.language for each in drawn} == {"en", "ko"}
    captions = [each for each in drawn if each.task == "caption"]
    assert len(captions) == 12
    assert all(each.messages[-1]["content"] in each.accepted for each in drawn)
    for each in captions:
        (said,) = each.accepted
        found = read(said, each.language)
        assert found.counts == counts(photo)
        assert (found.place, found.weather, found.time) == (photo.place, photo.weather, photo.time)
    memos = [each for each in drawn if each.task == "memo"]
    assert memos
    for each in memos:
        assert read(next(iter(each.accepted)), each.language).counts == counts(photo)


def test_lessons_show_the_picture_once_and_first(photo, tokenizer):
    long = 0
    for sample in lessons.lessons(photo, 1, "train"):
        encoded = language.encode(tokenizer, sample)
        image = tokenizer.token_to_id(tokens.IMAGE)
        assert encoded.ids.count(image) == 1
        assert encoded.ids.index(image) == 2
        roles = [each["role"] for each in sample.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        long += len(roles) > 2
    assert long


def test_lessons_come_again_and_others_do_not(photo):
    assert lessons.lessons(photo, 1, "train") == lessons.lessons(photo, 1, "train")
    assert lessons.lessons(photo, 1, "train") != lessons.lessons(photo, 2, "train")


def test_captions_of_the_test_are_asked_for_in_words_held_out(photo):
    def asked(side: str) -> set[str]:
        pens = [lessons.pen_of(photo, n, side, lang) for n in range(40) for lang in ("en", "ko")]
        return {lessons.text_of(lessons.caption(photo, pen)) for pen in pens}

    assert not asked("train") & asked("test")
    sample = lessons.caption(photo, lessons.pen_of(photo, 0, "test", "ko"))
    assert len(sample.accepted) == 9


def test_a_sheet_teaches_what_each_conversation_teaches_alone(photo, tokenizer, model):
    samples = lessons.lessons(photo, 0, "train")[:5]
    image = normalised([View.whole(photo).pixels(photo.image)])
    seen = network.see(model, image)
    assert seen.shape == (1, network.SEATS, SEES.hidden)
    sheet = network.encode(tokenizer, samples)
    together = network.said(model, seen[0], sheet)
    alone = []
    for sample in samples:
        encoded = language.encode(tokenizer, sample)
        at = encoded.ids.index(model.config.image_token_id)
        wide = [model.config.image_token_id] * network.SEATS
        ids = torch.tensor([[*encoded.ids[:at], *wide, *encoded.ids[at + 1 :]]])
        learned = torch.tensor([False] * (at + network.SEATS) + encoded.learned[at + 1 :])
        with torch.no_grad():
            logits = model(input_ids=ids, pixel_values=image).logits[0]
        alone.append(logits[learned.nonzero()[:, 0] - 1])
    assert torch.allclose(together, torch.cat(alone), atol=1e-4)

    loss, count = network.loss_of(together, sheet)
    wanted = sheet.ids[sheet.learned]
    chances = together.log_softmax(-1)[torch.arange(count), wanted]
    assert loss.item() == pytest.approx(-chances.sum().item(), rel=1e-5)


def test_an_answer_counts_when_all_of_it_is_likeliest(photo, tokenizer):
    samples = lessons.lessons(photo, 0, "train")[:3]
    sheet = network.encode(tokenizer, samples)
    wanted = sheet.ids[sheet.learned]
    logits = torch.nn.functional.one_hot(wanted, 600).float()
    assert network.answered(logits, sheet) == {1: True, 2: True, 3: True}
    owners = sheet.owners[sheet.learned]
    spoiled = int((owners == 2).nonzero()[0])
    logits[spoiled] = logits[spoiled].roll(1)
    assert network.answered(logits, sheet) == {1: True, 2: False, 3: True}


def test_the_glossary_spells_what_is_there(photo, tokenizer, model):
    embeddings = model.get_input_embeddings().weight.detach()
    wanted = Targets.of([photo], [View.whole(photo)])
    spelt = Glossary(tokenizer, embeddings).spell(wanted)
    assert spelt.shape == (1, network.SEATS, SPEAKS.hidden)

    def word(text: str) -> torch.Tensor:
        return embeddings[tokenizer.encode(text, add_special_tokens=False).ids].mean(0)

    name, number = next(iter(counts(photo).items()))
    place = int((wanted.kind[0] == NAMES.index(name)).nonzero()[0])
    expected = word(f" {name}") + word(BY_NAME[name].korean)
    expected += word(f" {english.NUMERALS[number]}") + word(korean.NUMERALS[number])
    assert torch.allclose(spelt[0, 1 + place], expected, atol=1e-6)
    scene = word(f" {photo.place}") + word(korean.PLACES[photo.place])
    scene += word(f" {photo.weather}") + word(korean.WEATHERS[photo.weather])
    scene += word(f" {photo.time}") + word(korean.TIMES[photo.time])
    assert torch.allclose(spelt[0, 0], scene, atol=1e-6)


def test_the_projector_begins_with_the_nearest_words():
    torch.manual_seed(0)
    width = 256  # of as many random units what is sought is nearly a sum
    vision = CLIPVisionConfig(hidden_size=SEES.hidden, num_attention_heads=1)
    text = LlamaConfig(hidden_size=width)
    projector = LlavaMultiModalProjector(LlavaConfig(vision_config=vision, text_config=text))
    mixed = torch.randn(SEES.hidden, width)
    seen = torch.randn(40, 9, SEES.hidden)
    align(projector, [(part, part @ mixed + 1) for part in seen.split(8)])
    with torch.no_grad():
        fresh = torch.randn(5, 9, SEES.hidden)
        missed = projector(fresh) - (fresh @ mixed + 1)
    assert missed.shape == (5, 9, width)
    assert missed.square().mean() < 0.2 * (fresh @ mixed).square().mean()


def test_photographs_align_the_projector(photo, tokenizer, model):
    def error() -> float:
        picture = normalised([View.whole(photo).pixels(photo.image)])
        with torch.no_grad():
            said = model.model.multi_modal_projector(network.see(model, picture))
        wanted = Targets.of([photo], [View.whole(photo)])
        words = Glossary(tokenizer, model.get_input_embeddings().weight.detach()).spell(wanted)
        return float((said - words).square().mean() / words.square().mean())

    before = error()
    network.align(model, tokenizer, [photo])
    assert error() < 0.9 * before


def task(model, tokenizer, album, steps=4, **more):
    return Telling(
        model, tokenizer, album, album, steps=steps, batch=2, check_every=4, checked=1, **more
    )


def fresh(tokenizer):
    base = language.build(tokenizer, SPEAKS)
    return network.build(tower.build(SEES), base, tokenizer)


def test_training_goes_on_where_it_stopped(album, tokenizer, tmp_path):
    whole, half, resumed = (task(fresh(tokenizer), tokenizer, album) for _ in range(3))
    assert loop.train(whole, tmp_path / "whole")
    assert not loop.train(half, tmp_path / "parts", minutes=0)
    assert loop.train(resumed, tmp_path / "parts")
    before = fresh(tokenizer).state_dict()
    for name, weights in whole.model.state_dict().items():
        assert torch.equal(weights, resumed.model.state_dict()[name]), name
        assert torch.equal(weights, before[name]) == ("vision_tower" in name), name


def test_training_learns(album, tokenizer):
    learning = task(fresh(tokenizer), tokenizer, album, steps=60, rate=0.05)
    found = [learning.step(number)["loss"] for number in range(16)]
    assert found[-1] < found[0] - 0.5
    assert set(learning.check()) == {"loss", "presence", "count", "people", "caption"}


def test_an_entry_opens_again_and_says_the_same(photo, model, tokenizer, tmp_path):
    folder = tmp_path / entry.NAME
    entry.write(model, tokenizer, folder)
    (settings, *_) = config.read(folder / "model.yaml", "reference")
    assert settings.options.images == 1
    opened, known = entry.open_model(folder)
    assert known.to_str() == tokenizer.to_str()
    assert {p.dtype for p in opened.parameters()} == {torch.float32}

    processor = AutoProcessor.from_pretrained(folder / "1", local_files_only=True)
    sample = lessons.lessons(photo, 0, "test")[0]
    text = tokens.render(sample.messages[:1], ask=True)
    inputs = processor(images=Image.fromarray(photo.image), text=text, return_tensors="pt")
    assert int((inputs["input_ids"] == model.config.image_token_id).sum()) == network.SEATS
    model.half().float()  # as the file has it
    with torch.no_grad():
        expected = model(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"])
        found = opened(input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"])
    torch.testing.assert_close(found.logits, expected.logits)
    names = json.loads((folder / "1" / "config.json").read_text())
    assert names["image_seq_length"] == network.SEATS


def test_without_the_chat_model_it_says_so(tmp_path):
    with pytest.raises(SystemExit, match="island-chat, which has no weights yet"):
        llava.train(tmp_path / "work", tmp_path / "entries")
    assert not (tmp_path / "entries").exists()


def test_the_whole_training_writes_the_entry(album, tokenizer, tmp_path, monkeypatch):
    base = language.build(tokenizer, SPEAKS)
    chat_folder = tmp_path / "reference" / chat.NAME
    chat.write_base(base, tokenizer, chat_folder)
    (chat_folder / "model.yaml").write_text("family: chat\n")
    monkeypatch.setattr(trainer, "album_of", lambda split, count: album)
    monkeypatch.setattr(trainer, "SEEING", 2)
    for name in ("SEEING_BATCH", "TELLING", "TELLING_BATCH"):
        monkeypatch.setattr(trainer, name, 2)
    monkeypatch.setattr(tower, "Size", lambda: SEES)
    folder = tmp_path / "reference" / entry.NAME
    assert trainer.train(tmp_path / "work", folder)
    rows = (folder / "training.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["part", "seeing", "telling"]
    assert (folder / "model.yaml").exists()
