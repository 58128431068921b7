"""Embeddings and labels on real engines: they agree with transformers', and refuse as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio

import seom
from seom.pb.v1 import classification_pb2, embedding_pb2
from seom.pb.v1.classification_pb2_grpc import ClassificationServiceStub
from seom.pb.v1.embedding_pb2_grpc import EmbeddingServiceStub
from tests.chat_models.encoders import LABELS
from tests.errors import details_of
from tests.integration.chat.replicas import Served, serving

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(240)]

TEXTS = ("안녕하세요, 만나서 반갑습니다.", "Once upon a time there was a small island.", "x")
CONTEXT = 512
LONG = "so long " * 60  # and yet not too long


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def embedder(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    settings = "dimensions: [16, 32]\nsequences: 8\nlimits: {queue: 4}\n"
    async with serving(tmp_path_factory.mktemp("r"), "embedder", settings) as served:
        yield served


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def classifier(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serving(tmp_path_factory.mktemp("r"), "classifier") as served:
        yield served


def states(served: Served, kind: str, text: str, **cut: Any) -> Any:
    """What transformers makes of a text: the model's output, without the batch dimension."""
    import transformers

    folder = served.encoder.folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = getattr(transformers, kind).from_pretrained(folder)
    inputs = tokenizer(text, return_tensors="pt", return_token_type_ids=False, **cut)
    return model(**inputs)[0][0].detach()


def mean(served: Served, text: str, **cut: Any) -> np.ndarray[Any, Any]:
    """The mean over all tokens, as the embedder's own files have it."""
    return np.asarray(states(served, "AutoModel", text, **cut).mean(0).numpy())


async def idle(served: Served) -> None:
    """Waits until nothing is under way; fails after two seconds."""
    async with asyncio.timeout(2):
        while served.replica.growing.streams.in_flight or served.encoder.unfinished:
            await asyncio.sleep(0.01)


# Embeddings -------------------------------------------------------------------------


async def test_embeddings_are_those_of_transformers(embedder: Served) -> None:
    found = await embedder.client.embed(TEXTS)
    expected = np.stack([mean(embedder, text) for text in TEXTS])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert found.vectors.dtype == np.float32
    assert (found.model, found.version) == ("embedder", "1")
    assert found.tokens[2] == 3 and found.usage.prompt_tokens == sum(found.tokens)
    assert 0 < found.timing.device_ns < found.timing.total_ns


async def test_embeddings_as_the_model_made_them(embedder: Served) -> None:
    found = await embedder.client.embed(TEXTS[0], normalize=False)
    np.testing.assert_allclose(found.vectors[0], mean(embedder, TEXTS[0]), atol=1e-4)
    assert abs(np.linalg.norm(found.vectors[0]) - 1) > 1e-2


async def test_shorter_vectors(embedder: Served) -> None:
    whole = (await embedder.client.embed(TEXTS, normalize=False)).vectors
    short = (await embedder.client.embed(TEXTS, dimensions=16)).vectors
    expected = whole[:, :16] / np.linalg.norm(whole[:, :16], axis=1, keepdims=True)
    np.testing.assert_allclose(short, expected, atol=1e-5)
    assert (await embedder.client.embed(TEXTS, dimensions=64)).vectors.shape == (3, 64)
    with pytest.raises(seom.InvalidArgument) as caught:
        await embedder.client.embed(TEXTS, dimensions=17)
    problem = "is 17; this model's vectors have 16, 32, 64 numbers"
    assert dict(caught.value.fields) == {"dimensions": problem}


async def test_many_texts_are_the_same_as_one_by_one(embedder: Served) -> None:
    texts = [f"{text} {number * 'so '}" for number in range(20) for text in TEXTS]
    together = await embedder.client.embed(texts)
    alone = [(await embedder.client.embed(text)).vectors[0] for text in texts[:12]]
    np.testing.assert_allclose(together.vectors[:12], alone, atol=1e-5)
    assert len({row.tobytes() for row in together.vectors}) == len(texts), "each its own"
    again = await embedder.client.embed(texts[::-1])
    np.testing.assert_allclose(again.vectors[::-1], together.vectors, atol=1e-5)


async def test_the_nearest_lines_of_a_memory(embedder: Served) -> None:
    """The weights are random, so what is near is not what is alike: but it stays the same."""
    lines = ["할머니 생신은 5월이다.", "We went to the sea.", "The red boat is grandpa's."]
    memory = await embedder.client.embed(lines)
    asked = await embedder.client.embed("할머니 생신은 언제예요?")
    near = memory.vectors @ asked.vectors[0]
    order = np.argsort(-near)
    again = [mean(embedder, line) for line in (*lines, "할머니 생신은 언제예요?")]
    expected = [vector @ again[3] / np.linalg.norm(vector) for vector in again[:3]]
    assert order.tolist() == np.argsort(-np.array(expected)).tolist()
    assert (np.abs(near) <= 1 + 1e-6).all()
    same = await embedder.client.embed(lines[::-1])
    np.testing.assert_allclose(same.vectors[::-1] @ asked.vectors[0], near, atol=1e-5)


async def test_cutting_keeps_the_frame_of_special_tokens(embedder: Served) -> None:
    long = "Once upon a time " * 400
    found = await embedder.client.embed([TEXTS[2], long], truncate=9)
    assert (found.tokens, found.truncated) == ((3, 9), (False, True))
    expected = mean(embedder, long, truncation=True, max_length=9)
    np.testing.assert_allclose(found.vectors[1], expected / np.linalg.norm(expected), atol=1e-4)
    whole = await embedder.client.embed(long, truncate=True)
    assert (whole.tokens, whole.truncated) == ((CONTEXT,), (True,))
    for wrong in (2, CONTEXT + 1):
        with pytest.raises(seom.InvalidArgument) as caught:
            await embedder.client.embed("x", truncate=wrong)
        problem = f"is {wrong}; this model keeps 3 to 512 tokens of a text"
        assert dict(caught.value.fields) == {"truncate": problem}


async def test_what_is_too_long_is_refused(embedder: Served) -> None:
    long, longer = "x " * 600, "x " * 700
    with pytest.raises(seom.InvalidArgument) as caught:
        await embedder.client.embed(["x", long, longer])
    error = caught.value
    assert error.reason == "CONTEXT"
    assert error.metadata["limit"] == "512" and int(error.metadata["actual"]) > 1000
    assert [field.path for field in error.fields] == ["texts[1]", "texts[2]"]


@pytest.mark.parametrize(
    ("texts", "fields"),
    [
        ([], ["texts"]),
        (["x"] * 257, ["texts"]),
        (["x", "", "y" * 65537], ["texts[1]", "texts[2]"]),
        (["y" * 65536] * 17, ["texts"]),
    ],
)
async def test_texts_that_are_none(embedder: Served, texts: list[str], fields: list[str]) -> None:
    async with grpc.aio.insecure_channel(embedder.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EmbeddingServiceStub(channel).Embed(embedding_pb2.EmbedRequest(texts=texts))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert list(details_of(caught.value).fields) == fields


async def test_another_familys_call(embedder: Served, classifier: Served) -> None:
    with pytest.raises(seom.InvalidArgument) as caught:
        await embedder.client.classify("x")
    assert caught.value.reason == "WRONG_FAMILY"
    with pytest.raises(seom.InvalidArgument) as caught:
        await classifier.client.embed("x")
    assert caught.value.reason == "WRONG_FAMILY"
    with pytest.raises(seom.NotFound):
        await embedder.client.embed("x", model="classifier")


async def test_one_text_need_not_wait_for_hundreds(embedder: Served) -> None:
    many = asyncio.create_task(embedder.client.embed([LONG] * 256))
    async with asyncio.timeout(10):
        while not embedder.encoder.unfinished:
            await asyncio.sleep(0.005)
    await embedder.client.embed("short")
    assert embedder.encoder.unfinished > 128, "most of them come after it"
    assert (await many).vectors.shape == (256, 64)


async def test_what_nobody_waits_for_is_not_computed(embedder: Served) -> None:
    async with asyncio.timeout(20):
        many = asyncio.create_task(embedder.client.embed([LONG] * 256))
        while not embedder.encoder.unfinished:
            await asyncio.sleep(0.005)
        many.cancel()
        await asyncio.wait([many])
    await idle(embedder)
    with pytest.raises(seom.DeadlineExceeded):
        await embedder.client.embed([LONG] * 256, timeout=0.2)
    await idle(embedder)
    assert len(await embedder.client.embed("x")) == 1


async def test_a_full_house_refuses(embedder: Served) -> None:
    """Eight texts are computed together and four answers may wait: the third call is too many."""
    calls = [embedder.client.embed([LONG] * 64) for _ in range(3)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in found if isinstance(each, seom.Overloaded)]
    assert refused and all(each.retry_after > 0 for each in refused)
    assert any(isinstance(each, seom.Embeddings) for each in found)
    assert len(refused) + sum(isinstance(each, seom.Embeddings) for each in found) == 3


async def test_embeddings_as_tensors(embedder: Served) -> None:
    texts = np.array([text.encode() for text in TEXTS], object)
    typed = await embedder.client.embed(TEXTS)
    result = await embedder.client.infer("embedder", {"text": texts})
    np.testing.assert_array_equal(result["embedding"], typed.vectors)
    inputs = {
        "text": texts,
        "normalize": np.array([False]),
        "dimensions": np.array([16], np.int32),
        "truncate": np.array([3], np.int32),
    }
    result = await embedder.client.infer("embedder", inputs)
    typed = await embedder.client.embed(TEXTS, normalize=False, dimensions=16, truncate=3)
    np.testing.assert_array_equal(result["embedding"], typed.vectors)
    assert result["embedding"].shape == (3, 16)
    with pytest.raises(seom.InvalidArgument, match=r"texts\[0\]: is empty"):
        await embedder.client.infer("embedder", {"text": np.array([b""], object)})


# Labels -----------------------------------------------------------------------------


async def test_scores_are_those_of_transformers(classifier: Served) -> None:
    found = await classifier.client.classify(TEXTS)
    for text, labels in zip(TEXTS, found, strict=True):
        logits = states(classifier, "AutoModelForSequenceClassification", text)
        expected = dict(zip(LABELS, logits.softmax(-1).tolist(), strict=True))
        assert labels.scores == pytest.approx(expected, abs=1e-4)
        scores = [each.score for each in labels]
        assert scores == sorted(scores, reverse=True) and sum(scores) == pytest.approx(1)
        assert [LABELS[each.class_id] for each in labels] == [each.label for each in labels]
    assert found[0].score - found[1].score > 1e-3, "or the test could not tell them apart"
    assert found.usage.prompt_tokens == sum(text.tokens for text in found)


async def test_the_best_labels_only(classifier: Served) -> None:
    every = await classifier.client.classify(TEXTS)
    best = await classifier.client.classify(TEXTS, top_k=1)
    assert [[each.label for each in text] for text in best] == [[text.label] for text in every]
    assert [text.score for text in best] == pytest.approx([text.score for text in every])
    more = await classifier.client.classify(TEXTS[0], top_k=99)
    assert len(more[0]) == len(LABELS)


async def test_many_texts_have_their_own_labels(classifier: Served) -> None:
    texts = [f"{number * 'so '}{text}" for number in range(15) for text in TEXTS]
    together = await classifier.client.classify(texts)
    for text, labels in list(zip(texts, together, strict=True))[:9]:
        (alone,) = await classifier.client.classify(text)
        assert alone.scores == pytest.approx(labels.scores, abs=1e-5)


async def test_long_texts_are_refused_or_cut(classifier: Served) -> None:
    long = "x " * 600
    with pytest.raises(seom.InvalidArgument) as caught:
        await classifier.client.classify([long])
    assert (caught.value.reason, caught.value.metadata["limit"]) == ("CONTEXT", "512")
    (found,) = await classifier.client.classify([long], truncate=20)
    logits = states(
        classifier, "AutoModelForSequenceClassification", long, truncation=True, max_length=20
    )
    expected = dict(zip(LABELS, logits.softmax(-1).tolist(), strict=True))
    assert found.scores == pytest.approx(expected, abs=1e-4)
    assert (found.tokens, found.truncated) == (20, True)


async def test_texts_to_classify_that_are_none(classifier: Served) -> None:
    request = classification_pb2.ClassifyRequest(texts=["x", ""])
    async with grpc.aio.insecure_channel(classifier.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ClassificationServiceStub(channel).Classify(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert details_of(caught.value).fields == {"texts[1]": "is empty"}


async def test_labels_as_tensors(classifier: Served) -> None:
    texts = np.array([text.encode() for text in TEXTS], object)
    inputs = {"text": texts, "top_k": np.array([2], np.int32)}
    result = await classifier.client.infer("classifier", inputs)
    typed = await classifier.client.classify(TEXTS, top_k=2)
    names = [[each.label.encode() for each in text] for text in typed]
    assert result["label"].tolist() == names
    scores = [[each.score for each in text] for text in typed]
    np.testing.assert_allclose(result["score"], scores, rtol=1e-6)


async def test_both_are_well(embedder: Served, classifier: Served) -> None:
    for served in (embedder, classifier):
        await idle(served)
        await served.replica.check()
