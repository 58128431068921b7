"""Encoders through the same engine: embeddings and labels agree with transformers'."""

from __future__ import annotations

import numpy as np
import pytest

from serving.errors import InvalidArgument
from tests.chat_models.encoders import LABELS
from tests.integration.chat.conftest import running

pytestmark = pytest.mark.timeout(240)

TEXTS = ("안녕하세요", "Once upon a time there was a small island.", "")


async def test_embeddings(tmp_path_factory: pytest.TempPathFactory) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = tmp_path_factory.mktemp("models")
    async with running(folder, "embedder", task="embed") as engine:
        found = [await engine.embed(text) for text in TEXTS]
        plain = await engine.embed(TEXTS[0], normalise=False)
        with pytest.raises(InvalidArgument):
            await engine.classify(TEXTS[0])
        await engine.check()
    model = AutoModel.from_pretrained(folder / "embedder")
    tokenizer = AutoTokenizer.from_pretrained(folder / "embedder")
    for text, vector in zip(TEXTS, found, strict=True):
        states = model(**tokenizer(text, return_tensors="pt"))[0][0].detach().numpy()
        expected = states.mean(axis=0)
        assert vector.dtype == np.float32 and vector.shape == expected.shape
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)
    states = model(**tokenizer(TEXTS[0], return_tensors="pt"))[0][0].detach().numpy()
    np.testing.assert_allclose(plain, states.mean(axis=0), atol=1e-4)


async def test_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("models")
    async with running(folder, "classifier", task="classify") as engine:
        found = [await engine.classify(text) for text in TEXTS]
    model = AutoModelForSequenceClassification.from_pretrained(folder / "classifier")
    tokenizer = AutoTokenizer.from_pretrained(folder / "classifier")
    for text, scores in zip(TEXTS, found, strict=True):
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0]
        assert tuple(scores) == LABELS
        np.testing.assert_allclose(
            list(scores.values()), logits.softmax(-1).detach().numpy(), atol=1e-4
        )
