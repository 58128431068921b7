"""What the families that read texts share: an encoder, and its life."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TypeVar

from serving.errors import FailedPrecondition
from serving.models.base import Array, StreamingModel
from serving.models.texts import Problems, Read, Texts, refuse
from serving.repository import weights
from serving.runtimes.encoders import files
from serving.runtimes.encoders.cutter import Tokens
from serving.runtimes.encoders.encoder import Encoder
from serving.runtimes.encoders.transformers import TransformersEncoder
from serving.runtimes.vllm.pooling import Pooling
from serving.timing import Stage, Timeline

Item = TypeVar("Item", bound=Texts)
Result = TypeVar("Result")


class PoolingModel(StreamingModel[Item, Result]):
    """A model whose one result says something about each of the texts of an item.

    The encoder's folder is the version's: what Hugging Face calls a model. How its vectors
    are pooled (mean, first token, last) is said there, by sentence-transformers' files.
    """

    def load(self) -> None:
        folder = weights.ensure_folder(self.config)
        if not any(folder.glob("*.safetensors")):
            raise FailedPrecondition(
                f"model {self.config.name}: no .safetensors in its folder", reason="WEIGHTS"
            )
        kind = _kind(self.config.options.runtime, folder)
        self.encoder = kind(folder, self.config.options, self.device, self.config.name)
        self.encoder.start()

    async def ready(self) -> None:
        await self.encoder.ready()

    async def check(self) -> None:
        await self.encoder.check()

    async def close(self) -> None:
        self.encoder.cutter.close()
        await self.encoder.close()

    @property
    def places(self) -> int:
        return int(self.config.options.sequences)

    def answers(self, item: Item) -> int:
        # One that has many texts fills the model, and leaves the queue to others.
        return min(len(item.texts), self.places)

    async def answer(self, item: Item, tenant: str, timeline: Timeline) -> AsyncIterator[Result]:
        """Yields one result. Raises InvalidArgument, whose fields are `texts[i]` and the
        item's own; Overloaded; Unavailable."""
        refuse(self._truncation(item) + self.examine(item))
        tokens = await self.encoder.cutter.tokens(item.texts, item.truncate)
        timeline.mark(Stage.PREPROCESS)
        vectors = await self.encoder.vectors(tokens, tenant=tenant)
        timeline.mark(Stage.DEVICE)
        result = self.conclude(item, vectors, _read(tokens))
        timeline.mark(Stage.POSTPROCESS)
        yield result

    def examine(self, item: Item) -> Problems:
        """What only this model's own settings can tell is wrong."""
        return []

    @abstractmethod
    def conclude(self, item: Item, vectors: Array, read: Read) -> Result:
        """The result, of what the encoder made of each text: float32 [texts, width]."""

    def _truncation(self, item: Item) -> Problems:
        cutter = self.encoder.cutter
        least, most = cutter.added + 1, cutter.context
        if not item.truncate or least <= item.truncate <= most:
            return []
        problem = f"is {item.truncate}; this model keeps {least} to {most} tokens of a text"
        return [("truncate", problem)]


def _kind(runtime: str, folder: Path) -> type[Encoder]:
    if runtime == "auto":
        runtime = "vllm" if files.in_vllm(folder) else "transformers"
    return Pooling if runtime == "vllm" else TransformersEncoder


def _read(tokens: Sequence[Tokens]) -> Read:
    return Read(tuple(len(each.ids) for each in tokens), tuple(each.truncated for each in tokens))
