"""Which models there are and how they do: the repository joined with Serve's status."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ray import serve

from serving.errors import NotFound, Unavailable
from serving.repository.config import ConfigError, ModelConfig
from serving.repository.scan import Repository

logger = logging.getLogger("seom")

_FRESH_S = 0.1
_SCAN_S = 2.0


class State(Enum):
    """The states of Triton's RepositoryIndex that happen here."""

    READY = "READY"
    LOADING = "LOADING"
    UNLOADING = "UNLOADING"
    UNAVAILABLE = "UNAVAILABLE"


_STATES = {
    "RUNNING": State.LOADING,  # of no replica: it is coming back
    "DEPLOYING": State.LOADING,
    "NOT_STARTED": State.LOADING,
    "DELETING": State.UNLOADING,
}


@dataclass(frozen=True)
class ModelState:
    config: ModelConfig
    state: State
    reason: str = ""

    @property
    def ready(self) -> bool:
        return self.state is State.READY


class Models:
    """The cluster's models; readings are at most a tenth of a second old."""

    def __init__(self, root: Path, profile: str) -> None:
        self._root, self._profile = root, profile
        self._repository = Repository(root, profile)
        self._scanned_at = time.monotonic()
        self._states: dict[str, ModelState] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def all(self) -> dict[str, ModelState]:
        """Application name → state, for every model of the profile."""
        async with self._lock:
            if time.monotonic() - self._read_at > _FRESH_S:
                self._states = await asyncio.to_thread(self._read)
                self._read_at = time.monotonic()
        return self._states

    async def deployed(self) -> dict[str, ModelState]:
        """Those somebody has asked for: ready, loading, or failing to be."""
        return {
            name: model
            for name, model in (await self.all()).items()
            if model.state is not State.UNAVAILABLE or model.reason != NOT_LOADED
        }

    async def find(self, name: str, version: str = "") -> ModelState:
        """The model a client means by `name`, `name@version` or both parts.

        Raises NotFound naming the models that are served.
        """
        base, _, inline = name.partition("@")
        version = version or inline
        models = await self.all()
        for model in models.values():
            config = model.config
            meant = ("", config.version) if config.latest else (config.version,)
            if config.name == base and version in meant:
                return model
        served = sorted(await self.deployed())
        wanted = f"{base}@{version}" if version else base
        raise NotFound(
            f"no model {wanted!r}; served are {', '.join(served) or 'none'}",
            name=wanted,
            reason="MODEL_NOT_FOUND",
        )

    async def ready(self, name: str, version: str = "") -> ModelState:
        """Like `find`, and raises Unavailable unless the model takes calls now."""
        model = await self.find(name, version)
        if not model.ready:
            reason = "MODEL_NOT_READY"
            raise Unavailable(
                f"model {model.config.name!r} is {model.state.value.lower()}",
                reason=reason,
                retry_after=1.0,
            )
        return model

    async def default(self, family: str) -> ModelState:
        """The model that answers when a request of a service names none."""
        candidates = [
            model
            for model in (await self.deployed()).values()
            if model.config.family == family and model.config.latest
        ]
        if not candidates:
            raise NotFound(
                f"no {family} model is served; load one", kind="model", reason="NO_DEFAULT_MODEL"
            )
        return min(candidates, key=lambda m: (not m.config.default, m.config.name))

    def invalidate(self) -> None:
        """Makes the next question read everything anew."""
        self._read_at = self._scanned_at = float("-inf")

    def _scan(self) -> None:
        """Reads the folders again; while one is being edited the old reading stands."""
        if time.monotonic() - self._scanned_at > _SCAN_S:
            try:
                self._repository = Repository(self._root, self._profile)
            except ConfigError as error:
                logger.warning("repository unchanged: %s", error)
            self._scanned_at = time.monotonic()

    def _read(self) -> dict[str, ModelState]:
        self._scan()
        running = serve.status().applications
        states: dict[str, ModelState] = {}
        for config in self._repository.models():
            status = running.get(config.application)
            if status is None:
                states[config.application] = ModelState(config, State.UNAVAILABLE, NOT_LOADED)
            else:
                states[config.application] = ModelState(config, *_state(status))
        return states


def _state(status: Any) -> tuple[State, str]:
    """A model is ready while a replica runs, also in the middle of a redeployment."""
    running = sum(d.replica_states.get("RUNNING", 0) for d in status.deployments.values())
    state = _STATES.get(str(status.status.value), State.UNAVAILABLE)
    if state is State.UNLOADING or not running:
        return state, str(status.status.value).lower()
    return State.READY, ""


NOT_LOADED = "not loaded"
