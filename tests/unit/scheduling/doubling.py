"""A real model without weights: doubles numbers, and fails or waits where a test says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import InvalidArgument
from serving.models.base import Device, Model, Signature, Tensors
from serving.repository.config import Batching, Limits, ModelConfig, Resources
from serving.timing import Stage, Timeline


@dataclass(frozen=True)
class Job:
    """`fails` names the stage that raises; `polite` failures are the caller's own fault."""

    value: int
    rows: int = 1
    key: Hashable = None
    fails: str = ""
    polite: bool = False
    prepare_s: float = 0.0


class Doubling(Model[Job, Job, int, int]):
    def __init__(self, *, threaded: bool = True, run_s: float = 0.0) -> None:
        config = ModelConfig(
            name="doubling",
            version="1",
            latest=True,
            default=True,
            profile="cpu",
            folder=Path(),
            family="doubling",
            weights=(),
            batching=Batching(),
            resources=Resources(),
            limits=Limits(),
            enabled=True,
            options=None,
        )
        super().__init__(config, Device())
        self.threaded = threaded
        self.run_s = run_s
        self.prepared: list[int] = []
        self.batches: list[list[int]] = []
        self.gate = threading.Event()  # a closed gate holds `run`
        self.gate.set()
        self.running = threading.Event()

    def load(self) -> None:
        pass

    @property
    def signature(self) -> Signature:
        return Signature((), ())

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Job:
        return Job(int(tensors["value"][0]))

    def prepare(self, item: Job, timeline: Timeline) -> Job:
        self.prepared.append(item.value)
        time.sleep(item.prepare_s)
        _fail(item, "prepare")
        if item.prepare_s:
            timeline.mark(Stage.DECODE)
        return item

    def rows(self, prepared: Job) -> int:
        return prepared.rows

    def batch_key(self, prepared: Job) -> Hashable:
        return prepared.key

    def run(self, batch: Sequence[Job], timeline: Timeline) -> Sequence[int]:
        self.batches.append([job.value for job in batch])
        self.running.set()
        assert self.gate.wait(10), "a test left the gate closed"
        time.sleep(self.run_s)
        for job in batch:
            _fail(job, "run")
        return [job.value * 2 for job in batch]

    def finish(self, prepared: Job, output: int, timeline: Timeline) -> int:
        _fail(prepared, "finish")
        return output

    def tensors(self, result: int) -> Tensors:
        return {"value": np.array([result])}

    def example(self, seed: int = 0) -> Job:
        return Job(seed)


def _fail(job: Job, stage: str) -> None:
    if job.fails != stage:
        return
    if job.polite:
        raise InvalidArgument.field("value", f"fails in {stage}")
    raise OSError("/secret/path: device on fire")
