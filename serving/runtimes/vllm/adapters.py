"""The adapters of one engine: loaded, used, dropped once unused; none that is not verified."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.errors import FailedPrecondition, NotFound, ServingError, Unavailable
from serving.runtimes.vllm import settings
from serving.runtimes.vllm.life import Life
from serving.runtimes.vllm.lora import Files, unfit, verify
from serving.runtimes.vllm.options import Adapter, EngineOptions
from serving.runtimes.vllm.refusals import understood

log = logging.getLogger(__name__)


def _busy() -> Unavailable:
    return Unavailable(
        "an adapter that is to go still answers and holds its place",
        reason="ADAPTER_BUSY",
        retry_after=5.0,
    )


@dataclass(slots=True, eq=False)
class _Loaded:
    """An adapter in the engine; `request` is vLLM's name for it, `uses` the requests."""

    adapter: Adapter
    request: Any
    uses: int = 0


class Adapters:
    """The table of names, and what the engine holds: these, and those still in use.

    The engine never holds more than `places`: vLLM would drop one by itself, and later read
    it again from the disk, unverified.
    """

    def __init__(self, folder: Path, options: EngineOptions, life: Life, modules: Set[str]) -> None:
        self.places, self._rank = options.adapter_places, options.rank
        self._modules = modules
        self._folder = folder
        self._life = life
        self._table: dict[str, _Loaded] = {}
        self._leaving: set[_Loaded] = set()  # no longer asked for, and in use yet
        self._number = 0
        self._adopting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._table)

    @contextmanager
    def using(self, name: str | None) -> Iterator[Any]:
        """vLLM's `LoRARequest`, which stays loaded meanwhile; raises NotFound."""
        if name is None:
            yield None
            return
        try:
            loaded = self._table[name]
        except KeyError:
            raise NotFound(
                f"there is no adapter {name!r}; there are {', '.join(self._table) or 'none'}",
                kind="adapter",
                name=name,
                reason="ADAPTER_NOT_FOUND",
            ) from None
        loaded.uses += 1
        try:
            yield loaded.request
        finally:
            loaded.uses -= 1
            if not loaded.uses and loaded in self._leaving:
                removal = asyncio.create_task(self._remove(loaded))
                self._tasks.add(removal)
                removal.add_done_callback(self._tasks.discard)

    async def adopt(self, wanted: Sequence[Adapter]) -> None:
        """Makes `wanted` the table: loads what is new in it, drops what it lacks.

        Requests that run go on with the adapter they began with. An adapter whose files
        are others under an old name is another adapter.

        Raises FailedPrecondition for an adapter that does not fit or finds no place,
        Unavailable while a dropped one holds its place. What raised has changed nothing,
        but that adapters before it in `wanted` may be there. Cancelled, it goes on.
        """
        task = asyncio.create_task(self._adopt(wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _adopt(self, wanted: Sequence[Adapter]) -> None:
        async with self._adopting:
            kept = {a.name for a in wanted if self._has(a)}
            new = [adapter for adapter in wanted if adapter.name not in kept]
            old = [loaded for name, loaded in self._table.items() if name not in kept]
            files = await self._verified(new)
            self._make_sure_of_room(len(kept), new, old)
            for adapter, each in zip(new, files, strict=True):
                while self._held >= self.places:  # only then: the new one may be unfit yet
                    idle = next((loaded for loaded in old if not loaded.uses), None)
                    if idle is None:
                        raise _busy()
                    old.remove(idle)
                    await self._drop(idle)
                replaced = self._table.get(adapter.name)
                await self._load(adapter, each)
                if replaced is not None:
                    old.remove(replaced)
                    await self._leave(replaced)
            for loaded in old:
                await self._drop(loaded)

    @property
    def _held(self) -> int:
        return len(self._table) + len(self._leaving)

    def _has(self, adapter: Adapter) -> bool:
        loaded = self._table.get(adapter.name)
        return loaded is not None and loaded.adapter == adapter

    async def _verified(self, new: Sequence[Adapter]) -> list[Files]:
        for adapter in new:
            if adapter.rank > self._rank:
                raise unfit(
                    adapter,
                    f"the engine runs with room for rank {self._rank}, not {adapter.rank}; "
                    "a new start makes room",
                    "ADAPTER_ROOM",
                )
        found = await asyncio.to_thread(lambda: [verify(self._folder, a) for a in new])
        for adapter, files in zip(new, found, strict=True):
            if beyond := files.modules - self._modules:
                raise unfit(
                    adapter,
                    f"changes {', '.join(sorted(beyond))}, which the engine runs without; "
                    "a new start makes room",
                    "ADAPTER_ROOM",
                )
        return found

    def _make_sure_of_room(self, kept: int, new: Sequence[Adapter], old: Sequence[_Loaded]) -> None:
        if kept + len(new) > self.places:
            raise FailedPrecondition(
                f"the engine runs with room for {self.places} adapters, not {kept + len(new)}; "
                "a new start makes room",
                reason="ADAPTER_ROOM",
            )
        busy = len(self._leaving) + sum(1 for loaded in old if loaded.uses)
        if new and kept + len(new) + busy > self.places:
            raise _busy()

    async def _load(self, adapter: Adapter, files: Files) -> None:
        """Loads it under a name that was never used: vLLM knows cached prefixes, and the
        requests of one batch, by it."""
        self._number += 1
        request = settings.adapter(f"{adapter.name}@{self._number}", self._number, files.folder)
        llm = self._life.llm
        try:
            async with self._life.work():
                with understood():
                    await self._life.errand(llm.add_lora(request))
        except ServingError:
            raise
        except Exception:
            log.exception("vLLM refuses adapter %s", adapter.name)
            # It may lie there half loaded, in a place that others need.
            await self._life.errand(llm.remove_lora(request.lora_int_id))
            raise unfit(adapter, "does not fit the model; the log says why") from None
        self._table[adapter.name] = _Loaded(adapter, request)

    async def _drop(self, loaded: _Loaded) -> None:
        del self._table[loaded.adapter.name]
        await self._leave(loaded)

    async def _leave(self, loaded: _Loaded) -> None:
        self._leaving.add(loaded)
        if not loaded.uses:
            await self._remove(loaded)

    async def _remove(self, loaded: _Loaded) -> None:
        try:
            async with self._life.work():
                await self._life.errand(self._life.llm.remove_lora(loaded.request.lora_int_id))
        except ServingError:
            return  # it went with the engine
        self._leaving.discard(loaded)
