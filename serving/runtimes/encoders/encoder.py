"""What the families that read texts know of an encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from serving.models.base import Array, Device
from serving.runtimes.encoders.cutter import Cutter, Tokens
from serving.runtimes.encoders.options import EncoderOptions


class Encoder(ABC):
    """The checkpoint of a folder at work.

    `start` blocks for as long as the weights take to load, in any thread, and fills the
    attributes; everything else belongs to one event loop.

    cutter: the texts' tokens, and how many the model takes
    width: of the vectors, for task `embed`; labels: of the classes, for `classify`

    Raises FailedPrecondition from `start` and `ready` for a folder or options that cannot
    be served.
    """

    platform: ClassVar[str]
    cutter: Cutter
    width: int = 0
    labels: tuple[str, ...] = ()

    def __init__(self, folder: Path, options: EncoderOptions, device: Device, name: str) -> None:
        self.folder = folder
        self.options = options
        self.device = device
        self.name = name

    @abstractmethod
    def start(self) -> None:
        """Loads the model."""

    @abstractmethod
    async def ready(self) -> None:
        """Has a first vector made, which may take long."""

    @abstractmethod
    async def check(self) -> None:
        """Raises Unavailable when it no longer gets anywhere; busy is not ill."""

    @abstractmethod
    async def close(self) -> None:
        """Ends it; texts that still wait fail."""

    @property
    @abstractmethod
    def unfinished(self) -> int:
        """Texts handed in whose vectors are not there yet, and still wanted."""

    @abstractmethod
    async def vectors(self, texts: Sequence[Tokens], *, tenant: str) -> Array:
        """float32 [texts, width]: embeddings of no particular length, or probabilities.

        The texts are computed with those of other calls. The first ones of each call come
        first, so that a call of one text need not wait for one of hundreds. Cancelling
        takes those that are left out of the queue.

        Raises Overloaded, Unavailable.
        """
