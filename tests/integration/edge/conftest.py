"""A running edge with three replicas behind it, shared by the tests of a module."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from serving.edge import Address, Edge, EdgeConfig, Follower, Topology

from .calls import wait_until
from .replicas import Host, Replica

SECRET = "a-secret-of-the-edge"


@dataclass
class Island:
    """An edge, its follower and the topology the follower reads."""

    edge: Edge
    follower: Follower
    topology: Topology

    @property
    def address(self) -> Address:
        return Address(self.edge.config.host, self.edge.config.port)

    def change(self, **parts: Any) -> None:
        self.topology = replace(self.topology, **parts)

    def settle(self, timeout_s: float = 10.0) -> None:
        wait_until(self.follower.sync, timeout_s)

    def channel(self, *options: tuple[str, Any]) -> grpc.Channel:
        """A channel with a connection of its own."""
        return grpc.insecure_channel(
            self.edge.config.address, options=[("grpc.use_local_subchannel_pool", 1), *options]
        )


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    # pytest's own folders can be too deep for a socket's name.
    folder = Path(tempfile.mkdtemp(prefix="edge-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def open_edge(directory: Path) -> Iterator[Callable[..., Island]]:
    """Starts edges on ports of their own and stops them after the module."""
    islands: list[Island] = []

    def start(topology: Topology | None = None, **config: Any) -> Island:
        config.setdefault("address", f"127.0.0.1:{free_port()}")
        config.setdefault("secret", SECRET)
        config.setdefault("directory", directory / str(len(islands)))
        edge = Edge(EdgeConfig(**config))
        island = Island(edge, None, topology or Topology({}, {}, {}))  # type: ignore[arg-type]
        island.follower = Follower(edge.runtime, lambda: island.topology)
        islands.append(island)
        edge.start()
        if topology is not None:
            island.settle()
        return island

    yield start
    for island in islands:
        island.edge.stop(grace_s=0)


@pytest.fixture(scope="module")
def replicas(host: Host) -> Iterator[dict[str, Replica]]:
    """`m1`, `m2` and control, one replica each."""
    running = {name: host.start(name) for name in ("m1", "m2", "_control")}
    yield running
    for replica in running.values():
        host.stop(replica)


@pytest.fixture(scope="module")
def topology(replicas: dict[str, Replica]) -> Topology:
    return Topology(
        applications={name: (replica.address,) for name, replica in replicas.items()},
        routes={"m1": "m1", "m1@1": "m1", "m2": "m2"},
        defaults={"seom.v1.DetectionService": "m2"},
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and its key."""
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
        f"-out {paths[0]} -keyout {paths[1]}".split(),
        check=True,
        capture_output=True,
    )
    return paths
