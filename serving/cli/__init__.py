"""The server's commands, plugged into the command `seom` that the SDK owns."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(subparsers: Subparsers) -> None:
    """Adds up, status, down, logs, models, pull, check, convert, directions and token."""
    from serving.cli import check, convert, directions, logs, models, token, up

    up.add(subparsers)
    logs.add(subparsers)
    models.add(subparsers)
    check.add(subparsers)
    convert.add(subparsers)
    directions.add(subparsers)
    token.add(subparsers)
