"""The one error of the edge's own process: for its operator, never for a client."""

from __future__ import annotations


class EdgeError(Exception):
    """The edge cannot start, be told something, or use what it was given; says why."""
