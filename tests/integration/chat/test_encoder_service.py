"""Encoders that vLLM has no model of, behind the same services: they agree with transformers',
and cut, refuse and give way as those in vLLM do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

import seom
from serving.errors import FailedPrecondition
from serving.runtimes.encoders.transformers import TransformersEncoder
from serving.runtimes.vllm.pooling import Pooling
from tests.chat_models.encoders import LABELS
from tests.integration.chat.replicas import Served, serving
from tests.integration.chat.test_pooling_service import CONTEXT, TEXTS, idle, mean, states

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

LONG = "so long " * 20
MIXED = [f"{text} {number * 'so '}" for number in (0, 30, 3, 60, 1, 9) for text in TEXTS]


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def distilbert(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    settings = "dimensions: [16]\nsequences: 8\nlimits: {queue: 4}\n"
    async with serving(tmp_path_factory.mktemp("r"), "distilbert", settings) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def mpnet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "mpnet") as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def albert(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "albert") as served:
        yield served


@pytest.fixture(params=["distilbert", "mpnet"])
def embedder(request: pytest.FixtureRequest) -> Served:
    served: Served = request.getfixturevalue(request.param)
    return served


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


# Embeddings -------------------------------------------------------------------------


async def test_embeddings_are_those_of_transformers(embedder: Served) -> None:
    assert isinstance(embedder.encoder, TransformersEncoder)
    found = await embedder.client.embed(MIXED)
    raw = await embedder.client.embed(MIXED, normalize=False)
    expected = np.stack([mean(embedder, text) for text in MIXED])
    np.testing.assert_allclose(raw.vectors, expected, atol=1e-5)
    np.testing.assert_allclose(found.vectors, unit(expected), atol=1e-5)
    assert found.vectors.dtype == np.float32
    assert found.usage.prompt_tokens == sum(found.tokens)


async def test_a_text_among_others_is_as_alone(embedder: Served) -> None:
    together = await embedder.client.embed(MIXED)
    calls = [embedder.client.embed(text, timeout=20) for text in MIXED[:4]]
    alone = [(await call).vectors[0] for call in calls]
    np.testing.assert_allclose(together.vectors[:4], alone, atol=1e-5)
    assert len({row.tobytes() for row in together.vectors}) == len(MIXED), "each its own"


async def test_shorter_vectors(distilbert: Served) -> None:
    whole = (await distilbert.client.embed(TEXTS, normalize=False)).vectors
    short = (await distilbert.client.embed(TEXTS, dimensions=16)).vectors
    np.testing.assert_allclose(short, unit(whole[:, :16]), atol=1e-5)
    with pytest.raises(seom.InvalidArgument) as caught:
        await distilbert.client.embed(TEXTS, dimensions=17)
    assert [field.path for field in caught.value.fields] == ["dimensions"]


async def test_cutting_keeps_the_frame_of_special_tokens(embedder: Served) -> None:
    long = "Once upon a time " * 400
    found = await embedder.client.embed([TEXTS[2], long], truncate=9)
    assert (found.tokens, found.truncated) == ((3, 9), (False, True))
    expected = mean(embedder, long, truncation=True, max_length=9)
    np.testing.assert_allclose(found.vectors[1], unit(expected), atol=1e-5)
    whole = await embedder.client.embed(long, truncate=True)
    assert (whole.tokens, whole.truncated) == ((CONTEXT,), (True,))
    expected = mean(embedder, long, truncation=True, max_length=CONTEXT)
    np.testing.assert_allclose(whole.vectors[0], unit(expected), atol=1e-5)


async def test_what_is_too_long_is_refused(embedder: Served) -> None:
    with pytest.raises(seom.InvalidArgument) as caught:
        await embedder.client.embed(["x", "x " * 600, "x " * 700])
    error = caught.value
    assert (error.reason, error.metadata["limit"]) == ("CONTEXT", "512")
    assert int(error.metadata["actual"]) > 1000
    assert [field.path for field in error.fields] == ["texts[1]", "texts[2]"]


async def test_one_text_need_not_wait_for_hundreds(distilbert: Served) -> None:
    many = asyncio.create_task(distilbert.client.embed([LONG] * 256))
    async with asyncio.timeout(10):
        while not distilbert.encoder.unfinished:
            await asyncio.sleep(0.001)
    await distilbert.client.embed("short")
    assert distilbert.encoder.unfinished > 128, "most of them come after it"
    assert (await many).vectors.shape == (256, 64)


async def test_what_nobody_waits_for_is_not_computed(distilbert: Served) -> None:
    async with asyncio.timeout(20):
        many = asyncio.create_task(distilbert.client.embed([LONG] * 256))
        while not distilbert.encoder.unfinished:
            await asyncio.sleep(0.001)
        many.cancel()
        await asyncio.wait([many])
        while distilbert.encoder.unfinished > 8:  # those under way
            await asyncio.sleep(0.001)
    assert len(await distilbert.client.embed("x", timeout=2)) == 1
    await idle(distilbert)


async def test_embeddings_as_tensors(distilbert: Served) -> None:
    texts = np.array([text.encode() for text in TEXTS], object)
    typed = await distilbert.client.embed(TEXTS)
    result = await distilbert.client.infer("distilbert", {"text": texts})
    np.testing.assert_array_equal(result["embedding"], typed.vectors)
    assert distilbert.replica.model.signature.platform == "pytorch_transformers"


# Labels -----------------------------------------------------------------------------


async def test_scores_are_those_of_transformers(albert: Served) -> None:
    found = await albert.client.classify(MIXED)
    for text, labels in zip(MIXED, found, strict=True):
        logits = states(albert, "AutoModelForSequenceClassification", text)
        expected = dict(zip(LABELS, logits.softmax(-1).tolist(), strict=True))
        assert labels.scores == pytest.approx(expected, abs=1e-5)
    assert len({text.score for text in found}) > len(MIXED) // 2, "or nothing were compared"
    best = await albert.client.classify(MIXED, top_k=1)
    assert [[each.label for each in text] for text in best] == [[text.label] for text in found]


@pytest.mark.parametrize(
    ("name", "settings", "runtime"),
    [("deberta", "", TransformersEncoder), ("emotions", "runtime: vllm\n", Pooling)],
)
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
async def test_several_labels_of_a_text(
    tmp_path: Path, name: str, settings: str, runtime: type
) -> None:
    """Each score is on its own, in either runtime."""
    async with serving(tmp_path, name, settings) as served:
        assert isinstance(served.encoder, runtime)
        found = await served.client.classify(MIXED)
        for text, labels in zip(MIXED, found, strict=True):
            logits = states(served, "AutoModelForSequenceClassification", text)
            expected = dict(zip(LABELS, logits.sigmoid().tolist(), strict=True))
            assert labels.scores == pytest.approx(expected, abs=1e-5)
        sums = [sum(labels.scores.values()) for labels in found]
        assert max(abs(each - 1) for each in sums) > 0.1, "no softmax"


# What is asked for in model.yaml ----------------------------------------------------


async def test_a_runtime_may_be_asked_for(tmp_path: Path) -> None:
    """What vLLM could run as well."""
    async with serving(tmp_path, "embedder", "runtime: transformers\n") as served:
        assert isinstance(served.encoder, TransformersEncoder)
        found = await served.client.embed(TEXTS)
        expected = unit(np.stack([mean(served, text) for text in TEXTS]))
        np.testing.assert_allclose(found.vectors, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("tensor_parallel: 2\n", "^tensor_parallel: vLLM alone"),
        ("sleep_after_s: 60\n", "^sleep_after_s: vLLM alone"),
        ("quantisation: fp8\n", "^quantisation: vLLM alone"),
    ],
)
async def test_what_only_vllm_has(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(FailedPrecondition, match=message):
        async with serving(tmp_path, "distilbert", setting):
            pass


async def test_it_is_well(distilbert: Served, albert: Served) -> None:
    for served in (distilbert, albert):
        await idle(served)
        await served.replica.check()
