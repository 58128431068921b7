"""The cluster's one gRPC address: HAProxy, configured once and kept up to date without reloads."""

from __future__ import annotations

from serving.edge.config import EdgeConfig
from serving.edge.errors import EdgeError
from serving.edge.follow import Follower
from serving.edge.process import Edge
from serving.edge.refusals import REFUSALS, Refusal
from serving.edge.topology import Address, Topology

__all__ = [
    "REFUSALS",
    "Address",
    "Edge",
    "EdgeConfig",
    "EdgeError",
    "Follower",
    "Refusal",
    "Topology",
]
