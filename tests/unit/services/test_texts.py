"""Embed's and Classify's messages: every field arrives, every wrong one is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seom.pb.v1 import classification_pb2, embedding_pb2
from serving.errors import InvalidArgument
from serving.models import embedding
from serving.models.base import Device
from serving.models.classification.types import Classified
from serving.models.classification.types import Query as ClassifyQuery
from serving.models.embedding.types import Embedded
from serving.models.embedding.types import Query as EmbedQuery
from serving.models.texts import (
    LONGEST_TEXT,
    MOST_CHARACTERS,
    MOST_TEXTS,
    Read,
    number_of,
    texts_of,
)
from serving.services.catalog import DEFAULT_FAMILIES, RPCS
from serving.services.classification import Classifications, parse_classify
from serving.services.embedding import Embeddings, parse_embed
from serving.services.typed import GROWN
from serving.timing import Timeline

EMBED = embedding_pb2.EmbedRequest
CLASSIFY = classification_pb2.ClassifyRequest
PARSERS = [(parse_embed, EMBED), (parse_classify, CLASSIFY)]
READ = Read((4, 9), (False, True))


def refused(parse: Callable[[Any], Any], request: Any) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as raised:
        parse(request)
    return dict(raised.value.fields)


def test_embed_reads_every_field() -> None:
    request = EMBED(texts=["a", "b"], normalize=False, truncate=9, dimensions=16)
    assert parse_embed(request) == EmbedQuery(("a", "b"), 9, normalise=False, dimensions=16)


def test_classify_reads_every_field() -> None:
    request = CLASSIFY(texts=["a", "b"], top_k=2, truncate=9)
    assert parse_classify(request) == ClassifyQuery(("a", "b"), 9, top_k=2)


def test_what_is_not_said() -> None:
    assert parse_embed(EMBED(texts=["a"])) == EmbedQuery(("a",), None, True, 0)
    assert parse_classify(CLASSIFY(texts=["a"])) == ClassifyQuery(("a",), None, 0)


@pytest.mark.parametrize(("parse", "kind"), PARSERS)
def test_cutting_to_what_the_model_takes_is_something_said(parse: Any, kind: Any) -> None:
    assert parse(kind(texts=["a"], truncate=0)).truncate == 0


@pytest.mark.parametrize(("parse", "kind"), PARSERS)
def test_texts_have_bounds(parse: Any, kind: Any) -> None:
    assert refused(parse, kind()) == {"texts": f"has 0 texts; send 1 to {MOST_TEXTS}"}
    many = kind(texts=["a"] * (MOST_TEXTS + 1))
    assert refused(parse, many) == {"texts": f"has 257 texts; send 1 to {MOST_TEXTS}"}
    wrong = kind(texts=["a", "", "b", "c" * (LONGEST_TEXT + 1), ""])
    assert refused(parse, wrong) == {
        "texts[1]": "is empty",
        "texts[3]": "has 65537 characters; at most 65536 are allowed",
        "texts[4]": "is empty",
    }
    large = kind(texts=["c" * LONGEST_TEXT] * (MOST_CHARACTERS // LONGEST_TEXT) + ["d"])
    assert refused(parse, large) == {
        "texts": "have 1048577 characters together; at most 1048576 are allowed"
    }
    assert len(parse(kind(texts=large.texts[:-1])).texts) == 16


def test_embeddings_are_told() -> None:
    gathered = Embeddings(Timeline())
    vectors = np.array([[0.25, -1.5, 3], [1e-30, 0, -np.inf]], np.float32)
    gathered.add(Embedded(vectors, READ))
    response = gathered.response()
    assert [list(each.values) for each in response.embeddings] == vectors.tolist()
    assert [each.tokens for each in response.embeddings] == [4, 9]
    assert [each.truncated for each in response.embeddings] == [False, True]
    assert response.usage.prompt_tokens == 13
    # As any protobuf would have written it.
    plain = embedding_pb2.Embedding(values=vectors[0].tolist(), tokens=4)
    assert response.embeddings[0].SerializeToString() == plain.SerializeToString()


def test_labels_are_told() -> None:
    gathered = Classifications(Timeline())
    classes, scores = np.array([[2, 0], [1, 2]]), np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    gathered.add(Classified(("calm", "happy", "sad"), classes, scores, READ))
    response = gathered.response()
    told = [
        [(each.label, each.class_id, each.score) for each in entry.labels]
        for entry in response.classifications
    ]
    assert told == [[("sad", 2, 0.75), ("calm", 0, 0.25)], [("happy", 1, 0.5), ("sad", 2, 0.5)]]
    assert [each.tokens for each in response.classifications] == [4, 9]
    assert response.classifications[1].truncated
    assert response.usage.prompt_tokens == 13


@pytest.mark.parametrize("name", ["Embed", "Classify"])
def test_the_services_are_known(name: str) -> None:
    assert DEFAULT_FAMILIES[RPCS[name].service] == GROWN[name].family


def test_texts_come_as_tensors_too() -> None:
    korean = "안녕".encode()
    assert texts_of({"text": np.array([korean, b"b"], object)}) == ("안녕", "b")
    assert refused(texts_of, {"text": np.array([b"a", b"\xff", b""], object)}) == {
        "texts[1]": "must be UTF-8 text"
    }
    assert refused(texts_of, {"text": np.array([b"a", b""], object)}) == {"texts[1]": "is empty"}
    assert "texts" in refused(texts_of, {"text": np.array([], object)})


def test_numbers_come_as_tensors_too() -> None:
    assert number_of({}, "top_k") is None
    assert number_of({"top_k": np.array([3], np.int32)}, "top_k") == 3
    with pytest.raises(InvalidArgument, match="top_k: must be 0 or more, not -1"):
        number_of({"top_k": np.array([-1], np.int32)}, "top_k")


def test_vectors_are_cut_before_their_length_is_made_one() -> None:
    model = embedding.Model(None, Device())  # type: ignore[arg-type]
    vectors = np.array([[3, 4, 12], [0, 0, 5]], np.float32)
    cut = model.conclude(EmbedQuery(("a", "b"), dimensions=2), vectors, READ).vectors
    # A vector of nothing stays nothing: no NaN.
    np.testing.assert_allclose(cut, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert cut.dtype == np.float32
    plain = model.conclude(EmbedQuery(("a", "b"), normalise=False), vectors, READ).vectors
    np.testing.assert_array_equal(plain, vectors)
