"""seom token: a new token, and a token file that admits it."""

from __future__ import annotations

import argparse
import hashlib
import secrets
import sys
from typing import Any


def add(subparsers: Any) -> None:
    token = subparsers.add_parser(
        "token",
        help="make a token and a token file that admits it",
        description="Prints a fresh token, shown once, and a file that admits it. The file holds "
        "only the token's SHA-256; a running cluster reads the file again when it changes.",
        epilog="seom token acme --models yolox-nano > tokens.yaml",
    )
    token.add_argument("tenant", help="whose calls these are")
    token.add_argument("--scopes", default="infer", help="infer, admin or infer,admin")
    token.add_argument("--models", default="*", help="names, comma separated; * is all")
    token.set_defaults(run=_token)


def _token(arguments: argparse.Namespace) -> int:
    made = secrets.token_urlsafe(32)
    models = ", ".join(f'"{name}"' for name in arguments.models.split(","))
    # Not into the file: that shall hold digests alone.
    print(f"token of {arguments.tenant}, shown this once: {made}", file=sys.stderr)
    print("tokens:")
    print(f"  - sha256: {hashlib.sha256(made.encode()).hexdigest()}")
    print(f"    tenant: {arguments.tenant}")
    print(f"    scopes: [{', '.join(arguments.scopes.split(','))}]")
    print(f"    models: [{models}]")
    return 0
