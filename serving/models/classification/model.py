"""Sequence classification: one score for each label of each text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from serving.models import texts
from serving.models.base import Array, Signature, Tensors, TensorSpec
from serving.models.classification.types import Classified, Query
from serving.models.pooling import PoolingModel
from serving.models.texts import Read

_TOP_K = TensorSpec("top_k", "INT32", (1,), optional=True)


class Model(PoolingModel[Query, Classified]):
    """Scores sum to one (softmax), or are each on their own (sigmoid) where config.json says
    `"problem_type": "multi_label_classification"`."""

    def load(self) -> None:
        super().load()
        self._labels = self.encoder.labels

    @property
    def signature(self) -> Signature:
        return Signature(
            (texts.TEXT, texts.TRUNCATE, _TOP_K),
            (TensorSpec("label", "BYTES", (-1, -1)), TensorSpec("score", "FP32", (-1, -1))),
            platform=self.encoder.platform,
        )

    def parse(self, tensors: Tensors, parameters: Mapping[str, Any]) -> Query:
        return Query(
            texts.texts_of(tensors),
            texts.number_of(tensors, "truncate"),
            top_k=texts.number_of(tensors, "top_k") or 0,
        )

    def tensors(self, result: Classified) -> Tensors:
        names = np.array([label.encode() for label in result.labels], object)
        return {"label": names[result.classes], "score": result.scores}

    def example(self, seed: int = 0) -> Query:
        return Query((f"Number {seed} is a fine number.", "What a pity."))

    def conclude(self, item: Query, vectors: Array, read: Read) -> Classified:
        # Stable, so that of equal scores the first class comes first, every time.
        best = np.argsort(-vectors, axis=1, kind="stable")[:, : item.top_k or None]
        scores = np.take_along_axis(vectors, best, axis=1)
        return Classified(self._labels, best, np.asarray(scores, np.float32), read)
