"""The chat model's training, adapters and judging, with networks of a few thousand weights."""

from __future__ import annotations

import json

import jsonschema
import pytest
import torch
from torch.nn import functional
from transformers import GenerationConfig

from model_repo.island.chat import (
    curriculum,
    entry,
    induction,
    judging,
    lora,
    network,
    tokens,
    trainer,
)
from model_repo.island.chat.lessons import notices, recipes, tools
from model_repo.island.chat.muon import Muon, orthogonal
from model_repo.island.chat.pen import Sample
from model_repo.island.training import loop
from serving.repository import config
from serving.runtimes.vllm.lora import verify
from serving.runtimes.vllm.options import Adapter

TINY = network.Size(hidden=32, layers=2, heads=2, key_heads=1, inner=48)


@pytest.fixture(scope="module")
def tokenizer():
    samples = [curriculum.drawn(number) for number in range(100)]
    return tokens.learn((tokens.render(s.messages, s.tools) for s in samples), size=600)


@pytest.fixture
def model(tokenizer):
    return network.build(tokenizer, TINY).eval()


@pytest.fixture
def batch(tokenizer):
    return [network.encode(tokenizer, curriculum.drawn(number)) for number in range(9)]


def test_the_loss_is_transformers_own(model, batch):
    total, count = network.loss_of(model, batch[:3])
    expected = torch.zeros(())
    for each in batch[:3]:
        ids = torch.tensor([each.ids])
        labels = torch.where(torch.tensor([each.learned]), ids, -100)
        mean = model(input_ids=ids, labels=labels).loss
        expected += mean * sum(each.learned)
    assert count == sum(sum(each.learned) for each in batch[:3])
    assert float(total.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_a_batch_is_parted_whole_and_by_length(batch):
    parts = network.pieces(batch)
    lengths = [len(each.ids) for part in parts for each in part]
    assert lengths == sorted(len(each.ids) for each in batch)
    assert len(parts) > 1
    for part in parts:
        assert len(part) == 1 or len(part) * max(len(each.ids) for each in part) <= 1024


@pytest.mark.parametrize("shape", [(3, 8, 20), (1, 20, 8), (2, 6, 6)])
def test_muon_makes_singular_values_about_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape) * 7, 5))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_muon_finds_a_matrix():
    torch.manual_seed(0)
    wanted, given = torch.randn(6, 4) / 4, torch.randn(64, 4)
    weight = torch.nn.Parameter(torch.zeros(6, 4))
    optimizer = Muon([weight], lr=0.05)
    for step in range(120):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 120)
        functional.mse_loss(given @ weight.T, given @ wanted.T).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert torch.allclose(weight, wanted, atol=0.05)


def test_it_copies_before_it_learns(tokenizer):
    """Tokens at random, said again from their second on."""
    model = network.build(tokenizer)
    said = torch.randint(10, 600, (4, 40), generator=torch.Generator().manual_seed(0))
    told = torch.cat([said, said], 1)

    def right() -> float:
        with torch.no_grad():
            next_ones = model(input_ids=told).logits.argmax(-1)[:, 40:-1]
        return float((next_ones == told[:, 41:]).float().mean())

    assert right() < 0.05
    induction.begin(model)
    assert right() > 0.9


def test_a_drill_is_said_again():
    drill = induction.drill(7, 600, [1, 4], [2, 5])
    assert (
        drill == induction.drill(7, 600, [1, 4], [2, 5]) != induction.drill(8, 600, [1, 4], [2, 5])
    )
    length = sum(drill.learned)
    said = drill.ids[2 : 2 + length]
    assert drill.ids == [1, 4, *said, 2, 5, *said] and drill.learned[-length:] == [True] * length
    assert all(len(tokens.SPECIAL) <= token < 600 for token in said)


def test_later_drills_say_few_tokens_again_and_again():
    def different(first: int) -> float:
        drills = [induction.drill(number, 2000, [1], [2]) for number in range(first, first + 100)]
        return sum(len(set(each.ids) - {1, 2}) / sum(each.learned) for each in drills) / 100

    assert different(0) > 0.95 and different(20_000) < 0.85


def _task(tokenizer, steps: int = 4):
    return trainer.base_task(tokenizer, TINY, steps=steps, batch=3)


def test_training_goes_on_where_it_stopped(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_JUDGED", 2)
    whole, half = _task(tokenizer), _task(tokenizer)
    assert loop.train(whole, tmp_path / "whole")
    assert not loop.train(half, tmp_path / "parts", minutes=0)
    resumed = _task(tokenizer)
    assert loop.train(resumed, tmp_path / "parts")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_training_learns(tokenizer, monkeypatch):
    monkeypatch.setattr(trainer, "_JUDGED", 2)
    task = _task(tokenizer, steps=80)
    before = task.check()["loss"]
    for number in range(60):
        task.step(number)
    assert task.check()["loss"] < before - 0.5


def test_rates_rise_and_fall(tokenizer, monkeypatch):
    monkeypatch.setattr(trainer, "_JUDGED", 1)
    task = trainer.base_task(tokenizer, TINY, steps=1000)
    shares = [task._share(number) for number in (0, 49, 400, 750, 999)]
    assert 0 < shares[0] < shares[1] == 1.0 == shares[2] > shares[3] > shares[4] > 0


def test_any_number_of_threads_learns_the_same(tokenizer, monkeypatch):
    monkeypatch.setattr(trainer, "_JUDGED", 1)
    monkeypatch.setattr(network, "_PIECE", 128)
    learned, before = [], torch.get_num_threads()
    for threads in (1, 3):
        task = _task(tokenizer)
        torch.set_num_threads(threads)
        figures = task.step(0)
        torch.set_num_threads(before)
        learned.append((figures, [parameter.clone() for parameter in task.model.parameters()]))
    (loss, one), (again, three) = learned
    assert loss == again and all(map(torch.equal, one, three))


def test_replies_are_what_transformers_generates(model, tokenizer, monkeypatch):
    monkeypatch.setattr(judging, "LONGEST", 12)
    samples = [curriculum.sample(notices.notice, number, "test") for number in range(5)]
    said = judging.replies(model, tokenizer, samples)
    settings = GenerationConfig(
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=tokenizer.token_to_id(tokens.END),
        pad_token_id=tokenizer.token_to_id(tokens.PAD),
    )
    for sample, text in zip(samples, said, strict=True):
        ids = torch.tensor([judging.prompt(tokenizer, sample)])
        made = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=settings)
        expected = tokenizer.decode(made[0, ids.shape[1] :].tolist(), skip_special_tokens=True)
        assert text == expected


def test_replies_are_judged_word_for_word_and_json_by_its_values():
    call = Sample("calls", "en", (), frozenset((tools.spell("f", {"a": "1", "b": "2"}),)))
    assert judging.right(
        call, '<tool_call>{"arguments": {"b": "2", "a": "1"}, "name": "f"}</tool_call>'
    )
    assert not judging.right(call, tools.spell("f", {"a": "1"}))
    assert not judging.right(call, tools.spell("g", {"a": "1", "b": "2"}))
    assert not judging.right(call, '{"name": "f"')
    text = Sample("copies", "en", (), frozenset(("Mina.", "It is Mina.")))
    assert judging.right(text, "It is Mina.")
    assert not judging.right(text, "Mina")
    assert judging.share([text, text], ["Mina.", "Nina."]) == 0.5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value,
        lambda value: value | {"recipe_name": ""},
        lambda value: value | {"recipe_name": 3},
        lambda value: value | {"more": 1},
        lambda value: {k: v for k, v in value.items() if k != "recipes"},
        lambda value: value | {"recipes": []},
        lambda value: value | {"recipes": ["a"] * 9},
        lambda value: value | {"recipe_ingredients": ["a", 1]},
        lambda value: value | {"recipe_ingredients": "apple"},
        lambda value: [value],
    ],
)
def test_a_recipe_is_valid_where_jsonschema_says_so(spoil):
    done = json.loads(curriculum.sample(recipes.recipe, 0, "test").messages[-1]["content"])
    value = spoil(done)
    try:
        jsonschema.validate(value, recipes.SCHEMA)
        expected = True
    except jsonschema.ValidationError:
        expected = False
    assert judging.valid_recipe(json.dumps(value)) is expected
    assert not judging.valid_recipe(json.dumps(value)[:-1])


def test_an_entry_is_written_whole_and_opens_again(model, tokenizer, tmp_path):
    folder = tmp_path / entry.NAME
    entry.write_base(model, tokenizer, folder)
    logs = {}
    for number, name in enumerate(curriculum.ADAPTERS):
        base, _ = entry.open_base(folder)
        adapter = lora.adapted(base, seed=number)
        with torch.no_grad():
            for parameter in adapter.parameters():
                if parameter.requires_grad:
                    parameter.normal_(std=0.3)
        entry.write_adapter(adapter, name, folder)
        logs[name] = tmp_path / f"{name}.csv"
        logs[name].write_text(f"step,seconds,loss\n50,{number},1.5\n")
    entry.write_settings(folder)
    entry.write_log(folder, logs)

    (settings, *_) = config.read(folder / "model.yaml", "reference")
    assert [each.name for each in settings.options.adapters] == list(curriculum.ADAPTERS)
    for each in settings.options.adapters:
        assert isinstance(each, Adapter)
        assert verify(folder / "1", each).modules == set(lora.MODULES)
    rows = (folder / "training.csv").read_text().splitlines()
    assert rows[:2] == ["part,step,seconds,loss", "persona,50,0,1.5"]

    ids = torch.tensor([judging.prompt(tokenizer, curriculum.drawn(3))])
    opened, known = entry.open_base(folder)
    assert known.to_str() == tokenizer.to_str()
    assert opened.dtype == torch.float32
    plain = opened(ids).logits.detach()
    assert torch.allclose(plain, model(ids).logits.detach(), atol=0.02)
    changed = entry.open_adapter(folder, "memory")(ids).logits.detach()
    assert not torch.allclose(changed, plain, atol=0.02)
    other = entry.open_adapter(folder, "summary")(ids).logits.detach()
    assert not torch.allclose(changed, other, atol=0.02)


def test_an_adapter_learns_and_leaves_the_base_as_it_is(model, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_JUDGED", 2)
    folder = tmp_path / entry.NAME
    entry.write_base(model, tokenizer, folder)
    task = trainer.adapter_task("summary", folder, steps=3, batch=2)
    before = {name: p.clone() for name, p in task.model.named_parameters()}
    for number in range(3):
        task.step(number)
    for name, parameter in task.model.named_parameters():
        moved = not torch.equal(parameter, before[name])
        assert moved == ("lora_" in name), name
