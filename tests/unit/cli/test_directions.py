"""seom directions, from its arguments to its files."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.cli import directions
from serving.runtimes.stylegan.vectors import read_direction

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    parser = argparse.ArgumentParser()
    directions.add(parser.add_subparsers())
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> int:
        given = parser.parse_args(["directions", *arguments])
        code: int = given.run(given)
        return code

    return command


@pytest.fixture
def samples(tmp_path: Path) -> Any:
    """w.npy and scores.csv; `smile` and `age` are half the same, `luck` is in no picture."""
    random = np.random.RandomState(0)
    w = random.randn(2000, 16).astype(np.float32)
    np.save(tmp_path / "w.npy", w)
    smile, luck = w[:, 0] + 0.2 * random.randn(2000), random.randn(2000)
    age = w[:, 0] + w[:, 1] + 0.2 * random.randn(2000)
    table = np.stack((smile, age, luck), axis=1)
    np.savetxt(tmp_path / "scores.csv", table, delimiter=",", header="smile,age,luck", comments="")
    return table


def test_fit(run: Run, samples: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", "w.npy", "scores.csv", "--top", "0.2", "--holdout", "0.25") == 0
    printed = capsys.readouterr().out
    out = tmp_path / "directions"
    assert sorted(each.name for each in out.iterdir()) == [
        "age.npy", "luck.npy", "report.json", "report.txt", "smile.npy",
    ]  # fmt: skip
    for name, truth in (("smile", [1, 0]), ("age", [0.5**0.5, 0.5**0.5])):
        direction = np.load(out / f"{name}.npy", allow_pickle=False)
        assert direction.shape == (1, 16)
        assert direction.dtype == np.float32
        assert direction[0, :2] @ truth > 0.95
        np.testing.assert_allclose(direction, read_direction(out / f"{name}.npy"), atol=1e-6)
    report = json.loads((out / "report.json").read_text())
    assert report["space"] == "w"
    assert (report["samples"], report["held_out"]) == (2000, 500)
    assert report["settings"]["top"] == 0.2
    assert report["attributes"]["smile"]["accuracy"] > 0.95
    assert report["attributes"]["luck"]["accuracy"] < 0.7
    assert report["attributes"]["age"]["file"] == "age.npy"
    assert report["cosines"]["smile"]["age"] == pytest.approx(0.7, abs=0.1)
    assert report["entanglement"]["smile"]["age"] == pytest.approx(0.7, abs=0.1)
    assert str(tmp_path) not in json.dumps(report)
    readable = (out / "report.txt").read_text()
    for text in (printed, readable):
        assert "500 of 2,000 latents held out" in text
        assert re.search(r"smile also moves age \(\+0\.[67]", " ".join(text.split()))
        assert "keep: [age]" in " ".join(text.split())
        assert "luck: only" in text
        assert "luck also moves" not in text, "which is no direction of anything"
    assert "wrote directions" in printed


def test_only_some(run: Run, samples: Any, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.npy").write_bytes(b"mine")
    assert run("fit", "w.npy", "scores.csv", "--out", "d", "--attribute", "age") == 0
    names = {each.name for each in (tmp_path / "d").iterdir()}
    assert names == {"mine.npy", "age.npy", "report.json", "report.txt"}


def test_nothing_is_replaced_unasked(
    run: Run, samples: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("fit", "w.npy", "scores.csv", "--attribute", "age")
    assert run(*arguments) == 0
    first = (tmp_path / "directions" / "age.npy").read_bytes()
    assert run(*arguments, "--seed", "1") == 1
    assert "directions has age.npy already" in capsys.readouterr().err
    assert (tmp_path / "directions" / "age.npy").read_bytes() == first
    assert run(*arguments, "--seed", "1", "--force") == 0
    assert (tmp_path / "directions" / "age.npy").read_bytes() != first


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("none.npy", "scores.csv"), "none.npy is missing"),
        (("w.npy", "none.csv"), "none.csv is missing"),
        (("w.npy", "scores.csv", "--attribute", "grin"), "has no 'grin', but smile, age, luck"),
        (("w.npy", "scores.csv", "--top", "0.004"), "a larger --top"),
        (("scores.csv", "w.npy"), "must be an .npy file"),
        (("w.npy", "scores.csv", "--out", "w.npy"), "cannot be written to"),
    ],
)
def test_faults_are_named(
    run: Run, samples: Any, capsys: pytest.CaptureFixture[str], arguments: Any, problem: str
) -> None:
    assert run("fit", *arguments) == 1
    said = capsys.readouterr().err
    assert said.count("seom directions: ") == 1
    assert problem in said


@pytest.mark.parametrize(
    "arguments",
    [("--top", "0.6"), ("--top", "0"), ("--top", "nan"), ("--top", "x"), ("--holdout", "1"),
     ("--holdout", "0"), ("--seed", "-1"), ("--seed", "4294967296"), ("--space", "w+")],
)  # fmt: skip
def test_arguments_out_of_range(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: Any
) -> None:
    with pytest.raises(SystemExit) as raised:
        run("fit", "w.npy", "scores.csv", *arguments)
    assert raised.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_help_teaches(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("fit", "--help")
    said = capsys.readouterr().out
    for word in ("InterFaceGAN", "entanglement", "--attribute", "scores.csv", "(0.2)", "(0.25)"):
        assert word in said


def test_show(run: Run, samples: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("fit", "w.npy", "scores.csv", "--attribute", "smile", "--attribute", "age")
    np.save(tmp_path / "directions" / "other.npy", -np.eye(16)[0])
    np.save(tmp_path / "directions" / "rows.npy", np.ones((10, 16)))
    capsys.readouterr()
    assert run("show", "directions") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["smile", "w", "1", "×", "16"] in lines
    assert ["other", "–", "1", "×", "16"] in lines
    assert ["rows", "–", "10", "×", "16"] in lines
    # Whether `other` is of W, nobody said.
    assert sum(line[-1].startswith(("+0.7", "+0.6")) for line in lines if line) == 1


def test_show_what_is_none(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "nowhere") == 1
    assert "nowhere has no .npy or .pt files" in capsys.readouterr().err
    np.save(tmp_path / "bad.npy", np.zeros(4))
    (tmp_path / "report.json").write_text('{"attributes": [1]}')
    assert run("show", ".") == 1
    assert "bad.npy is zero" in capsys.readouterr().err
