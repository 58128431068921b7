"""Answers that grow, understood after the block: when they began, how many tokens they had.

While a block runs, pieces are kept as they came, each with the time of its arrival; to
parse them then would be read as the server's latency.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.load.record import Row
from benchmarks.load.workload import Call, Form

# (nanoseconds of its arrival, its bytes)
Piece = tuple[int, bytes]

_DATA_LOSS = 15


@dataclass(frozen=True)
class Growth:
    """One answer. first: when its first text came, 0 without any; pieces: those with text;
    tokens: as the server counts them, 0 where it did not come to an end."""

    first: int = 0
    pieces: int = 0
    tokens: int = 0
    text: str = ""


def read(form: Form, pieces: Sequence[Piece]) -> Growth:
    """Pieces are messages of gRPC, or what came of an HTTP answer's body, cut anywhere."""
    told = _deltas(pieces) if form == "deltas" else _events(pieces)
    grown, texts = Growth(), []
    for arrived, text, tokens in told:
        if text:
            texts.append(text)
            grown = replace(grown, first=grown.first or arrived)
        grown = replace(grown, tokens=tokens or grown.tokens)
    return replace(grown, pieces=len(texts), text="".join(texts))


def complete(call: Call, row: Row, pieces: Sequence[Piece]) -> Row:
    """The row with what its answer's pieces say; one of the wrong length has failed."""
    grown = read(call.form, pieces)
    status = row.status
    if status == 0 and (grown.tokens != call.tokens or not grown.first):
        status = _DATA_LOSS
    return row._replace(
        first=grown.first or row.last, status=status, pieces=grown.pieces, tokens=grown.tokens
    )


def _deltas(pieces: Sequence[Piece]) -> Iterator[tuple[int, str, int]]:
    # The generator is bytes only; message types come in where they are needed.
    from seom.pb.v1 import chat_pb2

    for arrived, message in pieces:
        delta = chat_pb2.ChatDelta.FromString(message)
        yield arrived, delta.text, delta.usage.completion_tokens


def _events(pieces: Sequence[Piece]) -> Iterator[tuple[int, str, int]]:
    for arrived, line in _lines(_bodies(pieces)):
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        texts = [choice["delta"].get("content") or "" for choice in event.get("choices", ())]
        tokens = (event.get("usage") or {}).get("completion_tokens", 0)
        yield arrived, "".join(texts), tokens


def _bodies(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The chunks of a chunked body; each came with its last byte."""
    waiting = b""
    for arrived, data in pieces:
        waiting += data
        while (cut := waiting.find(b"\r\n")) >= 0:
            size = int(waiting[:cut], 16)
            if len(waiting) < cut + size + 4:
                break
            yield arrived, waiting[cut + 2 : cut + 2 + size]
            waiting = waiting[cut + size + 4 :]


def _lines(bodies: Iterator[Piece]) -> Iterator[Piece]:
    waiting = b""
    for arrived, body in bodies:
        *lines, waiting = (waiting + body).split(b"\n")
        for line in lines:
            yield arrived, line.rstrip(b"\r")
