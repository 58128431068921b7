"""The commands `seom synthesize` and `seom animate`, away from a terminal and at one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seom import cli

from .server import Server, wait_until


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "entry_points", lambda group: ())


@pytest.fixture
def run(server: Server, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        assert cli.main([*arguments, "--address", server.address]) == code
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


def test_synthesize(run: Any, server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "faces"
    look = ["--attribute", "smile=1.5", "--attribute", "age=-1", "--keep", "glasses"]
    numbers = ["--psi", "0.7", "--cutoff", "8", "--class", "3", "--noise", "none", "--size", "32"]
    seeds = ["--seed", "1", "--seed", "5-7"]
    out, err = run("synthesize", *seeds, *look, *numbers, "--model", "m", "--out", str(folder))
    assert out.splitlines() == [f"{folder}/{seed}.png  32×32 by m v1" for seed in (1, 5, 6, 7)]
    assert err == ""
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == {
        f"{seed}.png": f"png of seed {seed}".encode() for seed in (1, 5, 6, 7)
    }
    request = server.last.request
    assert request.look.psi == pytest.approx(0.7)
    assert (request.look.cutoff, request.look.class_id, request.look.noise) == (8, 3, 3)
    assert (dict(request.look.attributes), request.look.keep) == (
        {"smile": 1.5, "age": -1},
        ["glasses"],
    )
    assert (request.encoding.size, request.encoding.quality) == (32, 0)
    assert (server.last.remaining or 0) > 590


def test_synthesize_here(
    run: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out, _ = run("synthesize", "--seed", "7", "--format", "jpeg", "--quality", "70")
    assert out == "7.jpg  64×64 by ffhq v1\n"
    assert server.last.request.encoding.quality == 70
    assert not server.last.request.HasField("look")
    run("synthesize", "--seed", "7", "--format", "raw")
    assert (tmp_path / "7.ppm").read_bytes().startswith(b"P6 64 64 255\n")


def test_animate(run: Any, server: Server, tmp_path: Path) -> None:
    keyframes = ["--keyframe", "0", "--keyframe", "0.1:mouth=1,smile=0.5", "--keyframe", "0.2:"]
    out, err = run("animate", "--seed", "7", *keyframes, "--fps", "10", "--out", str(tmp_path))
    assert out == f"3 frames in {tmp_path}, 10 a second\n"
    assert err == "", "nobody watches"
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        f"{n:05}.jpg": f"jpeg of frame {n}".encode() for n in range(3)
    }
    request = server.last.request
    assert request.pace == 2, "every frame"
    assert [(each.time_s, dict(each.attributes)) for each in request.keyframes] == [
        (0, {}),
        (0.1, {"mouth": 1, "smile": 0.5}),
        (0.2, {}),
    ]


ANIMATE = ["animate", "--seed", "7", "--keyframe", "0", "--keyframe", "0.2:mouth=1"]


def test_a_failed_call_is_one_line(run: Any, tmp_path: Path) -> None:
    words = "seom: no model 'missing' (request theirs)\n"
    ending = ["--model", "missing", "--out", str(tmp_path)]
    assert run("synthesize", "--seed", "1", *ending, code=1) == ("", words)
    assert run(*ANIMATE, *ending, code=1) == ("", words)


def test_what_was_written_before_a_failure_is_told(run: Any, tmp_path: Path) -> None:
    ending = ["--model", "lost", "--out", str(tmp_path)]
    out, err = run("synthesize", "--seed", "1-3", *ending, code=1)
    assert out == f"{tmp_path}/1.png  64×64 by lost v1\n"
    assert err.startswith("seom: the server ended the stream before its end")
    out, err = run(*ANIMATE, *ending, code=1)
    assert out == f"1 frame in {tmp_path}, 25 a second\n"


def test_no_room_for_files(run: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    taken = str(tmp_path / "taken")
    out, err = run("synthesize", "--seed", "1", "--out", taken, code=1)
    assert (out, err) == ("", f"seom: {taken}: File exists\n")
    (tmp_path / "1.png").mkdir()
    out, err = run("synthesize", "--seed", "1", "--out", str(tmp_path), code=1)
    assert (out, err) == ("", f"seom: {tmp_path}/1.png: Is a directory\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["synthesize"], "--seed"),
        (["synthesize", "--seed", "x"], "'x' is neither a seed (7) nor a range (5-9)"),
        (["synthesize", "--seed", "9-5"], "'9-5' is no range"),
        (["synthesize", "--seed", "0-4294967295"], "is no range of 1 to 100000 seeds"),
        (["synthesize", "--seed", "4294967296"], "4294967296 is no seed"),
        (["synthesize", "--seed", "1", "--attribute", "smile"], "such as smile=1.5"),
        (["synthesize", "--seed", "1", "--attribute", "=1"], "such as smile=1.5"),
        (["synthesize", "--seed", "1", "--size", "0"], "size: 0 is less than 1"),
        (["synthesize", "--seed", "1", "--format", "gif"], "--format"),
        (["animate", "--seed", "1"], "--keyframe"),
        (["animate", "--seed", "1", "--keyframe", "0"], "keyframes: give two or more"),
        (["animate", "--seed", "1", "--keyframe", "soon:mouth=1"], "'soon:mouth=1' is no time"),
        (["animate", "--seed", "1", "--keyframe", "0:mouth"], "'mouth' is no attribute"),
        ([*ANIMATE, "--fps", "0"], "fps: 0.0 is no rate"),
    ],
)
def test_a_wrong_command_line_is_2(
    arguments: list[str], words: str, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--address", server.address])
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert not server.seen


@pytest.mark.parametrize("command", ["synthesize", "animate"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert f"seom {command} --seed 7" in out


@pytest.mark.parametrize("watched", [True, False])
def test_ctrl_c_leaves_cleanly(watched: bool, server: Server, tmp_path: Path) -> None:
    """Whole files are left behind, no trace is shown, and the server is told at once."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "seom.cli",
            *ANIMATE,
            *("--model", "endless", "--out", str(tmp_path), "--address", server.address),
        ],
        stdout=subprocess.PIPE,
        stderr=theirs if watched else subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    os.close(theirs)
    try:
        assert wait_until((tmp_path / "00003.jpg").exists, 20)
        shown = os.read(ours, 4096).decode() if watched else ""
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert process.returncode == 130
    assert server.cancelled.wait(5)
    files = sorted(tmp_path.iterdir())
    assert [each.read_text() for each in files] == [f"jpeg of frame {n}" for n in range(len(files))]
    assert out == f"{len(files)} frames in {tmp_path}, 25 a second\n"
    if watched:
        assert shown.startswith(f"\r{tmp_path}/00000.jpg  0.00 of 0.20 s")
    else:
        assert err == ""
