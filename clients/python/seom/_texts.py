"""What models that read texts can be asked, waiting and awaited.

What a request or an answer looks like is the business of `texts`.
"""

from __future__ import annotations

from collections.abc import Iterable

from seom import texts as _texts
from seom._calls import AsyncCalls, Calls
from seom.call import Metadata
from seom.texts import Classifications, Embeddings, Truncate


class TextMethods(Calls):
    """The methods for embeddings and labels of texts."""

    def embed(
        self,
        texts: str | Iterable[str],
        *,
        model: str = "",
        normalize: bool = True,
        truncate: Truncate = False,
        dimensions: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Embeddings:
        """Turns texts into vectors that lie close together where the texts mean alike.

        >>> import numpy as np
        >>> lines = ["We went to the sea.", "Grandma turned 80.", "The cat is ill."]
        >>> with Client() as seom:
        ...     memory = seom.embed(lines)
        ...     asked = seom.embed("How old is grandma?")
        >>> memory.vectors.shape, memory.usage.prompt_tokens
        ((3, 4), 18)
        >>> nearest = np.argmax(memory.vectors @ asked.vectors[0])
        >>> lines[nearest]
        'Grandma turned 80.'

        Args:
            texts: one or several. More than 256 are sent in several calls, one after the
                other, and come back as one result.
            model: an embedding model, or `name@version`; by default the server's own.
                Some want to be told what a text is for, by a word before it such as
                "query: ": their model cards say.
            normalize: brings vectors to length 1, so that `a @ b` is a cosine.
            truncate: cuts what is longer than the model takes, or than so many tokens;
                False has it refused.
            dimensions: only so many numbers of each vector, from models that can; 0 is all.
            timeout: seconds for each call.
            metadata: headers to send along, such as `{"traceparent": …}`.

        Raises:
            TypeError, ValueError: before any call, for texts or settings that are none.
            InvalidArgument: a text is empty or too long, or the model cannot do that.
        """
        parts = _texts.embed(
            texts, model=model, normalize=normalize, truncate=truncate, dimensions=dimensions
        )
        found = []
        for part in parts:
            with part.counted():
                found.append(self._unary(part.call, timeout, metadata))
        return _texts.joined_embeddings(found)

    def classify(
        self,
        texts: str | Iterable[str],
        *,
        model: str = "",
        top_k: int = 0,
        truncate: Truncate = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Classifications:
        """Tells which of a model's labels each text deserves, best first.

        >>> with Client() as seom:
        ...     found = seom.classify(["What a day!", "Oh no."])
        >>> [(each.label, each.score) for each in found]
        [('happy', 0.75), ('sad', 0.75)]
        >>> found[0].scores
        {'happy': 0.75, 'calm': 0.125, 'sad': 0.125}

        Args:
            texts: one or several; one text's labels are `found[0]`. More than 256 are sent
                in several calls, one after the other, and come back as one result.
            model: a classification model, or `name@version`; by default the server's own.
            top_k: only so many labels of each text, the best ones; 0 is all.

        The others, and what is raised, as for `embed`.
        """
        found = []
        for part in _texts.classify(texts, model=model, top_k=top_k, truncate=truncate):
            with part.counted():
                found.append(self._unary(part.call, timeout, metadata))
        return _texts.joined_classifications(found)


class AsyncTextMethods(AsyncCalls):
    """`TextMethods`, awaited: the same arguments, results and errors."""

    async def embed(
        self,
        texts: str | Iterable[str],
        *,
        model: str = "",
        normalize: bool = True,
        truncate: Truncate = False,
        dimensions: int = 0,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Embeddings:
        """Turns texts into vectors; see `Client.embed`."""
        parts = _texts.embed(
            texts, model=model, normalize=normalize, truncate=truncate, dimensions=dimensions
        )
        found = []
        for part in parts:
            with part.counted():
                found.append(await self._unary(part.call, timeout, metadata))
        return _texts.joined_embeddings(found)

    async def classify(
        self,
        texts: str | Iterable[str],
        *,
        model: str = "",
        top_k: int = 0,
        truncate: Truncate = False,
        timeout: float | None = None,
        metadata: Metadata | None = None,
    ) -> Classifications:
        """Tells which of a model's labels each text deserves; see `Client.classify`."""
        found = []
        for part in _texts.classify(texts, model=model, top_k=top_k, truncate=truncate):
            with part.counted():
                found.append(await self._unary(part.call, timeout, metadata))
        return _texts.joined_classifications(found)
