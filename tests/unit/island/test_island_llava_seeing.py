"""What the model that sees is shown of a photograph, what is true of it, and the tower's training,
with towers of a few thousand weights."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import CLIPImageProcessor

from model_repo.island.llava import targets, tower, views
from model_repo.island.llava.album import Album, known
from model_repo.island.llava.seeing import Seeing
from model_repo.island.llava.targets import ABSENT, NOTHING, PERSON, Targets
from model_repo.island.llava.views import GRID, SIDE, View
from model_repo.island.training import loop, pictures
from model_repo.island.training.photographs import draw, told
from model_repo.island.training.pictures import Pictures
from model_repo.island.world import NAMES, ask, describe, photograph
from model_repo.island.world.captions import counts

TINY = tower.Size(hidden=32, layers=2, heads=1, inner=48)


@pytest.fixture(scope="module")
def photos():
    return [photograph(seed) for seed in range(8)]


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "CACHE", tmp_path_factory.mktemp("pictures"))
        patch.setattr(pictures, "_CHUNK", 6)
        return Album(Pictures("photographs", draw, 0, 6), 0)


def test_what_is_kept_of_a_photograph_tells_all_that_is_true(photos):
    for photo in photos:
        again = known(photo.seed, photo.image, json.loads(json.dumps(told(photo))))
        assert describe(again) == describe(photo)
        assert ask(again, "ko") == ask(photo, "ko")
        assert again.things == photo.things
        assert replace(again, image=photo.image).people == photo.people


def test_an_album_shows_each_picture_once_a_round(album):
    seen = [photo.seed for number in range(3) for photo in album.batch(number, 2, seed=1)]
    assert sorted(seen) == list(range(6))
    again = [photo.seed for photo in album.batch(1, 2, seed=1)]
    assert again == seen[2:4]
    assert [p.seed for number in (3, 4, 5) for p in album.batch(number, 2, seed=1)] != seen


def test_the_whole_is_seen_as_the_processor_shows_it(photos):
    processor = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[views.MEAN] * 3,
        image_std=[views.SPREAD] * 3,
    )
    for photo in photos[:3]:
        seen = views.normalised([View.whole(photo).pixels(photo.image)])
        shown = processor(images=photo.image, return_tensors="pt")["pixel_values"]
        assert seen.shape == shown.shape == (1, 3, SIDE, SIDE)
        assert float((seen - shown).abs().max()) < 4 / 255 / views.SPREAD
        assert float((seen - shown).abs().mean()) < 0.5 / 255 / views.SPREAD


def test_no_view_loses_anything(photos):
    random = np.random.default_rng(3)
    drawn = [View.draw(photo, random) for photo in photos for _ in range(20)]
    for view, photo in zip(drawn, [p for p in photos for _ in range(20)], strict=True):
        for thing in photo.things:
            x_min, y_min, x_max, y_max = view.patches(thing.box)
            assert -1e-6 <= x_min < x_max <= GRID + 1e-6
            assert -1e-6 <= y_min < y_max <= GRID + 1e-6
    assert len({view.left for view in drawn}) > 60
    assert {view.mirrored for view in drawn} == {True, False}


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_box_lies_where_the_pixels_went(photos, mirrored):
    photo = photos[0]
    image = np.zeros_like(photo.image)
    image[100:140, 60:120] = 255
    view = View(-20.0, 6.0, 330.0, 236.0, mirrored)
    rows, columns = np.nonzero(view.pixels(image)[:, :, 0] > 127)
    scale = GRID / SIDE
    found = (
        columns.min() * scale,
        rows.min() * scale,
        (columns.max() + 1) * scale,
        (rows.max() + 1) * scale,
    )
    assert view.patches((60.0, 100.0, 120.0, 140.0)) == pytest.approx(found, abs=1.5 * scale)


def test_targets_tell_what_is_where(photos):
    found = Targets.of(photos, [View.whole(photo) for photo in photos])
    assert found.kind.shape == (8, GRID * GRID)
    for row, photo in enumerate(photos):
        height, width, _ = photo.image.shape
        seen = counts(photo)
        for thing in photo.things:
            x = int((thing.box[0] + thing.box[2]) / 2 * GRID / width)
            y = int((thing.box[1] + thing.box[3]) / 2 * GRID / height)
            place = y * GRID + x
            assert found.middle[row, place] == 1
            if found.kind[row, place] == NAMES.index(thing.name):
                assert found.many[row, place] == min(seen[thing.name], targets.MOST) - 1
                assert found.shirt[row, place] == ABSENT
        total = len(photo.things) + len(photo.people)
        assert total - 1 <= found.middle[row].sum() <= total
        assert [int(n) for n in found.counts[row, :PERSON]] == [seen.get(n, 0) for n in NAMES]
        assert found.counts[row, PERSON] == len(photo.people)
        people = found.kind[row] == PERSON
        assert bool(people.any()) == bool(photo.people)
        assert set(found.shirt[row, people].tolist()) == {
            list(targets.SHIRTS).index(who.shirt) for who in photo.people
        }
        assert (found.shirt[row, ~people] == ABSENT).all()
        empty = found.kind[row] == NOTHING
        assert empty.any()
        assert (found.many[row, empty] == ABSENT).all()


def test_losses_are_averages_over_what_there_is(photos):
    torch.manual_seed(0)
    wanted = Targets.of(photos[:2], [View.whole(photo) for photo in photos[:2]])
    read = tower.Readers(32)(torch.randn(2, 1 + GRID * GRID, 32))
    found = tower.losses(read, wanted)
    for name in ("kind", "many", "shirt", "place", "counts"):
        there = getattr(wanted, name).flatten()
        logits = read[name].flatten(0, -2)
        expected = functional.cross_entropy(logits[there != ABSENT], there[there != ABSENT])
        assert found[name].item() == pytest.approx(expected.item(), rel=1e-5), name
    chances = read["middle"].sigmoid()
    each = -(wanted.middle * chances.log() + (1 - wanted.middle) * (1 - chances).log())
    assert found["middle"].item() == pytest.approx(
        each.sum().item() / wanted.middle.sum().item(), rel=1e-4
    )


def test_nothing_to_be_known_is_no_loss(photos):
    nobody = [replace(photos[0], things=(), people=())]
    found = tower.losses(
        tower.Readers(32)(torch.randn(1, 1 + GRID * GRID, 32)),
        Targets.of(nobody, [View.whole(photos[0])]),
    )
    assert found["shirt"].item() == found["many"].item() == 0
    assert torch.isfinite(tower.total(found))


def test_positions_differ_everywhere():
    table = tower.waves(48)
    assert table.shape == (1 + GRID * GRID, 48)
    assert (table[0] == 0).all()
    apart = torch.cdist(table[1:], table[1:]) + torch.eye(GRID * GRID)
    assert apart.min() > 0.1
    # What is near is alike.
    assert torch.dist(table[1], table[2]) < torch.dist(table[1], table[6])


def task(album, steps=4, **more):
    return Seeing(album, album, TINY, steps=steps, batch=2, check_every=4, checked=2, **more)


def test_training_goes_on_where_it_stopped(album, tmp_path):
    whole, half, resumed = task(album), task(album), task(album)
    assert loop.train(whole, tmp_path / "whole")
    assert not loop.train(half, tmp_path / "parts", minutes=0)
    assert loop.train(resumed, tmp_path / "parts")
    first = tower.build(TINY).state_dict()
    for name, weights in whole.tower.state_dict().items():
        assert torch.equal(weights, resumed.tower.state_dict()[name]), name
        if "post_layernorm" not in name:
            assert not torch.equal(weights, first[name]), name


def test_training_learns(album):
    learning = task(album, steps=60, rate=0.05)
    found = [learning.step(number)["loss"] for number in range(30)]
    assert sum(found[-5:]) < 0.8 * sum(found[:5])
    assert 0 <= learning.check()["presence F1"] <= 1
