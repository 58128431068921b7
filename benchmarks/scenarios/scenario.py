"""A scenario: workloads, the claims made of targets on them, and how to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from benchmarks.load.generator import Generators
from benchmarks.load.record import Measured
from benchmarks.load.workload import Call, Window, Workload
from benchmarks.stats.claims import Claim
from benchmarks.stats.gates import Gates

Measure = Callable[[Workload, Window, int], Measured]
Check = Callable[[Workload, list[bytes]], None]


class TargetError(Exception):
    """A target that could not be started or answers wrongly; says what it said."""


@dataclass(frozen=True)
class Target:
    """Something to measure: `endpoint`, entered, gives the address of a gRPC server.

    `control` names another target this one is a second measurement of: what the two
    differ by is the noise of the run. `translate` turns a workload's call into the one
    by which this server is asked for the same.
    """

    name: str
    endpoint: AbstractContextManager[str]
    control: str | None = None
    translate: Callable[[Call], Call] | None = None

    def asked(self, workload: Workload) -> Workload:
        """The workload as this server understands it."""
        if self.translate is None:
            return workload
        return replace(workload, call=self.translate(workload.call))


@dataclass(frozen=True)
class Loop:
    """A target without a server: something that measures itself, in its own process.

    `probe` gives the answers to one call, to be checked as a server's are.
    """

    name: str
    measurer: AbstractContextManager[Measure]
    probe: Callable[[Call], list[bytes]] | None = None


@dataclass(frozen=True)
class Plan:
    """How long and how often: each of `rounds` measures every workload on every target."""

    rounds: int
    window: Window
    seed: int = 1
    gates: Gates = field(default_factory=Gates)

    def seconds(self, cells: int) -> float:
        return self.rounds * cells * (self.window.total_s + 0.1)


@dataclass(frozen=True)
class Scenario:
    """`check` raises TargetError unless a workload's answers are right.

    `notes` go into the manifest: what a reader must know to read the figures.
    """

    name: str
    workloads: Sequence[Workload]
    targets: Sequence[Target | Loop]
    claims: Sequence[Claim]
    check: Check
    notes: Mapping[str, str] = field(default_factory=dict)


def measure_from_outside(
    generators: Generators, address: str, asked: Callable[[Workload], Workload]
) -> Measure:
    def measure(workload: Workload, window: Window, seed: int) -> Measured:
        return generators.measure(address, asked(workload), window, seed)

    return measure
