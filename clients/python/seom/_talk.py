"""The command `seom chat`: one question, or a conversation at the terminal.

The answer alone goes to stdout, as it is generated; what is about it goes to stderr, and
only where somebody watches.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from seom import _show
from seom._commands import add_connection, complain, connect, words
from seom._stopping import stoppable
from seom.chat import STREAM_TIMEOUT
from seom.client import Client
from seom.errors import SeomError
from seom.generation import Sampling
from seom.messages import Message, Part
from seom.replies import FinishReason, Reply

_EXAMPLES = """\
examples:
  seom chat Plan a picnic.                             the answer, as it is generated
  seom chat "Who isn't here?" --image class.jpg        about a photo; --image again for more
  git diff | seom chat --system "Review this." -       what comes in is the question
  seom chat --adapter persona                          a conversation; Ctrl-D ends it, and
                                                       Ctrl-C stops an answer
  seom chat --json Plan a picnic.                      one JSON object, for scripts
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "chat",
        help="ask a language model, or talk with it",
        description="Asks a language model and prints its answer as it is generated. Without "
        "a question it starts a conversation, or, away from a terminal, reads the question "
        "from its input.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prompt", nargs="*", metavar="PROMPT", help="the question; - reads it in")
    parser.add_argument("--model", default="", help="a chat model (default: the server's)")
    parser.add_argument("--adapter", default="", help="one of the model's adapters, by name")
    parser.add_argument(
        "--image",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a photo to look at first: a JPEG, PNG or WebP file; may be repeated",
    )
    parser.add_argument("--system", metavar="TEXT", help="what the model is to be or to do")
    parser.add_argument("--max-tokens", type=int, help="the answer's length at most")
    parser.add_argument("--temperature", type=float, help="0 (always the likeliest) to 2")
    parser.add_argument("--json", action="store_true", help="one JSON object an answer")
    add_connection(parser, STREAM_TIMEOUT)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    try:
        photos: list[Part] = [path.read_bytes() for path in args.image]
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return 1
    prompt = " ".join(args.prompt)
    with connect(args) as seom:
        talk = _Talk(seom, args, photos)
        if not prompt and sys.stdin.isatty():
            return _converse(talk)
        if prompt in ("", "-"):
            prompt = sys.stdin.read().strip()
        if not prompt and not photos:
            args.usage_error("there is no question")
        talk.ask(prompt)
    return 0


def _converse(talk: _Talk) -> int:
    """Question after question until the input ends; an answer that fails is no end."""
    _edit_lines()
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            print()
            return 0
        if not question:
            continue
        try:
            talk.ask(question)
        except SeomError as error:
            print()
            complain(words(error))
        except KeyboardInterrupt:
            print()


class _Talk:
    """A conversation; an answer that fails or is stopped leaves no trace in it."""

    def __init__(self, seom: Client, args: argparse.Namespace, photos: list[Part]) -> None:
        self._seom, self._args, self._photos = seom, args, photos
        self._messages: list[Message] = []

    def ask(self, question: str) -> None:
        asked = Message("user", [*self._photos, *([question] if question else [])])
        reply = self._answered([*self._messages, asked])
        self._messages += [asked, *reply.messages]
        self._photos = []

    def _answered(self, messages: list[Message]) -> Reply:
        args = self._args
        settings = Sampling(max_tokens=args.max_tokens, temperature=args.temperature)
        stream = self._seom.chat_stream(
            messages,
            model=args.model,
            adapter=args.adapter,
            system=args.system,
            timeout=args.timeout,
            **settings,
        )
        with stoppable(stream):
            for delta in stream:
                if not args.json:
                    print(delta.text, end="", flush=True)
        reply = stream.reply
        if args.json:
            print(_show.json_of_reply(reply), flush=True)
            return reply
        print(flush=True)
        if sys.stdout.isatty():
            print(_show.generated(reply), file=sys.stderr)
        if reply.finish_reason is FinishReason.LENGTH:
            complain("the answer was cut off; --max-tokens allows a longer one")
        return reply


def _edit_lines() -> None:
    """Arrow keys and history at the prompt, where Python has them."""
    try:
        import readline  # noqa: F401
    except ImportError:  # not on Windows
        pass
