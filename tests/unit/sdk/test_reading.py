"""The commands `seom embed` and `seom classify`, run as a shell runs them."""

from __future__ import annotations

import io
import json

import pytest

from seom import cli

from .server import Server
from .text_server import CONTEXT


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "entry_points", lambda group: ())


def test_embed(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["sea", "gas and sea", "x " * 40]
    assert cli.main(["embed", *texts, "--model", "m", "--address", server.address]) == 0
    assert list(server.last.request.texts) == texts
    assert not server.last.request.HasField("truncate")
    head, titles, first, second, third, spent, _ = capsys.readouterr().out.split("\n")[:7]
    assert head == "3 texts, 4 numbers each, by m v1"
    assert titles.split() == ["text", "near", "tokens"]
    assert first.split() == ["sea", "1.000", "3"]
    assert second.split() == ["gas", "and", "sea", "0.894", "5"]
    assert third.split()[-3:] == ["x…", "0.000", "42"]
    assert "device 2.0" in spent


def test_embed_as_json(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["embed", "sea", "모래", "--json", "--dimensions", "2", "--truncate", "9"]
    assert cli.main([*arguments, "--address", server.address]) == 0
    assert (server.last.request.dimensions, server.last.request.truncate) == (2, 9)
    out = capsys.readouterr().out
    assert "모래" in out
    first, second = map(json.loads, out.splitlines())
    assert first.pop("embedding") == pytest.approx([3**-0.5, 3**-0.5])
    assert first == {
        "text": "sea",
        "tokens": 3,
        "truncated": False,
        "model": "minilm",
        "version": "1",
    }
    assert second["embedding"] == [0, 0]


def test_classify(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["classify", "What a day!", "word " * CONTEXT, "--truncate"]
    assert cli.main([*arguments, "--top", "2", "--address", server.address]) == 0
    request = server.last.request
    assert (request.top_k, request.HasField("truncate"), request.truncate) == (2, True, 0)
    head, titles, first, second = capsys.readouterr().out.split("\n")[:4]
    assert head == "2 texts by mood v1"
    assert titles.split() == ["text", "labels", "tokens"]
    assert first.split() == ["What", "a", "day!", "happy", "0.75,", "calm", "0.12", "5"]
    assert second.split()[-6:] == ["sad", "0.75,", "calm", "0.12", "64,", "cut"]


def test_classify_as_json(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["classify", "Oh no.", "--json", "--address", server.address]) == 0
    assert server.last.request.top_k == 3
    shown = json.loads(capsys.readouterr().out)
    assert shown["text"] == "Oh no."
    assert shown["labels"][0] == {"label": "sad", "class_id": 2, "score": 0.75}
    assert (shown["tokens"], shown["truncated"], shown["model"]) == (4, False, "mood")


@pytest.mark.parametrize("command", ["embed", "classify"])
def test_lines_of_the_input(
    command: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("one line\n\n  another \n"))
    assert cli.main([command, "first", "-", "--json", "--address", server.address]) == 0
    assert list(server.last.request.texts) == ["first", "one line", "another"]
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_failed_call_is_one_line(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["embed", "word " * CONTEXT, "--address", server.address]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    problem = "texts[0]: has 66 tokens; the model takes 64"
    assert captured.err == f"seom: {problem} (request theirs)\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["embed"],
        ["classify"],
        ["embed", "-"],
        ["embed", "sea", "--truncate", "-1"],
        ["embed", "sea", "--dimensions", "-1"],
        ["classify", "sea", "--top", "-1"],
        ["classify", "sea", "--top", "many"],
    ],
)
def test_a_wrong_command_line_is_2(
    arguments: list[str],
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--address", server.address])
    assert caught.value.code == 2
    assert "usage: seom" in capsys.readouterr().err
    assert not server.seen
