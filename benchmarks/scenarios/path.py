"""What the path to a model costs: our cluster, a bare server, Ray Serve's own proxy.

All targets serve the same echo, so whatever differs is the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from benchmarks.load.workload import Closed, Open, Workload
from benchmarks.scenarios import identity, servers
from benchmarks.scenarios.scenario import Scenario, Target
from benchmarks.stats.claims import Claim

SMALL = 64
LARGE = 3 * 224 * 224 * 4  # a picture as a float32 tensor, 602 KB
STREAM = 32
RATE = 150.0
_NOTES = {
    "bare": "the replica's face and the identity model on grpc.aio, without Ray",
    "edge": "our cluster: HAProxy edge, direct-ingress replica, the identity model",
    "ray-proxy": "the same face and model behind Ray Serve's default gRPC proxy",
    "echo": "grpc.aio with an echo without a model runtime",
}
NAMES = tuple(_NOTES)

WORKLOADS = (
    Workload("small", "64 B, one client", identity.unary(SMALL), Closed(1), "p50"),
    Workload("large", "602 KB, one client", identity.unary(LARGE), Closed(1), "p50"),
    Workload("large-c16", "602 KB, 16 clients", identity.unary(LARGE), Closed(16), "throughput"),
    Workload("small-c16", "64 B, 16 clients", identity.unary(SMALL), Closed(16), "throughput"),
    Workload(
        "stream",
        f"a stream of {STREAM} messages, 64 B each",
        identity.stream(SMALL, STREAM),
        Closed(1),
        "p50",
    ),
    Workload("open", f"64 B, Poisson {RATE:.0f}/s", identity.unary(SMALL), Open(RATE), "p50"),
)


def build(
    names: Mapping[str, str | None], folder: Path, baseline: str = "bare", control: bool = True
) -> Scenario:
    """names: targets in order, each with the address of a running server or None.

    folder: where the echo model's repository may be written. With `control` the
    baseline is measured a second time under another name.
    """
    repository = identity.write_repository(folder)
    targets = [
        Target(name, servers.running(address) if address else _endpoint(name, repository))
        for name, address in names.items()
    ]
    if control and baseline in names:
        targets.append(Target(f"{baseline} again", servers.running(""), control=baseline))
    return Scenario(
        name="path",
        workloads=WORKLOADS,
        targets=targets,
        claims=_claims(baseline, list(names)),
        check=identity.check,
        notes={name: text for name, text in _NOTES.items() if name in names},
    )


def _endpoint(name: str, repository: Path) -> AbstractContextManager[str]:
    match name:
        case "bare":
            return servers.module(
                "serving.replica.bare", "--repo", str(repository), "--model", identity.MODEL
            )
        case "edge":
            return servers.cluster(repository, [identity.MODEL])
        case "ray-proxy":
            return servers.module(
                "benchmarks.peers.ray_proxy", "--repo", str(repository), "--model", identity.MODEL
            )
        case "echo":
            return servers.module("benchmarks.peers.echo")
    raise ValueError(f"no target {name!r}; there are {', '.join(NAMES)}, or name=host:port")


def _claims(baseline: str, names: list[str]) -> list[Claim]:
    at_most: Literal["at most", "at least"] = "at most"
    claims = [
        Claim("small", "edge", baseline, at_most, 2.5),
        Claim("small", "edge", "ray-proxy", at_most, 0.3),
        Claim("large", "edge", baseline, at_most, 1.2),
        Claim("large-c16", "edge", baseline, "at least", 0.9),
        Claim("small-c16", "edge", baseline, "at least", 0.35),
        Claim("stream", "edge", baseline, at_most, 1.5),
    ]
    claimed = {(claim.workload, claim.target, claim.against) for claim in claims}
    return claims + [
        Claim(workload.name, name, baseline)
        for name in names
        for workload in WORKLOADS
        if name != baseline and (workload.name, name, baseline) not in claimed
    ]
