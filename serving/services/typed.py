"""The typed RPCs, by name: what each asks of a model, and how its answer is told.

A service adds its rows here; the replica needs nothing else to serve it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from serving.errors import InvalidArgument
from serving.services.chat import in_its_words, parse_chat, parse_complete, parse_score
from serving.services.chat_answers import Deltas, Score, Whole
from serving.services.classification import Classifications, parse_classify
from serving.services.detection import build_detect, parse_detect
from serving.services.embedding import Embeddings, parse_embed
from serving.services.face import (
    build_detect_faces,
    build_embed_faces,
    build_verify_faces,
    parse_detect_faces,
    parse_embed_faces,
    parse_verify_faces,
)
from serving.services.gallery import (
    parse_add_photographs,
    parse_delete_gallery,
    parse_delete_person,
    parse_delete_photograph,
    parse_enroll,
    parse_export_gallery,
    parse_get_person,
    parse_identify,
    parse_list_galleries,
    parse_list_persons,
    parse_rename_person,
    parse_verify_person,
)
from serving.services.synthesis import (
    build_animate,
    build_synthesize,
    parse_animate,
    parse_synthesize,
)
from serving.services.texts import as_it_is
from serving.timing import Timeline


@dataclass(frozen=True)
class Typed:
    """One RPC that runs one item through one model: its family, and both translations.

    parse: request message → the family's item, raising InvalidArgument
    build: the family's result → response message, without name, version and timing
    """

    family: str
    parse: Callable[[Any], Any]
    build: Callable[[Any], Any]


# An error of the model's in the words of the request it came from.
Explain = Callable[[InvalidArgument, Any], InvalidArgument]


@dataclass(frozen=True)
class Grown:
    """One RPC whose answer grows and is told at its end.

    gather: makes what takes the family's results (`add`) and has the `response`
    """

    family: str
    parse: Callable[[Any], Any]
    gather: Callable[[Timeline], Any]
    explain: Explain


@dataclass(frozen=True)
class Streamed:
    """One RPC whose answer is told as it grows.

    pieces: makes what turns each result into a message (`of`), and says by `ended` whether
        that was the last
    """

    family: str
    parse: Callable[[Any], Any]
    pieces: Callable[[Timeline], Any]
    explain: Explain


@dataclass(frozen=True)
class Shown:
    """One RPC whose answer is pictures, one a message.

    parse: request message, and how many pictures it may ask for → what is to be drawn
    build: one picture → response message, without name, version and timing
    """

    family: str
    parse: Callable[[Any, int], Any]
    build: Callable[[Any], Any]


@dataclass(frozen=True)
class Kept:
    """One RPC about what a tenant keeps: answered by the replica's galleries.

    parse: request message and the edge's word for the tenant → what is asked
    """

    family: str
    parse: Callable[[Any, str], Any]


TYPED: dict[str, Typed] = {
    "Detect": Typed("detection", parse_detect, build_detect),
    "DetectFaces": Typed("face", parse_detect_faces, build_detect_faces),
    "EmbedFaces": Typed("face", parse_embed_faces, build_embed_faces),
    "VerifyFaces": Typed("face", parse_verify_faces, build_verify_faces),
}

GROWN: dict[str, Grown] = {
    "Chat": Grown("chat", parse_chat, Whole, in_its_words),
    "Classify": Grown("classification", parse_classify, Classifications, as_it_is),
    "Complete": Grown("chat", parse_complete, Whole, in_its_words),
    "Embed": Grown("embedding", parse_embed, Embeddings, as_it_is),
    "Score": Grown("chat", parse_score, Score, in_its_words),
}

STREAMED: dict[str, Streamed] = {
    "ChatStream": Streamed("chat", parse_chat, Deltas, in_its_words),
    "CompleteStream": Streamed("chat", parse_complete, Deltas, in_its_words),
}

SHOWN: dict[str, Shown] = {
    "Animate": Shown("synthesis", parse_animate, build_animate),
    "Synthesize": Shown("synthesis", parse_synthesize, build_synthesize),
}

KEPT: dict[str, Kept] = {
    "AddPhotographs": Kept("face", parse_add_photographs),
    "DeleteGallery": Kept("face", parse_delete_gallery),
    "DeletePerson": Kept("face", parse_delete_person),
    "DeletePhotograph": Kept("face", parse_delete_photograph),
    "Enroll": Kept("face", parse_enroll),
    "ExportGallery": Kept("face", parse_export_gallery),
    "GetPerson": Kept("face", parse_get_person),
    "Identify": Kept("face", parse_identify),
    "ListGalleries": Kept("face", parse_list_galleries),
    "ListPersons": Kept("face", parse_list_persons),
    "RenamePerson": Kept("face", parse_rename_person),
    "VerifyPerson": Kept("face", parse_verify_person),
}

# All that is answered by one message, and all that is answered by many.
WHOLE: dict[str, Typed | Grown | Kept] = {**TYPED, **GROWN, **KEPT}
IN_PIECES: dict[str, Streamed | Shown | Kept] = {**STREAMED, **SHOWN, **KEPT}
