"""What the edge is told about the cluster: plain data, whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Address:
    """Where a replica listens: an IP address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Topology:
    """What runs now, all of it: what is not listed is not deployed.

    `applications`: Serve application → its replicas' gRPC addresses. `_control` is the
    control application. An application may have no replica for now.
    `routes`: every name a client may use (`yolox-nano`, `yolox-nano@1`) → application.
    `defaults`: service (`seom.v1.DetectionService`) → application of its default model.
    `http`: the applications that answer at the HTTP door, too → their replicas' addresses
    there; empty where that door is closed.
    """

    applications: Mapping[str, tuple[Address, ...]]
    routes: Mapping[str, str]
    defaults: Mapping[str, str]
    http: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
