"""The command `seom`, run as a shell runs it, and what other distributions add to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from seom import cli

from .server import Server


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "entry_points", lambda group: ())


@pytest.fixture
def photo(tmp_path: Path) -> str:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"jpeg")
    return str(file)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def install(*functions: str) -> None:
        found = [EntryPoint(name, f"{__name__}:{name}", cli.GROUP) for name in functions]
        monkeypatch.setattr(cli, "entry_points", lambda group: found)

    yield install


def add_hello(subparsers: Any) -> None:
    parser = subparsers.add_parser("hello", help="says hello")
    parser.add_argument("name")
    parser.set_defaults(run=lambda args: len(args.name))


def add_broken(subparsers: Any) -> None:
    raise LookupError("half installed")


def add_ping_again(subparsers: Any) -> None:
    subparsers.add_parser("ping").set_defaults(run=lambda args: 99)


def add_nothing_to_run(subparsers: Any) -> None:
    subparsers.add_parser("idle")


def test_ping(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ping", "--address", server.address]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{server.address} is ready: seom 9.9, ")
    assert out[0].endswith(" ms round trip")
    assert [line.split() for line in out[1:]] == [
        ["model", "version", "state"],
        ["double", "1", "READY"],
        ["large", "UNAVAILABLE", "disabled"],
    ]
    columns = {
        line.index(word) for line, word in zip(out[1:], ("state", "READY", "UNAV"), strict=True)
    }
    assert len(columns) == 1, "the table is aligned"


def test_ping_fails_while_the_server_is_not_ready(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.ready = False
    assert cli.main(["ping", "--address", server.address]) == 1
    assert "is live, but not ready" in capsys.readouterr().out


def test_detect(server: Server, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["detect", photo, "--model", "yolox", "--min-score", "0.5"]
    assert cli.main([*arguments, "--address", server.address]) == 0
    assert server.last.request.model_name == "yolox"
    assert server.last.request.min_score == 0.5
    head, columns, cat, dog, spent, _ = capsys.readouterr().out.split("\n")[:6]
    assert head == f"{photo}  64×48  2 objects by yolox v1"
    assert columns.split() == ["object", "score", "at", "x,", "y", "size"]
    assert cat.split() == ["cat", "0.90", "16,", "12", "32×24"]
    assert dog.split()[0] == "dog"
    assert "queue 0.5, device 2.0" in spent


def test_detect_as_json(server: Server, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["detect", photo, photo, "--json", "--address", server.address]) == 0
    first, _second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["file"] == photo
    assert first["objects"][0]["label"] == "cat"
    assert first["objects"][0]["box"] == {"x_min": 16, "y_min": 12, "x_max": 48, "y_max": 36}
    assert first["timing"]["device_ns"] == 2_000_000


def test_one_bad_file_keeps_nothing_from_the_others(
    server: Server, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    files = [str(tmp_path / "nowhere.jpg"), str(empty), photo]
    assert cli.main(["detect", *files, "--address", server.address]) == 1
    captured = capsys.readouterr()
    assert f"{photo}  64×48" in captured.out
    missing, refused = captured.err.splitlines()
    assert missing == f"seom: {files[0]}: photo: no such file"
    assert refused == f"seom: {empty}: image: is empty (request theirs)"


def test_faces(server: Server, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["faces", photo, "--model", "m", "--min-score", "0.5", "--min-size", "20"]
    assert cli.main([*arguments, "--address", server.address]) == 0
    request = server.last.request
    assert (server.last.method, request.model_name) == ("DetectFaces", "m")
    assert (request.min_score, request.min_size) == (0.5, 20)
    head, _titles, best, other, spent, _ = capsys.readouterr().out.split("\n")[:6]
    assert head == f"{photo}  64×48  2 faces by m v1"
    assert best.split() == ["0.90", "16,", "12", "32×24", "80", "-10,", "5,", "0", "–"]
    assert other.split()[0] == "0.60"
    assert "device 2.0" in spent


def test_faces_without_landmarks(
    server: Server, photo: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["faces", photo, "--model", "plain", "--address", server.address]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[-3:] == ["–", "–", "–"]


def test_embedded_faces(server: Server, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["faces", photo, "--embed", "--address", server.address]
    assert cli.main(arguments) == 0
    assert server.last.method == "EmbedFaces"
    assert capsys.readouterr().out.splitlines()[2].endswith("2 numbers")
    assert cli.main([*arguments, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["file"] == photo
    assert shown["faces"][0]["embedding"] == [1, 0]
    assert shown["faces"][0]["quality"]["sharpness"] == 80
    assert shown["faces"][0]["landmarks"][2] == [32, 26]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "show the same person: similarity 0.955 ≥ 0.5, by faces v1"),
        (["--threshold", "0.99"], "show different people: similarity 0.955 < 0.99, by faces v1"),
    ],
)
def test_verify(
    arguments: list[str],
    says: str,
    server: Server,
    photo: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["verify", photo, photo, *arguments, "--address", server.address]) == 0
    head, _titles, first, _second, spent, _ = capsys.readouterr().out.split("\n")[:6]
    assert head == f"{photo} and {photo} {says}"
    assert first.split()[:2] == [photo, "0.90"]
    assert "device 2.0" in spent


def test_verify_as_json(server: Server, photo: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", photo, photo, "--largest", "--json"]
    assert cli.main([*arguments, "--address", server.address]) == 0
    assert server.last.request.choice == 2
    shown = json.loads(capsys.readouterr().out)
    assert (shown["file"], shown["other"], shown["same_person"]) == (photo, photo, True)


def test_verify_names_the_file_that_is_not_there(
    server: Server, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "nowhere.jpg")
    assert cli.main(["verify", photo, nowhere, "--address", server.address]) == 1
    assert capsys.readouterr().err == f"seom: {nowhere}: photo: no such file\n"


def test_a_failed_call_is_one_line_and_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ping", "--address", "127.0.0.1:1", "--timeout", "5"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("seom: nothing answers at 127.0.0.1:1 (")
    assert captured.err.count("\n") == 1


def test_a_token_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(token="s3cret")
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    try:
        arguments = ["ping", "--address", server.address]
        assert cli.main([*arguments, "--token-file", str(token)]) == 0
        assert cli.main(arguments) == 1
    finally:
        server.stop()


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["detect"],
        ["faces"],
        ["verify", "one.jpg"],
        ["ping", "--timeout", "0"],
        ["ping", "--timeout", "soon"],
        ["ping", "--address", "http://edge"],
        ["ping", "--token-file", "/no/such/file"],
        ["ping", "--root-certificates", "/no/such/file"],
    ],
)
def test_a_wrong_command_line_is_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: seom" in captured.err


def test_no_command_is_2_and_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "examples:" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "seom detect photo.jpg" in out
    assert "exit codes" in out


def test_a_plugin_adds_a_command(plugins: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plugins("add_hello")
    assert cli.main(["hello", "you!"]) == 4
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("broken", ["add_broken", "add_ping_again", "not_even_there"])
def test_a_broken_plugin_breaks_nothing_else(
    broken: str, plugins: Any, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    plugins(broken, "add_hello")
    assert cli.main(["ping", "--address", server.address]) == 0
    captured = capsys.readouterr()
    assert "is ready" in captured.out
    assert captured.err.startswith("seom: the commands of ")
    assert captured.err.count("\n") == 1
    assert cli.main(["hello", "you!"]) == 4


def test_a_plugin_that_forgets_to_run_is_a_usage_error(
    plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    plugins("add_nothing_to_run")
    assert cli.main(["idle"]) == 2


def test_the_command_is_installed(server: Server) -> None:
    command = Path(sys.executable).with_name("seom")
    ran = subprocess.run(
        [command, "ping", "--address", server.address],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "double" in ran.stdout


def test_load_and_unload(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["load", "a", "b", "--address", server.address]) == 0
    assert server.last.request.model_name == "b"
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("a is ready after ") and second.startswith("b is ready after ")
    assert cli.main(["unload", "a", "--address", server.address]) == 0
    assert capsys.readouterr().out == "a is unloaded\n"
