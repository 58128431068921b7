"""From Serve's target groups to what the edge needs to know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from serving.cluster import ray
from serving.edge.routes import CONTROL_APPLICATION as CONTROL
from serving.edge.topology import Address, Topology
from serving.openai.names import FAMILIES
from serving.repository.config import ModelConfig
from serving.repository.scan import Repository
from serving.services.catalog import DEFAULT_FAMILIES

logger = logging.getLogger(__name__)

Addresses = dict[str, tuple[Address, ...]]

# Ray names this machine by an address others reach it at; the cluster is all on it.
LOOPBACK = "127.0.0.1"


class TopologyReader:
    """Reads the cluster's present shape; the repository only when that has changed.

    groups: Serve's target groups (ray.serve.schema.TargetGroup)
    leaving: the applications that are being deleted
    http: whether the edge's HTTP door is open, so that it wants to know who answers there

    Raises ConfigError for a repository that is bad from the start. One that turns bad
    is logged, and what it said before holds: addresses move whatever it says.
    """

    def __init__(
        self,
        root: Path,
        profile: str,
        groups: Callable[[], Iterable[Any]] = ray.target_groups,
        leaving: Callable[[], set[str]] = ray.leaving,
        *,
        http: bool = False,
    ) -> None:
        self._root, self._profile = root, profile
        self._http = http
        self._groups, self._leaving = groups, leaving
        self._models = Repository(root, profile).models()
        self._problem = ""
        self._topology = Topology({}, {}, {})
        self._seen: tuple[Addresses, Addresses] = ({}, {})

    def __call__(self) -> Topology:
        groups = list(self._groups())
        applications = _addresses(groups, "gRPC")
        if not all(applications.values()):
            # The edge keeps the last replica of what has none; not of what shall go.
            for name in self._leaving():
                applications.pop(name, None)
        http = _addresses(groups, "HTTP") if self._http else {}
        if (applications, http) != self._seen or self._problem:
            self._read_models()
            served = [c for c in self._models if c.application in applications]
            speaking = {c.application for c in served if c.family in FAMILIES} | {CONTROL}
            self._topology = Topology(
                applications,
                _routes(served),
                _defaults(served),
                {name: http[name] for name in speaking & set(applications) & set(http)},
            )
            self._seen = (applications, http)
        return self._topology

    def _read_models(self) -> None:
        try:
            self._models = Repository(self._root, self._profile).models()
            self._problem = ""
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            if problem != self._problem:
                logger.warning("names stay as they are, for the repository is bad: %s", problem)
            self._problem = problem


def _addresses(groups: Iterable[Any], protocol: str) -> Addresses:
    """Addresses per application; none while all it has is Serve's own proxy.

    A proxy in the list means that no replica is up: the edge answers UNAVAILABLE
    for a model that is loading rather than let its callers wait.
    """
    applications: Addresses = {}
    for group in groups:
        if group.app_name and group.protocol.value == protocol:
            applications[group.app_name] = tuple(
                sorted(
                    Address(LOOPBACK, target.port)
                    for target in group.targets
                    if "SERVE_REPLICA" in target.name
                )
            )
    return applications


def _routes(served: Iterable[ModelConfig]) -> dict[str, str]:
    routes: dict[str, str] = {}
    for config in served:
        routes[f"{config.name}@{config.version}"] = config.application
        if config.latest:
            routes[config.name] = config.application
    return routes


def _defaults(served: Iterable[ModelConfig]) -> dict[str, str]:
    """Service → application of its default model: the marked one, else the first by name."""
    ordered = sorted(
        (c for c in served if c.latest), key=lambda config: (not config.default, config.name)
    )
    defaults: dict[str, str] = {}
    for service, family in DEFAULT_FAMILIES.items():
        for config in ordered:
            if config.family == family:
                defaults[service] = config.application
                break
    return defaults
