"""The commands `seom embed` and `seom classify`: what texts mean, and what they are."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from seom import _show
from seom._commands import add_connection, connect
from seom.texts import Truncate


def add(commands: Any) -> None:
    _add_embed(commands)
    _add_classify(commands)


def _add_embed(commands: Any) -> None:
    parser = commands.add_parser(
        "embed",
        help="how alike in meaning are these texts?",
        description="Turns texts into vectors and prints how near each is to the first, as a "
        "cosine: 1 is the same, about 0 has nothing to do with it. --json shows the vectors.",
    )
    _add_texts(parser)
    parser.add_argument("--model", default="", help="an embedding model (default: the server's)")
    parser.add_argument(
        "--dimensions", type=int, default=0, help="only so many numbers of each vector"
    )
    _add_rest(parser)
    parser.set_defaults(run=_embed)


def _embed(args: argparse.Namespace) -> int:
    texts = _texts(args)
    with connect(args) as seom:
        try:
            found = seom.embed(
                texts, model=args.model, truncate=_truncate(args), dimensions=args.dimensions
            )
        except ValueError as error:
            args.usage_error(str(error))
    for line in (_show.json_of_embeddings if args.json else _show.embeddings)(texts, found):
        print(line)
    return 0


def _add_classify(commands: Any) -> None:
    parser = commands.add_parser(
        "classify",
        help="which labels do these texts deserve?",
        description="Prints the labels of texts with their scores, best first.",
    )
    _add_texts(parser)
    parser.add_argument(
        "--model", default="", help="a classification model (default: the server's)"
    )
    parser.add_argument("--top", type=int, default=3, help="labels a text, 0 for all (%(default)d)")
    _add_rest(parser)
    parser.set_defaults(run=_classify)


def _classify(args: argparse.Namespace) -> int:
    texts = _texts(args)
    with connect(args) as seom:
        try:
            found = seom.classify(texts, model=args.model, top_k=args.top, truncate=_truncate(args))
        except ValueError as error:
            args.usage_error(str(error))
    for line in (_show.json_of_labels if args.json else _show.labels)(texts, found):
        print(line)
    return 0


def _add_texts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "texts", nargs="+", metavar="TEXT", help="a text; - reads one from each line of the input"
    )


def _add_rest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--truncate",
        type=int,
        nargs="?",
        const=0,
        metavar="TOKENS",
        help="cut texts to so many tokens, or to what the model takes, and refuse none",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a text")
    add_connection(parser)


def _texts(args: argparse.Namespace) -> list[str]:
    """The arguments, with the lines of the input in the place of a dash."""
    texts: list[str] = []
    for text in args.texts:
        if text == "-":
            texts += [line for raw in sys.stdin if (line := raw.strip())]
        else:
            texts.append(text)
    if not texts:
        args.usage_error("there is no text")
    return texts


def _truncate(args: argparse.Namespace) -> Truncate:
    return args.truncate is not None and (args.truncate or True)
