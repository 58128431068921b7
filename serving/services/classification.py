"""seom.v1.ClassificationService: protobuf to and from the classification family's dataclasses."""

from __future__ import annotations

from seom.pb.v1 import classification_pb2 as pb
from serving.models.classification.types import Classified, Query
from serving.services.fields import Fields
from serving.services.texts import tell_reading, texts, truncation
from serving.timing import Timeline


def parse_classify(request: pb.ClassifyRequest) -> Query:
    """Raises InvalidArgument naming every field that is wrong."""
    fields = Fields(request)
    given = texts(request, fields)
    fields.check()
    return Query(given, truncation(request), top_k=request.top_k)


class Classifications:
    """The one result of a Classify."""

    def __init__(self, timeline: Timeline) -> None:
        self._response = pb.ClassifyResponse()

    def add(self, classified: Classified) -> None:
        entries, labels = self._response.classifications, classified.labels
        rows = zip(classified.classes.tolist(), classified.scores.tolist(), strict=True)
        for classes, scores in rows:
            entry = entries.add()
            for each, score in zip(classes, scores, strict=True):
                entry.labels.add(label=labels[each], class_id=each, score=score)
        tell_reading(self._response, entries, classified.read)

    def response(self) -> pb.ClassifyResponse:
        """Without the model's name and the timing."""
        return self._response
