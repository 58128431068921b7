"""Sentence embeddings by an encoder, or by a decoder that was trained for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.models import texts
from serving.models.base import Array, Signature, Tensors, TensorSpec
from serving.models.embedding.types import Embedded, Query
from serving.models.pooling import PoolingModel
from serving.models.texts import Problems, Read

_NORMALIZE = TensorSpec("normalize", "BOOL", (1,), optional=True)
_DIMENSIONS = TensorSpec("dimensions", "INT32", (1,), optional=True)


class Model(PoolingModel[Query, Embedded]):
    """Vectors are cut and brought to length 1 here, whatever the checkpoint does at its end."""

    @property
    def signature(self) -> Signature:
        width = -1 if self.config.options.dimensions else self.encoder.width
        return Signature(
            (texts.TEXT, texts.TRUNCATE, _NORMALIZE, _DIMENSIONS),
            (TensorSpec("embedding", "FP32", (-1, width)),),
            platform=self.encoder.platform,
        )

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Query:
        return Query(
            texts.texts_of(tensors),
            texts.number_of(tensors, "truncate"),
            normalise=bool(tensors["normalize"][0]) if "normalize" in tensors else True,
            dimensions=texts.number_of(tensors, "dimensions") or 0,
        )

    def tensors(self, result: Embedded) -> Tensors:
        return {"embedding": result.vectors}

    def example(self, seed: int = 0) -> Query:
        return Query((f"Number {seed} is a number.", "So is this one."))

    def examine(self, item: Query) -> Problems:
        asked, shorter = item.dimensions, self.config.options.dimensions
        if asked in (0, self.encoder.width, *shorter):
            return []
        known = ", ".join(map(str, (*shorter, self.encoder.width)))
        return [("dimensions", f"is {asked}; this model's vectors have {known} numbers")]

    def conclude(self, item: Query, vectors: Array, read: Read) -> Embedded:
        if item.dimensions:
            vectors = vectors[:, : item.dimensions]
        if item.normalise:
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
        return Embedded(np.ascontiguousarray(vectors, np.float32), read)
