"""Latents and scores are read from files that fit together, and each fault is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.fitting.samples import Samples


@pytest.fixture
def latents(tmp_path: Path) -> Path:
    np.save(tmp_path / "w.npy", np.random.RandomState(0).randn(4, 6).astype(np.float32))
    return tmp_path / "w.npy"


def refused(latents: Path, scores: Path, *only: str, space: Any = "w") -> str:
    with pytest.raises(FailedPrecondition) as raised:
        Samples.read(latents, scores, space, only)
    assert raised.value.reason in ("SAMPLES", "DIRECTION")
    assert str(latents.parent) not in raised.value.message
    return raised.value.message


def csv(folder: Path, text: str) -> Path:
    (folder / "scores.csv").write_text(text, encoding="utf-8")
    return folder / "scores.csv"


def npz(folder: Path, **columns: Any) -> Path:
    np.savez(folder / "scores.npz", **columns)
    return folder / "scores.npz"


def test_csv(latents: Path, tmp_path: Path) -> None:
    scores = csv(tmp_path, "\ufefffile, smile,age\r\na.png,1,-2e1\r\nb,2,.5\r\n\nc,3,7\nd,4,8\n")
    samples = Samples.read(latents, scores, "w", ["age", "smile"])
    assert list(samples.scores) == ["age", "smile"]
    assert samples.scores["age"].tolist() == [-20, 0.5, 7, 8]
    assert samples.scores["smile"].tolist() == [1, 2, 3, 4]
    assert np.array_equal(samples.latents, np.load(latents))
    directions = np.random.RandomState(1).randn(2, 6)
    np.testing.assert_allclose(
        samples.along(directions), np.load(latents) @ directions.T, rtol=1e-6
    )


def test_npz(latents: Path, tmp_path: Path) -> None:
    columns = {"smile": np.array([[1], [2], [3], [4]], np.int8), "yes": [True, False, True, True]}
    samples = Samples.read(latents, npz(tmp_path, **columns), "w")
    assert samples.scores["smile"].tolist() == [1, 2, 3, 4]
    assert samples.scores["yes"].tolist() == [1, 0, 1, 1]
    assert samples.scores["yes"].dtype == np.float64


@pytest.mark.parametrize(
    ("text", "only", "problem"),
    [
        ("smile\n1\n2\n3\n", (), "has 3 scores of smile for the 4 latents of w.npy"),
        ("smile\n1\n2\n3\n4\n5\n", (), "has 5 scores"),
        ("smile\n1\n2\nnan\n4\n", (), "no finite score of smile in row 2 and 1 in all"),
        ("smile\ninf\n2\nnan\n4\n", (), "in row 0 and 2 in all"),
        ("smile,age\n1,2\n3,old\n", (), "line 3: 'old' is no score of age"),
        ("smile,age\n1,\n", (), "line 2: '' is no score of age"),
        ("smile,age\n1,2,3\n", (), "line 2 has 3 columns, and the header 2"),
        ("smile,age\n1,2\n", ("smile", "pose"), "has no 'pose', but smile, age"),
        ("smile,smile\n1,2\n", (), "header of different names"),
        ("", (), "header of different names"),
        ("smile\n", (), "has 0 scores"),
        ("../up\n1\n2\n3\n4\n", (), "'../up' cannot name an attribute"),
        ("Smile\n1\n2\n3\n4\n", (), "'Smile' cannot name an attribute"),
        ("1\n2\n3\n4\n5\n", (), "'1' cannot name an attribute"),
        ("smile\n\0\n", (), "line 2: '\\x00' is no score"),
    ],
)
def test_bad_csv(
    latents: Path, tmp_path: Path, text: str, only: tuple[str, ...], problem: str
) -> None:
    message = refused(latents, csv(tmp_path, text), *only)
    assert message.startswith("scores.csv ")
    assert problem in message


def test_columns_that_are_not_asked_for_may_be_anything(latents: Path, tmp_path: Path) -> None:
    scores = csv(tmp_path, "../up,smile\n?,1\n,2\nnan,3\n☃,4\n")
    assert list(Samples.read(latents, scores, "w", ["smile"]).scores) == ["smile"]


def test_bad_npz(latents: Path, tmp_path: Path) -> None:
    for columns, problem in (
        ({"smile": np.ones((4, 2))}, "float64 (4, 2) for smile"),
        ({"smile": np.ones(())}, "for smile"),
        ({"smile": np.array(["a"] * 4)}, "for smile"),
        ({"smile": np.ones(4) * 1j}, "complex128 (4,) for smile"),
        ({"smile": np.array([None] * 4)}, "no whole .npz"),
        ({"smile": np.ones(3)}, "has 3 scores"),
        ({}, "header of different names"),
    ):
        scores = npz(tmp_path, **columns)
        assert problem in refused(latents, scores)
    assert "has no 'x'" in refused(latents, npz(tmp_path, smile=np.ones(4)), "x")
    whole = scores.read_bytes()
    for content in (b"", b"hello", whole[:100]):
        scores.write_bytes(content)
        assert "no whole .npz" in refused(latents, scores)
    assert "missing" in refused(latents, tmp_path / "none.npz")
    assert "missing" in refused(latents, tmp_path / "none.csv")
    assert "must be .npz or .csv" in refused(latents, tmp_path / "scores.txt")
    (tmp_path / "latin.csv").write_bytes("größe\n1\n".encode("latin-1"))
    assert "UTF-8" in refused(latents, tmp_path / "latin.csv")


def test_bad_latents(tmp_path: Path) -> None:
    path, scores = tmp_path / "w.npy", npz(tmp_path, smile=np.ones(4))
    for values, problem in (
        (np.ones((4, 10, 6)), "of shape (4, 10, 6), and must have floats of shape (n, dim)"),
        (np.ones(4), "of shape (4,)"),
        (np.ones((4, 6), int), "has int64"),
        (np.array([[1.0], [2], [np.nan], [np.inf]]), "not finite in row 2"),
        (np.array([[None]]), "no whole .npy"),
    ):
        np.save(path, values)
        message = refused(path, scores)
        assert message.startswith("w.npy ")
        assert problem in message
    assert "missing" in refused(tmp_path / "none.npy", scores)
    assert "must be an .npy" in refused(tmp_path / "w.csv", scores)


def test_latents_of_the_other_space(tmp_path: Path) -> None:
    path, scores = tmp_path / "w.npy", npz(tmp_path, smile=np.ones(4))
    np.save(path, 0.3 * np.random.RandomState(0).randn(4, 100))
    assert "say --space w" in refused(path, scores, space="z")
    assert Samples.read(path, scores, "w").space == "w"


def test_latents_are_read_a_part_at_a_time(tmp_path: Path) -> None:
    path, scores = tmp_path / "w.npy", npz(tmp_path, smile=np.arange(70_000))
    w = np.random.RandomState(0).randn(70_000, 3).astype(np.float32)
    np.save(path, w)
    samples = Samples.read(path, scores, "w")
    assert isinstance(samples.latents, np.memmap)
    np.testing.assert_allclose(samples.along(np.eye(3)), w)
    w[66_000, 1] = np.nan
    np.save(path, w)
    assert "not finite in row 66000" in refused(path, scores)
