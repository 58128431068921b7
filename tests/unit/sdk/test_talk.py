"""The command `seom chat`: at a pipe, and at a real terminal."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from seom import cli

from .server import Server, wait_until


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "entry_points", lambda group: ())


def test_an_answer(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["chat", "--model", "m", "--adapter", "a", "--system", "Be brief."]
    settings = ["--max-tokens", "2", "--temperature", "0.5"]
    ending = ["--address", server.address, "Plan", "a", "picnic."]
    assert cli.main([*arguments, *settings, *ending]) == 0
    captured = capsys.readouterr()
    assert captured.out == "Bread, cheese\n", "nothing but the answer, for pipes"
    assert captured.err == "seom: the answer was cut off; --max-tokens allows a longer one\n"
    request = server.last.request
    assert (server.last.method, request.model_name, request.adapter) == ("ChatStream", "m", "a")
    assert (request.sampling.max_tokens, request.sampling.temperature) == (2, 0.5)
    system, user = request.messages
    assert system.parts[0].text == "Be brief."
    assert user.parts[0].text == "Plan a picnic."
    assert (server.last.remaining or 0) > 590


def test_images(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        file.write_bytes(file.name.encode())
    images = [word for file in files for word in ("--image", str(file))]
    assert cli.main(["chat", *images, "Write a memo.", "--address", server.address]) == 0
    assert capsys.readouterr().out == "Two animals in the street.\n"
    first, second, _words = server.last.request.messages[0].parts
    assert (first.image.encoded, second.image.encoded) == (b"a.jpg", b"b.jpg")


def test_an_image_that_is_not_there(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "none.jpg")
    assert cli.main(["chat", "--image", nowhere, "Hi.", "--address", server.address]) == 1
    assert capsys.readouterr().err == f"seom: {nowhere}: No such file or directory\n"
    assert not server.seen


def test_json(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "--json", "Plan a picnic.", "--address", server.address]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["text"], shown["finish_reason"]) == ("Bread, cheese and a blanket.", "STOP")
    assert shown["usage"] == {"prompt_tokens": 3, "cached_tokens": 1, "completion_tokens": 5}
    assert shown["timing"]["ttft_ns"] == 30_000_000


@pytest.mark.parametrize("prompt", [[], ["-"]])
def test_a_question_from_a_pipe(
    prompt: list[str],
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Plan a picnic.\n"))
    assert cli.main(["chat", *prompt, "--address", server.address]) == 0
    assert capsys.readouterr().out == "Bread, cheese and a blanket.\n"


def test_no_question_at_all(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(SystemExit) as caught:
        cli.main(["chat", "--address", server.address])
    assert caught.value.code == 2
    assert "there is no question" in capsys.readouterr().err


def test_a_failed_answer_is_one_line(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "Hi.", "--model", "missing", "--address", server.address]) == 1
    assert capsys.readouterr().err == "seom: no model 'missing' (request theirs)\n"


def test_an_answer_that_breaks_off(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "Hi there.", "--model", "lost", "--address", server.address]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("You")
    assert captured.err.startswith("seom: the server ended the stream before its end")


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["chat", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert "seom chat Plan a picnic." in out
    assert "Ctrl-D ends it" in out


class Terminal:
    """The command at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        import pty

        self.ours, theirs = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seom.cli", "chat", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Whatever started the tests may ignore Ctrl-C, as a shell does in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={**os.environ, "TERM": "dumb"},
        )
        os.close(theirs)
        os.set_blocking(self.ours, False)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def shows(self, text: str) -> bool:
        """Whether it comes to be on the screen, after what was looked for before."""

        def seen() -> bool:
            try:
                self.shown += os.read(self.ours, 65536).decode()
            except OSError:  # nothing yet, or nothing more
                time.sleep(0.01)
            return text in self.shown

        found = wait_until(seen, 20)
        if found:
            self.shown = self.shown.partition(text)[2]
        return found

    def interrupted(self) -> int | None:
        """The exit code after Ctrl-C at the prompt.

        readline shows the prompt before it waits for keys, and sleeps through a signal that
        comes in between; the next one wakes it.
        """
        for _ in range(10):
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(2)
        return None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal(server: Server) -> Iterator[Any]:
    opened: list[Terminal] = []

    def open_terminal(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments, "--address", server.address))
        return opened[-1]

    yield open_terminal
    for each in opened:
        each.close()


def test_a_conversation(terminal: Any, server: Server, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"jpeg")
    talk = terminal("--image", str(photo))
    assert talk.shows("> ")
    talk.type("Write a memo.\n")
    assert talk.shows("Two animals in the street.")
    assert talk.shows("tokens by llama v1, the first after 30 ms, then 2.0 ms each")
    assert talk.shows("> ")
    talk.type("\nAnd then?\n")
    assert talk.shows("You said: And then?")
    roles = [each.role for each in server.last.request.messages]
    parts = [len(each.parts) for each in server.last.request.messages]
    assert (roles, parts) == ([2, 3, 2], [2, 1, 1]), "the photo is sent where it was shown"
    talk.type("\x04")
    assert talk.process.wait(10) == 0


def test_a_stopped_answer_and_a_failed_one_end_no_conversation(
    terminal: Any, server: Server
) -> None:
    talk = terminal("--model", "endless")
    assert talk.shows("> ")
    talk.type("Sing.\n")
    assert talk.shows("on and on and")
    talk.process.send_signal(signal.SIGINT)
    assert talk.shows("> ")
    assert server.cancelled.wait(5)
    server.unavailable = 1
    talk.type("Again.\n")
    assert talk.shows("seom: starting"), talk.shown
    assert len(server.last.request.messages) == 1, "what was not answered is not repeated"
    assert talk.shows("> ")
    assert talk.interrupted() == 130
