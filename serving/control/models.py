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

from serving.errors import InvalidArgument, NotFound, Unavailable
from serving.replica.call import Call
from serving.repository.config import NAME, ModelConfig, versioned
from serving.repository.scan import Repository

logger = logging.getLogger(__name__)

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

    @property
    def gone(self) -> bool:
        """Whether somebody has taken it out of service, or nobody ever asked for it."""
        return self.state is State.UNLOADING or self.reason == NOT_LOADED


class Models:
    """The cluster's models; readings are at most a tenth of a second old.

    required: the applications without which the server is not ready
    """

    def __init__(self, root: Path, profile: str, required: tuple[str, ...]) -> None:
        self._root, self._profile = root, profile
        self.required = required
        self._repository = Repository(root, profile)
        self.intact = True  # whether the last reading of the folders succeeded
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

    async def find(self, name: str, version: str, call: Call) -> ModelState:
        """The model a client means by `name`, `name@version` or both words.

        Raises InvalidArgument for what is no name, PermissionDenied where the call's token
        does not reach it, NotFound naming the models that are served to this caller.
        """
        wanted = versioned(name, version)
        base, at, version = wanted.partition("@")
        if not NAME.fullmatch(base) or (at and not version.isdigit()):
            raise InvalidArgument.field(
                "model_name", "is no model name: lower-case letters, digits, . _ -, and @version"
            )
        call.require(wanted)
        for model in (await self.all()).values():
            config = model.config
            meant = ("", config.version) if config.latest else (config.version,)
            if config.name == base and version in meant:
                return model
        served = sorted(model.config.application for model in await self.visible(call))
        raise NotFound(
            f"no model {wanted!r}; served are {', '.join(served) or 'none'}",
            name=wanted,
            reason="MODEL_NOT_FOUND",
        )

    async def ready(self, model: ModelState) -> ModelState:
        """Raises Unavailable unless the model takes calls now."""
        if not model.ready:
            raise Unavailable(
                f"model {model.config.name!r} is {model.state.value.lower()}",
                reason="MODEL_NOT_READY",
                retry_after=1.0,
            )
        return model

    async def default(self, family: str, call: Call) -> ModelState:
        """The model that answers when a request of a service names none."""
        candidates = [
            model
            for model in await self.visible(call)
            if model.config.family == family and model.config.latest
        ]
        if not candidates:
            raise NotFound(
                f"no {family} model is served; load one", kind="model", reason="NO_DEFAULT_MODEL"
            )
        return min(candidates, key=lambda m: (not m.config.default, m.config.name))

    async def visible(self, call: Call) -> list[ModelState]:
        """The deployed models a call's token reaches."""
        return [model for model in (await self.deployed()).values() if sees(call, model)]

    def invalidate(self) -> None:
        """Makes the next question read everything anew."""
        self._read_at = self._scanned_at = float("-inf")

    def _scan(self) -> None:
        """Reads the folders again; while one is being edited the old reading stands."""
        if time.monotonic() - self._scanned_at > _SCAN_S:
            try:
                self._repository = Repository(self._root, self._profile)
                self.intact = True
            except Exception as error:  # a family's module may fail in any way
                logger.warning("repository unchanged: %s", error)
                self.intact = False
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


def sees(call: Call, model: ModelState) -> bool:
    """Whether a token reaches a model, by its name or by this version of it."""
    return call.allows(f"{model.config.name}@{model.config.version}")


def _state(status: Any) -> tuple[State, str]:
    """A model is ready while a replica runs, also in the middle of a redeployment."""
    running = sum(d.replica_states.get("RUNNING", 0) for d in status.deployments.values())
    state = _STATES.get(str(status.status.value), State.UNAVAILABLE)
    if state is State.UNLOADING or not running:
        return state, str(status.status.value).lower()
    return State.READY, ""


NOT_LOADED = "not loaded"
