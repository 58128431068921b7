"""The embedder: its loss, its crops, its training, and how it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_repo.island.faces import entry
from model_repo.island.faces.embedder import SIZE, Embedder, margin_loss
from model_repo.island.faces.features import embed, features, middling
from model_repo.island.faces.heads import KEPT, _draw, crops, varied
from model_repo.island.faces.train_embedder import EmbedderTask
from model_repo.island.faces.verification import auc, pairs, threshold_at
from model_repo.island.training import loop
from model_repo.island.world import Expression, Identity, face
from serving.models.face.align import Source, align


class Kept:
    """As `Pictures`, drawn here and now."""

    def __init__(self, split: str, count: int) -> None:
        drawn = [_draw(split, number) for number in range(count)]
        self.images = [image for image, _ in drawn]
        self.truths = [truth for _, truth in drawn]

    def __len__(self) -> int:
        return len(self.images)


@pytest.fixture(scope="module")
def heads() -> Kept:
    return Kept("train", 12)


def _landmarks(heads: Kept) -> np.ndarray:
    return np.array([truth["landmarks"] for truth in heads.truths])


def test_the_loss_is_softmax_over_angles_with_a_wider_own() -> None:
    random = np.random.default_rng(0)
    one, other = random.standard_normal((2, 6, 16))
    units = [looks / np.linalg.norm(looks, axis=1, keepdims=True) for looks in (one, other)]
    angles = np.arccos(units[0] @ units[1].T) + 0.4 * np.eye(6)
    logits = 11.0 * np.cos(angles)
    ways = [np.log(np.exp(each).sum(1)) - np.diag(each) for each in (logits, logits.T)]
    loss = margin_loss(torch.tensor(one), torch.tensor(other), 0.4, 11.0)
    assert loss.item() == pytest.approx(np.mean(ways))


def test_the_margin_never_rewards_looking_away() -> None:
    """The loss falls all the way from opposite to equal."""
    other = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    seen = []
    for angle in np.linspace(np.pi, 0, 60):
        one = torch.tensor([[np.cos(angle), np.sin(angle), 0.0], [0.0, 0.0, 1.0]]).float()
        seen.append(margin_loss(one, other, 0.5, 16.0).item())
    assert (np.diff(seen) < 1e-4).all()


def test_crops_are_those_of_the_family(heads: Kept) -> None:
    landmarks = _landmarks(heads)
    sources = [
        Source(image, points.astype(np.float32))
        for image, points in zip(heads.images, landmarks, strict=True)
    ]
    served = align(sources, SIZE).crops
    assert np.abs(crops(heads.images, landmarks).numpy() - served).max() < 0.05


def test_a_crop_is_what_the_world_draws_aligned() -> None:
    """Within what another resolution changes: the mean difference of grey levels is small, and
    twice as large where one of them is moved by two pixels."""
    how = Expression(0.8, 0.3, 0.4)
    portrait = face(Identity.of(3), how, 128, seed=5)
    landmarks = np.array(portrait.truth.landmarks)[None] - 0.5
    (cut,) = crops([portrait.image], landmarks).numpy()
    drawn = face(Identity.of(3), how, SIZE, seed=5, framing="aligned").image.transpose(2, 0, 1)
    inner = np.s_[:, 8:-8, 8:-8]  # the wall behind differs
    near = np.abs(cut - drawn)[inner].mean()
    off = np.abs(np.roll(cut, 2, axis=2) - drawn)[inner].mean()
    assert near < 6
    assert off > 2 * near


def test_what_is_varied_depends_on_the_seed_alone(heads: Kept) -> None:
    landmarks = _landmarks(heads)
    one, same, other = (
        varied(heads.images, landmarks, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one.shape == (12, 3, SIZE, SIZE)
    assert torch.equal(one, same)
    assert not torch.allclose(one, other, atol=5)
    assert one.min() >= 0
    assert one.max() <= 255


def test_kept_heads_show_the_whole_crop(heads: Kept) -> None:
    landmarks = _landmarks(heads)
    sources = [
        Source(image, points.astype(np.float32))
        for image, points in zip(heads.images, landmarks, strict=True)
    ]
    assert heads.images[0].shape == (KEPT, KEPT, 3)
    assert align(sources, SIZE).inside.mean() > 0.99


def test_auc_counts_the_pairs_in_order() -> None:
    random = np.random.default_rng(0)
    same, strangers = random.integers(3, 9, 40) / 8, random.integers(0, 7, 50) / 8
    brute = np.mean([(a > b) + (a == b) / 2 for a in same for b in strangers])
    assert auc(same, strangers) == pytest.approx(brute)
    assert auc(np.array([1.0]), np.array([0.0])) == 1.0


def test_pairs_are_all_of_one_person_and_all_of_strangers() -> None:
    one = np.eye(4)
    same, strangers = pairs(one, one[[0, 1, 3, 2]])
    assert same.tolist() == [1, 1, 0, 0]
    assert sorted(strangers) == [0.0] * 10 + [1.0] * 2
    assert threshold_at(np.arange(1001) / 1000, 0.01) == pytest.approx(0.99)


def test_a_training_that_was_stopped_gives_the_same_weights(heads: Kept, tmp_path: Path) -> None:
    pictures: Any = heads
    checked: Any = Kept("validation", 4)

    def task() -> EmbedderTask:
        return EmbedderTask(pictures, checked, 6, steps=2, batch=4)

    whole, first, second = task(), task(), task()
    assert loop.train(whole, tmp_path / "whole")
    assert not loop.train(first, tmp_path / "parts", minutes=0)
    assert loop.train(second, tmp_path / "parts")
    for name, weights in whole.network.state_dict().items():
        assert torch.equal(weights, second.network.state_dict()[name]), name


def test_the_file_gives_what_torch_gives(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = Embedder()
    network.train()(torch.rand(8, 3, SIZE, SIZE) * 255)  # statistics that are not 0 and 1
    entry.write_embedder(network, tmp_path)
    faces = torch.rand(5, 3, SIZE, SIZE) * 255
    with torch.no_grad():
        expected = network.eval()(faces).numpy()
    assert np.allclose(embed(faces.numpy(), tmp_path), expected, atol=1e-3)


def test_features_are_of_the_embedder_at_one_place(tmp_path: Path) -> None:
    torch.manual_seed(2)
    entry.write_embedder(Embedder(), tmp_path)
    images = np.stack([face(Identity.of(n), Expression(), 64, seed=n).image for n in range(3)])
    found = features(images, tmp_path)
    assert found.shape == (3, 128)
    assert found.dtype == np.float32
    assert features(images[:0], tmp_path).shape == (0, 128)


def test_features_are_cut_out_where_most_faces_are() -> None:
    truths = [face(Identity.of(n), Expression(), 64).truth.landmarks for n in range(60)]
    assert np.abs(np.mean(truths, axis=0) - 0.5 - middling(64)).max() < 0.5
