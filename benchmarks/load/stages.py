"""Finds the server's own timing in answers, after a block, off the hot path."""

from __future__ import annotations

from typing import Any

from benchmarks.load.workload import StageSource

_NOT_TIMES = frozenset({"batch_id", "replica"})


def read(source: StageSource, answers: list[bytes]) -> tuple[dict[str, int], ...]:
    """Nanoseconds by stage name (and the batch's size) for each answer.

    An answer that failed, or says nothing of its time, gives an empty entry.
    """
    if source == "none":
        return ()
    # The generator is bytes only; message types come in where they are needed.
    from seom.pb.v1 import detection_pb2, face_pb2

    response: Any = {
        "detect": detection_pb2.DetectResponse,
        "detect_faces": face_pb2.DetectFacesResponse,
    }[source]
    return tuple(
        {
            field.name: int(value)
            for field, value in response.FromString(answer).timing.ListFields()
            if field.name not in _NOT_TIMES
        }
        for answer in answers
    )
