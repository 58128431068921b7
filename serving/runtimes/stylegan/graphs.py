"""CUDA graphs of one computation, one a size of batch, in no more memory than allowed.

A generator is hundreds of small kernels whose launches cost more than many of them; a graph
launches all of them at once. Written for PyTorch's `torch.cuda.CUDAGraph`: what is captured
reads and writes the same memory whenever it is replayed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

# Runs before a capture: libraries choose their kernels and allocate what they need for good.
_WARM_UPS = 3

Compute = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class _Graph:
    graph: Any
    given: Tensor
    result: Tensor


class Graphs:
    """Replays `compute` for batches of up to `largest` rows of `shape`, FP32.

    compute: from a tensor on the device to another, without waiting for the device
    budget: bytes the graphs may take of the device's memory, all together

    Used by one thread and on one stream: graphs share their memory, so a result holds until
    the next is computed.
    """

    def __init__(
        self,
        compute: Compute,
        shape: tuple[int, ...],
        largest: int,
        device: torch.device,
        budget: int,
    ) -> None:
        self._compute = compute
        self._graphs: dict[int, _Graph] = {}
        pool, used = None, 0
        # The largest first: all smaller ones fit into the memory it has taken.
        for rows in reversed(sizes(largest)):
            pool = pool or torch.cuda.graph_pool_handle()
            before = torch.cuda.memory_reserved(device)
            try:
                captured = _capture(compute, torch.zeros((rows, *shape), device=device), pool)
                grown = torch.cuda.memory_reserved(device) - before
            except torch.OutOfMemoryError:
                captured, grown = None, budget + 1
            if used + grown <= budget and captured is not None:
                self._graphs[rows] = captured
                used += grown
                continue
            log.info("no CUDA graph for batches of %d: it would take too much memory", rows)
            captured = None
            if not self._graphs:
                pool = None  # what it has taken goes with it
            torch.cuda.empty_cache()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Batches that are replayed; those in between are filled up to the next."""
        return tuple(sorted(self._graphs))

    def __call__(self, given: Tensor) -> Tensor:
        """compute(given), replayed where it was captured."""
        rows = len(given)
        fitting = [size for size in self._graphs if size >= rows]
        if not fitting:
            return self._compute(given)
        held = self._graphs[min(fitting)]
        held.given[:rows].copy_(given, non_blocking=True)
        held.graph.replay()
        return held.result[:rows]


def sizes(largest: int) -> list[int]:
    """Powers of two up to `largest`, and it."""
    powers = [1 << exponent for exponent in range(largest.bit_length())]
    return sorted({*powers, largest})


def _capture(compute: Compute, given: Tensor, pool: Any) -> _Graph:
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UPS):
            compute(given)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    # Other threads of the process may use the device meanwhile.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        result = compute(given)
    return _Graph(graph, given, result)
