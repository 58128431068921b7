"""A Timeline as the messages and parameters clients read it from."""

from __future__ import annotations

from typing import Any

from seom.pb.v1.common_pb2 import Timing
from serving.timing import Stage, Timeline

# Stage → field of seom.v1.Timing, and the name of the OIP response parameter.
FIELDS = {
    Stage.QUEUE: "queue_ns",
    Stage.BATCH_WAIT: "batch_wait_ns",
    Stage.DECODE: "decode_ns",
    Stage.PREPROCESS: "preprocess_ns",
    Stage.HOST_TO_DEVICE: "host_to_device_ns",
    Stage.DEVICE: "device_ns",
    Stage.DEVICE_TO_HOST: "device_to_host_ns",
    Stage.POSTPROCESS: "postprocess_ns",
    Stage.ENCODE: "encode_ns",
}


def timing_fields(timeline: Timeline, replica: str) -> dict[str, Any]:
    """The fields of seom.v1.Timing that are known, by their names."""
    fields: dict[str, Any] = {
        name: spent
        for stage, name in FIELDS.items()
        if (spent := timeline.spent[stage]) is not None
    }
    fields["total_ns"] = timeline.total
    if timeline.batch_size:
        fields["batch_size"] = timeline.batch_size
        fields["batch_id"] = timeline.batch_id
    fields["replica"] = replica
    return fields


def timing_message(timeline: Timeline, replica: str) -> Timing:
    return Timing(**timing_fields(timeline, replica))
