"""Texts: what is asked, what comes back, what takes several calls, and what never leaves."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from seom import (
    AsyncClient,
    Classifications,
    Client,
    Embeddings,
    InvalidArgument,
    Label,
    Labels,
    NotFound,
    Unavailable,
    Usage,
)

from .server import Server
from .text_server import CONTEXT

LONG = "word " * CONTEXT


def test_embed(client: Client, server: Server) -> None:
    found = client.embed(["sea", "a gas"], model="m", dimensions=3, truncate=8)
    request = server.last.request
    assert (server.last.method, server.last.metadata["application"]) == ("Embed", "m")
    assert (list(request.texts), request.dimensions, request.truncate) == (["sea", "a gas"], 3, 8)
    assert request.normalize

    assert isinstance(found, Embeddings)
    assert (found.vectors.dtype, found.vectors.shape) == (np.float32, (2, 3))
    np.testing.assert_allclose(found.vectors[0], np.array([1, 1, 0]) / np.sqrt(3), rtol=1e-6)
    assert found.vectors.flags.writeable
    assert (len(found), found.tokens, found.truncated) == (2, (3, 4), (False, False))
    assert (found.usage, found.model, found.version) == (Usage(prompt_tokens=7), "m", "1")
    assert found.timing.device_ms == 2.0
    assert "vectors" not in repr(found)


def test_what_is_not_said_is_not_sent(client: Client, server: Server) -> None:
    client.embed("sea")
    request = server.last.request
    assert {field.name for field, _ in request.ListFields()} == {"texts", "normalize"}
    assert not request.HasField("truncate")
    client.classify("sea")
    assert {field.name for field, _ in server.last.request.ListFields()} == {"texts"}


def test_one_text_is_one_row(client: Client) -> None:
    found = client.embed("sea", normalize=False)
    assert found.vectors.tolist() == [[1, 1, 0, 1]]
    assert client.embed(text for text in ("sea", "gas")).vectors.shape == (2, 4)


def test_cutting(client: Client, server: Server) -> None:
    found = client.embed(["sea", LONG], truncate=True)
    assert (server.last.request.HasField("truncate"), server.last.request.truncate) == (True, 0)
    assert (found.tokens, found.truncated) == ((3, CONTEXT), (False, True))
    labels = client.classify(["sea", LONG], truncate=5)
    assert [(each.tokens, each.truncated) for each in labels] == [(3, False), (5, True)]


def test_what_is_too_long_is_named(client: Client) -> None:
    for ask in (client.embed, client.classify):
        with pytest.raises(InvalidArgument) as caught:
            ask(["sea", LONG])
        assert caught.value.reason == "CONTEXT"
        assert caught.value.metadata == {"limit": "64", "actual": "66"}
        assert [field.path for field in caught.value.fields] == ["texts[1]"]


def test_classify(client: Client, server: Server) -> None:
    found = client.classify(["What a day!", "Oh no."], model="m", top_k=2)
    assert (server.last.method, server.last.request.top_k) == ("Classify", 2)
    assert isinstance(found, Classifications)
    assert (len(found), found.model, found.version) == (2, "m", "1")
    assert found.usage == Usage(prompt_tokens=9)
    assert found.timing.device_ms == 2.0
    first, second = found
    assert isinstance(first, Labels)
    assert (first.label, first.score) == ("happy", 0.75)
    assert list(first) == [Label("happy", 1, 0.75), Label("calm", 0, 0.125)]
    assert first[0] == first.labels[0] and first[1:] == first.labels[1:] and len(first) == 2
    assert second.scores == {"sad": 0.75, "calm": 0.125}
    assert found[-1] is second and found[:1] == (first,)
    assert (first.tokens, first.truncated) == (5, False)


def test_many_texts_take_several_calls(client: Client, server: Server) -> None:
    texts = ["e" * (1 + index % 7) for index in range(600)]
    found = client.embed(texts, normalize=False)
    assert [len(seen.request.texts) for seen in server.seen] == [256, 256, 88]
    assert found.vectors[:, 1].tolist() == [len(text) for text in texts]
    assert (len(found.tokens), found.usage.prompt_tokens) == (600, 1800)
    server.seen.clear()
    labels = client.classify([f"{text}!" if len(text) == 3 else text for text in texts])
    assert len(server.seen) == 3
    assert [each.label == "happy" for each in labels] == [len(text) == 3 for text in texts]
    assert labels.usage.prompt_tokens == 1800


def test_long_texts_take_several_calls_as_well(client: Client, server: Server) -> None:
    texts = ["e" * 500_000, "e" * 500_000, "e" * 50_000, "e", "e" * 1_200_000, "e"]
    found = client.embed(texts, normalize=False)
    assert [len(seen.request.texts) for seen in server.seen] == [2, 2, 1, 1]
    assert found.vectors[:, 1].tolist() == [len(text) for text in texts]


async def test_errors_count_texts_over_all_calls(client: Client, aclient: AsyncClient) -> None:
    texts = ["sea"] * 300 + [LONG]
    with pytest.raises(InvalidArgument) as caught:
        client.embed(texts)
    assert [field.path for field in caught.value.fields] == ["texts[300]"]
    assert str(caught.value).startswith("texts[300]: has 66 tokens")
    assert (caught.value.reason, caught.value.request_id) == ("CONTEXT", "theirs")
    with pytest.raises(InvalidArgument, match=r"texts\[300\]"):
        await aclient.classify(texts)


def generator() -> Iterator[Any]:
    yield "sea"
    yield b"gas"


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        (b"sea", TypeError, "texts: give a text or several, not bytes"),
        (5, TypeError, "texts: give a text or several, not int"),
        ([], ValueError, "texts: give at least one"),
        (["sea", None], TypeError, r"texts\[1\]: give a str, not NoneType"),
        (generator(), TypeError, r"texts\[1\]: give a str, not bytes"),
        (["sea", "\ud83d"], ValueError, r"texts\[1\]: has half a character"),
    ],
)
def test_texts_that_are_none(
    texts: Any, error: type[Exception], words: str, client: Client, server: Server
) -> None:
    with pytest.raises(error, match=words):
        client.embed(texts)
    assert not server.seen


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"truncate": 0}, ValueError, "truncate: 0 is no number of tokens"),
        ({"truncate": -1}, ValueError, "truncate"),
        ({"truncate": "yes"}, TypeError, "truncate: give a bool or tokens, not str"),
        ({"dimensions": -1}, ValueError, "dimensions: -1 is out of range"),
        ({"timeout": 0}, ValueError, "timeout"),
    ],
)
async def test_settings_that_are_none(
    settings: Any, error: type[Exception], words: str, client: Client, aclient: AsyncClient,
    server: Server,
) -> None:  # fmt: skip
    with pytest.raises(error, match=words):
        client.embed("sea", **settings)
    with pytest.raises(error, match=words):
        await aclient.embed("sea", **settings)
    assert not server.seen


def test_a_top_that_is_none(client: Client) -> None:
    with pytest.raises(ValueError, match="top_k"):
        client.classify("sea", top_k=-1)


async def test_answers_are_the_same_awaited(client: Client, aclient: AsyncClient) -> None:
    texts = ["sea", "What a gas!"]
    here, there = client.embed(texts), await aclient.embed(texts)
    np.testing.assert_array_equal(here.vectors, there.vectors)
    assert (here.tokens, here.usage) == (there.tokens, there.usage)
    assert list(client.classify(texts)) == list(await aclient.classify(texts))
    many = await aclient.embed(["e"] * 300)
    assert many.vectors.shape == (300, 4)


def test_errors_are_as_elsewhere(client: Client, server: Server) -> None:
    with pytest.raises(NotFound, match="missing"):
        client.embed("sea", model="missing")
    with pytest.raises(InvalidArgument):
        client.classify("sea", model="INVALID_ARGUMENT")
    server.unavailable = 1
    assert client.embed("sea").tokens == (3,), "sent again: it does no harm"
    server.unavailable = 9
    with pytest.raises(Unavailable):
        client.embed("sea")


def test_results_pickle(client: Client) -> None:
    found, labels = client.embed("sea"), client.classify("sea")
    again = pickle.loads(pickle.dumps(found))  # noqa: S301
    assert again == found
    np.testing.assert_array_equal(again.vectors, found.vectors)
    assert pickle.loads(pickle.dumps(labels)) == labels  # noqa: S301
