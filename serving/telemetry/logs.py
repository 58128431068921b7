"""Where a replica's log lines go: beside Serve's own, where `seom logs` finds them."""

from __future__ import annotations

import logging


def join_serve() -> None:
    """Has our loggers write to the file Serve keeps for this replica."""
    ours, serve = logging.getLogger("serving"), logging.getLogger("ray.serve")
    ours.handlers = list(serve.handlers)
    ours.setLevel(logging.INFO)
    ours.propagate = not ours.handlers
