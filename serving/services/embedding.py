"""seom.v1.EmbeddingService: protobuf to and from the embedding family's dataclasses."""

from __future__ import annotations

from seom.pb.v1 import embedding_pb2 as pb
from serving.models.embedding.types import Embedded, Query
from serving.services.fields import Fields
from serving.services.texts import tell_reading, texts, truncation
from serving.timing import Timeline


def parse_embed(request: pb.EmbedRequest) -> Query:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(request)
    given = texts(request, fields)
    fields.check()
    return Query(
        given,
        truncation(request),
        normalise=request.normalize if request.HasField("normalize") else True,
        dimensions=request.dimensions,
    )


class Embeddings:
    """The one result of an Embed."""

    def __init__(self, timeline: Timeline) -> None:
        self._response = pb.EmbedResponse()

    def add(self, embedded: Embedded) -> None:
        entries, vectors = self._response.embeddings, embedded.vectors
        # Floats lie on the wire as in an array, behind one head that all of them share:
        # handed over one by one they take 30 times as long.
        head = pb.Embedding(values=vectors[0].tolist()).SerializeToString()[: -vectors[0].nbytes]
        for vector in vectors.astype("<f4", copy=False):
            entries.add().MergeFromString(head + vector.tobytes())
        tell_reading(self._response, entries, embedded.read)

    def response(self) -> pb.EmbedResponse:
        """Without the model's name and the timing."""
        return self._response
