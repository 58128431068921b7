"""Texts read by a model: what they mean, as vectors, and what they are, as labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from seom import _wire, methods
from seom.call import Answer
from seom.parts import Part, parts
from seom.pb.v1 import classification_pb2, embedding_pb2
from seom.replies import Usage
from seom.timing import Timing

_VALUES = embedding_pb2.Embedding.VALUES_FIELD_NUMBER

# Whether to cut what is too long, and to how many tokens if not as many as the model takes.
Truncate: TypeAlias = bool | int


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Texts as vectors, which lie close together where the texts mean alike.

    vectors: (n, d) float32, a row for each text in their order. Of length 1 unless asked
        otherwise, so that `a @ b` is the cosine of two texts
    tokens: how many each text has, those included that the model adds
    truncated: for each text, whether it was cut to these
    timing: of the call; of the last one, if it took several
    """

    vectors: NDArray[np.float32] = field(compare=False, repr=False)
    tokens: tuple[int, ...]
    truncated: tuple[bool, ...]
    usage: Usage
    model: str
    version: str
    timing: Timing

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Label:
    """A label of one text; `score` is 0 to 1, `class_id` its number in the model."""

    label: str
    class_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Labels(Sequence[Label]):
    """The labels of one text, best first; `label` and `score` are the best one's.

    Scores of all labels sum to one, unless several of the model's can be true of one text:
    then each is a probability of its own.
    """

    labels: tuple[Label, ...]
    tokens: int
    truncated: bool

    @property
    def label(self) -> str:
        return self.labels[0].label

    @property
    def score(self) -> float:
        return self.labels[0].score

    @property
    def scores(self) -> dict[str, float]:
        """Each label's score by its name, best first."""
        return {each.label: each.score for each in self.labels}

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, index: int) -> Label: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Label]: ...
    def __getitem__(self, index: int | slice) -> Label | Sequence[Label]:
        return self.labels[index]


@dataclass(frozen=True, slots=True)
class Classifications(Sequence[Labels]):
    """The labels of each text, in the order of the texts.

    timing: of the call; of the last one, if it took several
    """

    texts: tuple[Labels, ...]
    usage: Usage
    model: str
    version: str
    timing: Timing

    def __iter__(self) -> Iterator[Labels]:
        return iter(self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Labels]: ...
    def __getitem__(self, index: int | slice) -> Labels | Sequence[Labels]:
        return self.texts[index]


def embed(
    texts: str | Iterable[str],
    *,
    model: str,
    normalize: bool,
    truncate: Truncate,
    dimensions: int,
) -> list[Part[Embeddings]]:
    """The calls behind `Client.embed`."""
    _check_count("dimensions", dimensions)
    cut = _tokens(truncate)

    def request(some: Sequence[str]) -> embedding_pb2.EmbedRequest:
        return embedding_pb2.EmbedRequest(
            model_name=model,
            texts=some,
            normalize=normalize,
            truncate=cut,
            dimensions=dimensions,
        )

    return parts(texts, request, methods.EMBED, _embedded, model)


def classify(
    texts: str | Iterable[str], *, model: str, top_k: int, truncate: Truncate
) -> list[Part[Classifications]]:
    """The calls behind `Client.classify`."""
    _check_count("top_k", top_k)
    cut = _tokens(truncate)

    def request(some: Sequence[str]) -> classification_pb2.ClassifyRequest:
        return classification_pb2.ClassifyRequest(
            model_name=model, texts=some, top_k=top_k, truncate=cut
        )

    return parts(texts, request, methods.CLASSIFY, _classified, model)


def joined_embeddings(found: Sequence[Embeddings]) -> Embeddings:
    """One result of those of all calls."""
    if len(found) == 1:
        return found[0]
    return replace(
        found[-1],
        vectors=np.concatenate([each.vectors for each in found]),
        tokens=tuple(n for each in found for n in each.tokens),
        truncated=tuple(was for each in found for was in each.truncated),
        usage=sum((each.usage for each in found), Usage()),
    )


def joined_classifications(found: Sequence[Classifications]) -> Classifications:
    """One result of those of all calls."""
    if len(found) == 1:
        return found[0]
    return replace(
        found[-1],
        texts=tuple(text for each in found for text in each),
        usage=sum((each.usage for each in found), Usage()),
    )


# Requests ---------------------------------------------------------------------------


def _tokens(truncate: Truncate) -> int | None:
    if isinstance(truncate, bool):
        return 0 if truncate else None
    if not isinstance(truncate, int):
        raise TypeError(f"truncate: give a bool or tokens, not {type(truncate).__name__}")
    if not 0 < truncate < 2**32:
        raise ValueError(f"truncate: {truncate} is no number of tokens; True is all there may be")
    return truncate


def _check_count(name: str, value: int) -> None:
    if not 0 <= value < 2**32:
        raise ValueError(f"{name}: {value} is out of range; 0 is all")


# Answers ----------------------------------------------------------------------------


def _embedded(response: embedding_pb2.EmbedResponse, answer: Answer) -> Embeddings:
    entries = response.embeddings
    return Embeddings(
        np.stack([_vector(each) for each in entries]),
        tuple(each.tokens for each in entries),
        tuple(each.truncated for each in entries),
        Usage(response.usage.prompt_tokens),
        response.model_name,
        response.model_version,
        answer.timing_of(response),
    )


def _vector(entry: embedding_pb2.Embedding) -> NDArray[np.float32]:
    """Floats lie on the wire as in an array: read one by one they take 20 times as long."""
    values = dict(_wire.fields(entry.SerializeToString()))[_VALUES]
    assert isinstance(values, bytes)
    return np.frombuffer(values, "<f4")


def _classified(response: classification_pb2.ClassifyResponse, answer: Answer) -> Classifications:
    texts = tuple(
        Labels(
            tuple(Label(each.label, each.class_id, each.score) for each in entry.labels),
            entry.tokens,
            entry.truncated,
        )
        for entry in response.classifications
    )
    return Classifications(
        texts,
        Usage(response.usage.prompt_tokens),
        response.model_name,
        response.model_version,
        answer.timing_of(response),
    )
