"""Results as the command shows them: as text for people, as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Sized
from dataclasses import asdict
from typing import Any

import numpy as np

from seom.detection import Box, Detections
from seom.faces import Face, Faces, Verification
from seom.replies import Reply
from seom.texts import Classifications, Embeddings
from seom.timing import Timing

_BRIEF = 48  # characters of a text


def json_of(file: str, found: Any, **more: str) -> str:
    """One line of JSON: the file, then the result's own fields."""
    shown = {"file": file, **more, **asdict(found)}
    return json.dumps(shown, ensure_ascii=False, default=_plain)


def detections(file: str, found: Detections) -> str:
    rows = [(each.label, f"{each.score:.2f}", *_place(each.box)) for each in found]
    head = _head(file, found, "object")
    lines = table(("object", "score", "at x, y", "size"), rows)
    return "\n".join([head, *lines, _spent(found.timing), ""])


def faces(file: str, found: Faces) -> str:
    titles = ("score", "at x, y", "size", "sharpness", "yaw, pitch, roll", "embedding")
    rows = [(f"{each.score:.2f}", *_place(each.box), *_told_of(each)) for each in found]
    return "\n".join([_head(file, found, "face"), *table(titles, rows), _spent(found.timing), ""])


def verification(first: str, second: str, found: Verification) -> str:
    says, sign = ("the same person", "≥") if found.same_person else ("different people", "<")
    head = (
        f"{first} and {second} show {says}: similarity {found.similarity:.3f} {sign} "
        f"{found.threshold:g}, by {found.model} v{found.version}"
    )
    titles = ("", "score", "at x, y", "size", "sharpness", "yaw, pitch, roll", "embedding")
    both = ((first, found.first), (second, found.second))
    rows = [(file, f"{face.score:.2f}", *_place(face.box), *_told_of(face)) for file, face in both]
    return "\n".join([head, *table(titles, rows), _spent(found.timing), ""])


def json_of_reply(found: Reply) -> str:
    """One line of JSON: the answer's fields beside the reply's own."""
    first = found.answers[0]
    shown = {
        "text": first.text,
        "reasoning": first.reasoning,
        "finish_reason": first.finish_reason,
        "model": found.model,
        "version": found.version,
        "usage": asdict(found.usage),
        "timing": asdict(found.timing),
    }
    return json.dumps(shown, ensure_ascii=False)


def generated(found: Reply) -> str:
    """One line: how much was generated, by what, and how fast."""
    usage, spent = found.usage, found.timing
    cached = f" ({usage.cached_tokens} cached)" if usage.cached_tokens else ""
    parts = [
        f"{usage.prompt_tokens}{cached} + {usage.completion_tokens} tokens "
        f"by {found.model} v{found.version}"
    ]
    if spent.ttft_ms is not None:
        parts.append(f"the first after {spent.ttft_ms:.0f} ms")
    if spent.per_token_ms is not None:
        parts.append(f"then {spent.per_token_ms:.1f} ms each")
    return "  " + ", ".join(parts)


def embeddings(texts: Sequence[str], found: Embeddings) -> list[str]:
    """A row for each text: how near it is to the first, as a cosine."""
    numbers = found.vectors.shape[1]
    head = f"{_count(texts, 'text')}, {numbers} numbers each, by {found.model} v{found.version}"
    unit = found.vectors / np.maximum(np.linalg.norm(found.vectors, axis=1, keepdims=True), 1e-12)
    near = [f"{cosine:.3f}" for cosine in unit @ unit[0]]
    rows = [
        (_brief(text), cosine, _length(tokens, cut))
        for text, cosine, tokens, cut in zip(
            texts, near, found.tokens, found.truncated, strict=True
        )
    ]
    return [head, *table(("text", "near", "tokens"), rows), _spent(found.timing), ""]


def json_of_embeddings(texts: Sequence[str], found: Embeddings) -> Iterator[str]:
    """One line of JSON for each text."""
    for index, text in enumerate(texts):
        shown = {
            "text": text,
            "embedding": found.vectors[index].tolist(),
            "tokens": found.tokens[index],
            "truncated": found.truncated[index],
            "model": found.model,
            "version": found.version,
        }
        yield json.dumps(shown, ensure_ascii=False)


def labels(texts: Sequence[str], found: Classifications) -> list[str]:
    """A row for each text: its labels, best first."""
    head = f"{_count(texts, 'text')} by {found.model} v{found.version}"
    rows = [
        (
            _brief(text),
            ", ".join(f"{label.label} {label.score:.2f}" for label in each),
            _length(each.tokens, each.truncated),
        )
        for text, each in zip(texts, found, strict=True)
    ]
    return [head, *table(("text", "labels", "tokens"), rows), _spent(found.timing), ""]


def json_of_labels(texts: Sequence[str], found: Classifications) -> Iterator[str]:
    """One line of JSON for each text."""
    for text, each in zip(texts, found, strict=True):
        shown = {"text": text, **asdict(each), "model": found.model, "version": found.version}
        yield json.dumps(shown, ensure_ascii=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns, indented by two; nothing at all without rows."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in (tuple(head), *rows)]


def _plain(value: Any) -> Any:
    assert isinstance(value, np.ndarray)
    return value.tolist()


def _head(file: str, found: Detections | Faces, thing: str) -> str:
    width, height = found.size
    return f"{file}  {width}×{height}  {_count(found, thing)} by {found.model} v{found.version}"


def _count(things: Sized, thing: str) -> str:
    return f"{len(things)} {thing}{'s' * (len(things) != 1)}"


def _brief(text: str) -> str:
    """One line of a text, for a table."""
    line = " ".join(text.split())
    return line if len(line) <= _BRIEF else line[: _BRIEF - 1] + "…"


def _length(tokens: int, truncated: bool) -> str:
    return f"{tokens}, cut" if truncated else str(tokens)


def _place(box: Box) -> tuple[str, str]:
    return f"{box.x_min:.0f}, {box.y_min:.0f}", f"{box.width:.0f}×{box.height:.0f}"


def _told_of(face: Face) -> tuple[str, str, str]:
    """Quality and embedding; a dash for what the model does not tell."""
    quality = face.quality
    angles = (quality.yaw, quality.pitch, quality.roll)
    known = [str(round(angle)) for angle in angles if angle is not None]
    return (
        "–" if quality.sharpness is None else f"{quality.sharpness:.0f}",
        ", ".join(known) or "–",
        "–" if face.embedding is None else f"{len(face.embedding)} numbers",
    )


def _spent(timing: Timing) -> str:
    """One line: the round trip and those stages of it that happened."""
    stages = {
        "network": timing.network_ms,
        "queue": timing.queue_ms,
        "batch wait": timing.batch_wait_ms,
        "decode": timing.decode_ms,
        "preprocess": timing.preprocess_ms,
        "to device": timing.host_to_device_ms,
        "device": timing.device_ms,
        "from device": timing.device_to_host_ms,
        "postprocess": timing.postprocess_ms,
    }
    parts = [f"{name} {spent:.1f}" for name, spent in stages.items() if spent is not None]
    return f"  {timing.round_trip_ms or 0:.1f} ms" + (f": {', '.join(parts)}" if parts else "")
