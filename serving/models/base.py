"""What a model is: `load`, then `prepare → run → finish` for every item, or one `answer`.

A family is a module `serving.models.<family>` (or any `package.module` a model.yaml
names) that has two attributes:

    Options   a frozen pydantic model: the keys of model.yaml that belong to the family
    Model     a subclass of `Model` below, or of `StreamingModel`, whose results come bit
              by bit and which forms its batches itself

Nothing here knows protobuf, Ray or gRPC, and a family imports its heavy libraries
inside `load()`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from serving.repository.config import ModelConfig
from serving.timing import Timeline

Array = NDArray[Any]
Tensors = Mapping[str, Array]

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Output = TypeVar("Output")
Result = TypeVar("Result")

# Open Inference Protocol datatype → NumPy dtype. BYTES elements are Python bytes
# objects in an object array; BF16 travels as its raw 16 bits.
DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
    "BYTES": np.dtype(object),
}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output as the Open Inference Protocol describes it.

    `shape` counts the batch dimension when the signature is batched; -1 is any size.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True)
class Signature:
    """The tensors a model takes and gives.

    `batched` says that dimension 0 of every tensor is the batch: requests may then
    carry up to `max_batch_size` rows, and rows of several requests run together.
    `decoupled` says that a request may have any number of responses.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    batched: bool = False
    platform: str = ""
    decoupled: bool = False


@dataclass(frozen=True)
class Device:
    """What a replica was given: CPU threads to compute with, and a GPU or none."""

    threads: int = 1
    gpu: bool = False


class Served(ABC, Generic[Item, Result]):
    """What every model of a family is; an *item* is one request as a family dataclass."""

    def __init__(self, config: ModelConfig, device: Device) -> None:
        """`config.options` is an instance of the family's own `Options`."""
        self.config = config
        self.device = device

    @abstractmethod
    def load(self) -> None:
        """Reads the weights and makes the model ready to run; may take long."""

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """Inputs and outputs over the Open Inference Protocol; valid after `load`."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What else a caller may want to know, by name: ModelConfig tells it as parameters."""
        return {}

    @abstractmethod
    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Item:
        """Makes an item of tensors that already agree with the signature."""

    @abstractmethod
    def tensors(self, result: Result) -> Tensors:
        """A result as the tensors of the signature's outputs."""

    @abstractmethod
    def example(self, seed: int = 0) -> Item:
        """An item the model accepts, another one for another seed, all of one batch key:
        for warm-up and the contract tests."""


class Model(Served[Item, Result], Generic[Item, Prepared, Output, Result]):
    """One model of a family.

    `prepare` and `finish` run in a thread pool, one item at a time, while `run` computes
    other items' batch in the one compute thread; all three may raise `serving.errors` for
    the caller to see.
    """

    # False for families whose prepare and finish cost less than a thread hop.
    threaded: bool = True

    @property
    def batchable(self) -> bool:
        """Whether items may run together at all; some weights take one row at a time."""
        return True

    @abstractmethod
    def prepare(self, item: Item, timeline: Timeline) -> Prepared:
        """Decodes and preprocesses one item, marking the stages it goes through."""

    def rows(self, prepared: Prepared) -> int:
        """How many rows of a batch an item fills."""
        return 1

    def batch_key(self, prepared: Prepared) -> Hashable:
        """Only items of equal key may share a batch (say, those of equal shape)."""
        return None

    @abstractmethod
    def run(self, batch: Sequence[Prepared], timeline: Timeline) -> Sequence[Output]:
        """Computes one batch; returns one output for each item, in order."""

    @abstractmethod
    def finish(self, prepared: Prepared, output: Output, timeline: Timeline) -> Result:
        """Turns one item's raw output into its result."""


class StreamingModel(Served[Item, Result]):
    """A model whose answers grow: an item has as many results as it takes.

    It computes many items together by its own lights; nothing is batched for it. `load`
    may run in any thread, all else belongs to the one event loop that `ready` runs in.
    """

    @property
    @abstractmethod
    def places(self) -> int:
        """How many answers are computed at the same time; what is above waits inside."""

    @abstractmethod
    async def ready(self) -> None:
        """Ends what `load` began; no item comes before it has returned."""

    def answers(self, item: Item) -> int:
        """How many of the places an item takes."""
        return 1

    @abstractmethod
    def answer(self, item: Item, tenant: str, timeline: Timeline) -> AsyncIterator[Result]:
        """Yields results; closing the iterator ends the work on them at once.

        tenant: who asks; what one tenant has asked is no other's to find out
        timeline: its stages are marked up to the moment the computing begins

        Raises `serving.errors` for the caller to see.
        """

    def last(self, result: Result) -> bool:
        """Whether nothing follows this result of an item that came as tensors."""
        return True

    @abstractmethod
    async def check(self) -> None:
        """Raises Unavailable when the model no longer gets anywhere; busy is not ill."""

    async def adopt(self, config: ModelConfig) -> bool:
        """Takes on another configuration while answers go on; True once `self.config` is it.

        False, and nothing is changed, where only a new start can. Raises `serving.errors`
        for a configuration that a new start would not mend either.
        """
        return config == self.config

    async def close(self) -> None:
        """Releases what `load` took."""
