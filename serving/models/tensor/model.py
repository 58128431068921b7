"""Named tensors in, named tensors out; the file says which.

Where the file lets rows run together, rows of several requests share a batch if all
their other dimensions are equal.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from serving.errors import InvalidArgument
from serving.models import base
from serving.models.base import Array, Signature, Tensors
from serving.repository import weights
from serving.runtimes.onnx import OnnxSession
from serving.timing import Timeline


class Model(base.Model[Tensors, Tensors, Tensors, Tensors]):
    """An item, its prepared form, its output and its result are all tensors by name."""

    threaded = False  # there is nothing to prepare

    def load(self) -> None:
        path = weights.ensure(self.config)
        auto = self.config.options.batchable == "auto"
        self._session = OnnxSession(path, self.device, batchable=auto)
        self._names = [spec.name for spec in self._session.signature.inputs]

    @property
    def signature(self) -> Signature:
        return self._session.signature

    @property
    def batchable(self) -> bool:
        return self._session.signature.batched

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        return tensors

    def prepare(self, item: Tensors, timeline: Timeline) -> Tensors:
        if self.batchable:
            rows = {name: len(item[name]) for name in self._names}
            if len(set(rows.values())) > 1:
                listed = ", ".join(f"{name} {count}" for name, count in rows.items())
                raise InvalidArgument.field(
                    "inputs", f"all must have the same number of rows, not {listed}"
                )
        return item

    def rows(self, prepared: Tensors) -> int:
        return len(prepared[self._names[0]]) if self.batchable else 1

    def batch_key(self, prepared: Tensors) -> Hashable:
        return tuple(prepared[name].shape[1:] for name in self._names)

    def run(self, batch: Sequence[Tensors], timeline: Timeline) -> Sequence[Tensors]:
        if len(batch) == 1:
            return [self._session.run(batch[0], timeline)]
        feeds = {name: np.concatenate([item[name] for item in batch]) for name in self._names}
        outputs = self._session.run(feeds, timeline)
        ends = np.cumsum([self.rows(item) for item in batch])
        return [
            {name: output[end - self.rows(item) : end] for name, output in outputs.items()}
            for item, end in zip(batch, ends, strict=True)
        ]

    def finish(self, prepared: Tensors, output: Tensors, timeline: Timeline) -> Tensors:
        return output

    def tensors(self, result: Tensors) -> Tensors:
        return result

    def example(self, seed: int = 0) -> dict[str, Array]:
        return self._session.example(seed=seed)
