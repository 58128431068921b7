"""Latents tell of portraits, and the parts of the training compute what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from model_repo.island.stylegan import entry, sliders
from model_repo.island.stylegan.discriminator import Discriminator, deviation
from model_repo.island.stylegan.draws import CHOICES, NAMES, Z_DIM, Draws, latents, shown
from model_repo.island.stylegan.frechet import distance
from model_repo.island.stylegan.game import Game, Plan, gradient_penalty, likeness
from model_repo.island.stylegan.network import ARGUMENTS, fresh, mapped, painted
from model_repo.island.stylegan.portraits import Batch, Portraits, _stress, draw, signed
from model_repo.island.stylegan.served import NAME, Served
from model_repo.island.stylegan.sliders import Judged, spearman
from model_repo.island.training import loop
from model_repo.island.world import SPLITS, Expression, Identity, face
from model_repo.island.world.dice import Dice
from model_repo.island.world.palette import HAIRS, IRISES, SHIRTS, SKINS, Colour, shade
from model_repo.island.world.people import BACKS, FRINGES, NOSES
from model_repo.island.world.portraits import _WALLS, _light
from serving.models.base import Device
from serving.runtimes.stylegan.arguments import parse
from serving.runtimes.stylegan.generator import Generator
from serving.runtimes.stylegan.painter import shown as pixels

SMALL = {**ARGUMENTS, "w_dim": 16, "channel_base": 128, "channel_max": 8}


def some_draws(count: int) -> list[Draws]:
    return [Draws.of(i, Expression.draw(Dice(5, i)), 1000 + i) for i in range(count)]


def test_draws_are_the_person_that_the_world_makes() -> None:
    for number in range(200):
        who, draws = Identity.of(number), Draws.of(number, Expression(), 0)
        assert who.skin == SKINS[draws.chosen("skin")]
        assert who.hair == list(HAIRS)[draws.chosen("hair")]
        assert who.fringe == FRINGES[draws.chosen("fringe")]
        assert who.back == BACKS[draws.chosen("back")]
        assert who.iris == IRISES[draws.chosen("iris")]
        assert who.nose == NOSES[draws.chosen("nose")]
        glasses = ("none", "none", "none", "round", "square")
        assert who.glasses == glasses[draws.chosen("glasses")]
        told = dict(zip(NAMES, draws.numbers, strict=True))
        assert who.width == pytest.approx(0.72 + 0.28 * told["width"])
        assert who.earrings == (told["earrings"] < 0.25)
        assert who.beard == (told["beard"] < 0.15)


def test_draws_are_the_scene_that_the_world_makes() -> None:
    """A pixel of the wall and one of the shirt have the very colours that the draws tell of."""
    who = Identity.of(next(n for n in range(100) if Identity.of(n).back == "none"))
    walls, shirts = [], []
    for seed in range(100):
        draws = Draws.of(who.number, Expression(), seed)
        told = dict(zip(NAMES, draws.numbers, strict=True))
        light = _light(82 + int(told["light"] * 23), -2 + int(told["warmth"] * 7))
        image = face(who, Expression(), 64, seed=seed).image
        wall = _WALLS[draws.chosen("wall")]
        near = [lit(colour, light) for colour in (wall, shade(wall, 125))]
        walls.append(tuple(image[48, 0]) in near)
        shirts.append(
            tuple(image[63, 18]) == lit(SHIRTS[list(SHIRTS)[draws.chosen("shirt")]], light)
        )
    assert np.mean(walls) > 0.85, "but for the edge between light and shade"
    assert all(shirts)


def lit(colour: Colour, light: list[int]) -> tuple[int, ...]:
    return tuple(light[256 * channel + value] for channel, value in enumerate(colour))


def test_latents_tell_what_the_draws_do() -> None:
    draws = some_draws(400)
    z = latents(draws, np.random.RandomState(0))
    assert z.shape == (400, Z_DIM)
    assert z.dtype == np.float32
    told = shown(z)
    for column, choices in enumerate(CHOICES):
        numbers = np.array([each.numbers[column] for each in draws])
        if choices > 1:
            assert (told[:, column] == (numbers * choices).astype(int)).all(), NAMES[column]
        else:
            assert np.abs(told[:, column] - numbers).max() < 2e-4, NAMES[column]


def test_latents_are_normal_and_independent() -> None:
    z = latents(some_draws(4000), np.random.RandomState(1))
    assert np.abs(z.mean(axis=0)).max() < 0.1
    varied = np.delete(z, sum(CHOICES) - 1, axis=1)  # the side is one of two numbers
    assert np.abs(varied.std(axis=0) - 1).max() < 0.08
    across = np.corrcoef(varied.T)[~np.eye(Z_DIM - 1, dtype=bool)]
    assert np.abs(across).max() < 0.1


def test_what_learns_is_what_is_served() -> None:
    """In training and as served, the same weights give the same pictures."""
    network = fresh(SMALL, 3)
    with torch.no_grad():
        for name, each in network.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                each += 0.3
    network.mapping.w_avg.fill_(0.1)
    z = np.random.RandomState(2).randn(4, Z_DIM).astype(np.float32)
    w = mapped(network, torch.from_numpy(z))
    learning = painted(network, w, torch.Generator().manual_seed(8)).detach()
    drawn = torch.Generator().manual_seed(8)
    noise = [
        torch.randn((4, 1, *shape), generator=drawn) for shape in network.synthesis.noise_shapes
    ]
    generator = Generator(parse(SMALL), network, Device())
    served = generator.render(torch.from_numpy(generator.map(z)), noise)
    assert served.std() > 0.1
    torch.testing.assert_close(learning, served, atol=1e-4, rtol=1e-4)


def test_gradients_reach_every_weight() -> None:
    network = fresh(SMALL, 3)
    images = painted(network, mapped(network, torch.randn(2, Z_DIM)), torch.Generator())
    images.square().sum().backward()
    for name, each in network.named_parameters():
        assert each.grad is not None, name
        assert each.grad.abs().max() > 0, name


def test_coarse_pictures_leave_out_the_finer_blocks() -> None:
    network = fresh(SMALL, 3)
    w = mapped(network, torch.randn(2, Z_DIM))
    before = painted(network, w, torch.Generator().manual_seed(0), 32)
    assert before.shape == (2, 3, 32, 32)
    with torch.no_grad():
        for each in network.synthesis.get_submodule("b64").parameters():
            each.zero_()
    again = painted(network, w, torch.Generator().manual_seed(0), 32)
    torch.testing.assert_close(before, again)


def test_pixels_go_to_and_fro() -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    assert np.abs(pixels(signed(image)).numpy().astype(int) - image).max() <= 1


def test_errors_count_most_at_eyes_and_mouth() -> None:
    landmarks = np.array([[[20, 30], [44, 30], [32, 40], [26, 50], [38, 50]]], np.float32)
    stress = _stress(landmarks)
    assert stress.shape == (1, 1, 64, 64)
    assert stress[0, 0, 30, 20] > 4.9
    assert stress[0, 0, 52, 32] > 4.9
    assert stress[0, 0, 5, 5] == pytest.approx(1, abs=1e-3)
    seen = Batch(torch.zeros(1, 3, 64, 64), torch.zeros(1, Z_DIM), stress)
    eye, corner = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    eye[..., 30, 20] = corner[..., 5, 5] = 1
    assert likeness(eye, seen) / likeness(corner, seen) == pytest.approx(5, rel=0.02)
    assert likeness(torch.ones(1, 3, 64, 64), seen) == pytest.approx(1)
    assert likeness(torch.ones(1, 3, 32, 32), seen) == pytest.approx(1)


def test_deviation_is_that_within_groups() -> None:
    x = torch.randn(8, 5, 4, 4)
    found = deviation(x)
    assert found.shape == (8, 1, 4, 4)
    for first in (0, 1):
        group = x[first::2].numpy()
        wanted = np.sqrt(group.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[first::2].numpy(), wanted, rtol=1e-5)


def test_the_penalty_is_the_squared_gradient() -> None:
    images = torch.randn(4, 3, 8, 8, requires_grad=True)
    slope = torch.randn(3, 8, 8)
    logits = (images * slope).sum((1, 2, 3))
    assert gradient_penalty(logits, images) == pytest.approx(float(slope.square().sum()), rel=1e-5)


def test_a_discriminator_sees_a_batch_of_one_kind() -> None:
    """Images that are all alike look less real or more than the same ones among others."""
    judge = Discriminator(0)
    images = torch.randn(4, 3, 64, 64)
    alike = judge(images[:1].expand(4, -1, -1, -1))
    torch.testing.assert_close(alike, alike[:1].expand(4))
    assert (judge(images)[0] - alike[0]).abs() > 1e-4


def test_frechet_distance_of_normal_features() -> None:
    random = np.random.RandomState(0)
    one = random.randn(50_000, 3)
    assert distance(one, one) == pytest.approx(0, abs=1e-9)
    other = random.randn(50_000, 3) * [1, 2, 3] + [0, 0, 2]
    # Of independent features: the squared differences of means and of deviations.
    assert distance(one, other) == pytest.approx(4 + 1 + 4, rel=0.03)
    turned = np.linalg.qr(random.randn(3, 3))[0]
    assert distance(one @ turned, other @ turned) == pytest.approx(distance(one, other))


def test_ranks_are_shared_by_equals() -> None:
    assert spearman(np.array([1, 2, 3, 9]), np.array([0.1, 0.2, 0.3, 7])) == pytest.approx(1)
    assert spearman(np.array([1, 2, 3]), np.array([3, 2, 1])) == pytest.approx(-1)
    # Ranks 1.5, 1.5, 3 and 1, 2, 3.
    assert spearman(np.array([4, 4, 5]), np.array([1, 2, 3])) == pytest.approx(0.866, abs=1e-3)


def test_movement_aside_is_the_larger_one_as_a_share() -> None:
    assert Judged("mouth", 0.9, (0.3, 3.0, 0.6)).aside == pytest.approx(0.2)
    assert Judged("turn", 0.9, (0.3, 3.0, 0.6)).aside == pytest.approx(5)


def test_people_of_other_splits_are_not_dealt() -> None:
    for split in SPLITS.values():
        _, truth = draw(split.seeds.start + 7)
        assert truth["person"] in split.people


@pytest.fixture(scope="module")
def portraits() -> Portraits:
    images, truths = zip(*(draw(seed) for seed in range(10)), strict=True)
    return Portraits(images, truths, 0)


def test_every_portrait_is_dealt_once_in_a_round(portraits: Portraits) -> None:
    rounds = [portraits.batch(number, 5).images for number in range(4)]
    first, second = torch.cat(rounds[:2]), torch.cat(rounds[2:])
    assert (first != second).any(), "each round is shuffled anew"
    for one in first:
        assert ((one == second).flatten(1).all(1)).sum() == 1
    again = portraits.batch(1, 5)
    torch.testing.assert_close(again.images, rounds[1])
    torch.testing.assert_close(again.z, portraits.batch(1, 5).z)


def tiny(portraits: Portraits) -> Game:
    plan = Plan(steps=4, coarse=1, game=2, size=4, lazy=2, check_every=100, checked=4,
                arguments=SMALL)  # fmt: skip
    return Game(plan, portraits, portraits)


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not(
    portraits: Portraits, tmp_path: Path
) -> None:
    whole = tiny(portraits)
    assert loop.train(whole, tmp_path / "whole")
    for _ in range(3):
        assert not loop.train(tiny(portraits), tmp_path / "parts", minutes=0)
    last = tiny(portraits)
    assert loop.train(last, tmp_path / "parts")
    for part in ("generator", "average", "discriminator"):
        wanted = whole.state()[part].state_dict()
        for name, each in last.state()[part].state_dict().items():
            torch.testing.assert_close(each, wanted[name], atol=0, rtol=0, msg=f"{part} {name}")


def test_learning_makes_pictures_more_alike(portraits: Portraits) -> None:
    plan = Plan(steps=40, coarse=0, game=40, size=5, rate=0.02, arguments=SMALL)
    game = Game(plan, portraits, portraits)
    told = [game.step(number)["likeness"] for number in range(plan.steps)]
    assert np.mean(told[-5:]) < 0.7 * np.mean(told[:5])


def test_the_entry_is_served_with_its_sliders(portraits: Portraits, tmp_path: Path) -> None:
    """Of a generator that knows nothing; what is fitted is what the entry's sliders follow."""
    game = tiny(portraits)
    game.centre()
    folder = tmp_path / "reference" / NAME
    entry.write(game.average, SMALL, folder, sliders=False)
    sliders.fit(Served(folder), folder / "directions", count=120)
    entry.write(game.average, SMALL, folder, sliders=True)
    served = Served(folder)
    w, images = served.drawn(range(3), psi=1.0)
    exact = painted(
        game.average, mapped(game.average, torch.from_numpy(seeded(3))), torch.Generator()
    )
    assert np.abs(pixels(exact).numpy().astype(int) - images).max() <= 3, "FP16 costs no more"
    assert served.bounds("turn") == entry.BOUNDS["turn"]
    moved = served.steered(range(3), "turn", np.array([2.0, 2.0, 2.0]))
    assert (moved != served.drawn(range(3))[1]).any()
    assert w.shape == (3, SMALL["w_dim"])


def seeded(count: int) -> np.ndarray:
    """z of the seeds from 0 on, as the generator draws it."""
    rows = [np.random.RandomState(seed).randn(Z_DIM) for seed in range(count)]
    return np.array(rows, np.float32)
