"""The commands `seom load` and `seom unload`: what an admin's token may do to a repository."""

from __future__ import annotations

import argparse
import time
from typing import Any

from seom._commands import add_connection, connect

# Weights may have to be fetched, and an engine takes half a minute to start.
_LOAD_TIMEOUT_S = 600.0


def add(commands: Any) -> None:
    for name, does, tells in (
        (
            "load",
            _load,
            "Makes models of the server's repository ready. One that is ready already is read "
            "anew: a changed model.yaml takes effect, in place where only adapters were added.",
        ),
        ("unload", _unload, "Takes models out of service; requests under way are finished."),
    ):
        parser = commands.add_parser(
            name, help=f"{name} models of the server's repository", description=tells
        )
        parser.add_argument("models", nargs="+", metavar="MODEL")
        add_connection(parser, _LOAD_TIMEOUT_S)
        parser.set_defaults(run=does)


def _load(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        for model in args.models:
            started = time.perf_counter()
            seom.load(model, timeout=args.timeout)
            print(f"{model} is ready after {time.perf_counter() - started:.1f} s", flush=True)
    return 0


def _unload(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        for model in args.models:
            seom.unload(model, timeout=args.timeout)
            print(f"{model} is unloaded", flush=True)
    return 0
