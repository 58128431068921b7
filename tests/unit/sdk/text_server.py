"""Models of texts that count instead of reading, behind the real services.

An embedding has the letters of the text that are `a`, `e`, `g` and `s`; a text is happy with
an exclamation mark and sad without. Words are tokens, and the model adds one at each end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from google.rpc import error_details_pb2 as rpc

from seom.pb.v1 import (
    classification_pb2,
    classification_pb2_grpc,
    embedding_pb2,
    embedding_pb2_grpc,
)

if TYPE_CHECKING:
    from .server import Server

LABELS = ("calm", "happy", "sad")
CONTEXT = 64


class Embedding(embedding_pb2_grpc.EmbeddingServiceServicer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def Embed(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "Embed", request.model_name)
        response = embedding_pb2.EmbedResponse(
            model_name=request.model_name or "minilm", model_version="1", timing=self.server.timing
        )
        for entry, text in read(self.server, context, request, response.embeddings):
            vector = np.array([text.lower().count(letter) for letter in "aegs"], np.float32)
            if not request.HasField("normalize") or request.normalize:
                vector /= np.linalg.norm(vector) or 1
            entry.values.extend(vector[: request.dimensions or None].tolist())
        response.usage.prompt_tokens = sum(entry.tokens for entry in response.embeddings)
        return response


class Classification(classification_pb2_grpc.ClassificationServiceServicer):
    def __init__(self, server: Server) -> None:
        self.server = server

    def Classify(self, request: Any, context: Any) -> Any:
        self.server.arrive(context, request, "Classify", request.model_name)
        response = classification_pb2.ClassifyResponse(
            model_name=request.model_name or "mood", model_version="1", timing=self.server.timing
        )
        for entry, text in read(self.server, context, request, response.classifications):
            best = "happy" if "!" in text else "sad"
            for label in sorted(LABELS, key=lambda each: each != best)[: request.top_k or None]:
                number, score = LABELS.index(label), 0.75 if label == best else 0.125
                entry.labels.add(label=label, class_id=number, score=score)
        response.usage.prompt_tokens = sum(entry.tokens for entry in response.classifications)
        return response


def read(server: Server, context: Any, request: Any, entries: Any) -> Any:
    """An entry for each text, with its tokens; the first one that is too long ends the call."""
    cut = (request.truncate or CONTEXT) if request.HasField("truncate") else None
    for index, text in enumerate(request.texts):
        tokens = len(text.split()) + 2
        if cut is None and tokens > CONTEXT:
            field, problem = f"texts[{index}]", f"has {tokens} tokens; the model takes {CONTEXT}"
            violation = rpc.BadRequest.FieldViolation(field=field, description=problem)
            limits = {"limit": str(CONTEXT), "actual": str(tokens)}
            details = [
                rpc.ErrorInfo(reason="CONTEXT", domain="seom.dev", metadata=limits),
                rpc.BadRequest(field_violations=[violation]),
            ]
            server.refuse(context, f"{field}: {problem}", details)
        kept = min(tokens, cut or tokens)
        entry = entries.add(tokens=kept, truncated=kept < tokens)
        yield entry, text
