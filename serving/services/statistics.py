"""Statistics as Triton's ModelStatistics; perf_analyzer subtracts two of these."""

from __future__ import annotations

from typing import Protocol

from seom.pb.inference import grpc_service_pb2 as pb


class Counters(Protocol):
    """What `serving.replica.statistics.Statistics` offers; nanoseconds throughout."""

    success: int
    rows: int
    success_ns: int
    failed: int
    failed_ns: int
    queue_ns: int
    input_ns: int
    infer_ns: int
    output_ns: int
    executions: int
    last_inference_ms: int
    batches: dict[int, tuple[int, int]]


def model_statistics(name: str, version: str, counters: Counters) -> pb.ModelStatistics:
    """One model's entry; `version` must be an integer string, perf_analyzer parses it."""
    model = pb.ModelStatistics(
        name=name,
        version=version,
        last_inference=counters.last_inference_ms,
        inference_count=counters.rows,
        execution_count=counters.executions,
    )
    stats = model.inference_stats
    stats.success.count, stats.success.ns = counters.success, counters.success_ns
    stats.fail.count, stats.fail.ns = counters.failed, counters.failed_ns
    stats.queue.count, stats.queue.ns = counters.success, counters.queue_ns
    stats.compute_input.count, stats.compute_input.ns = counters.success, counters.input_ns
    stats.compute_infer.count, stats.compute_infer.ns = counters.success, counters.infer_ns
    stats.compute_output.count, stats.compute_output.ns = counters.success, counters.output_ns
    for size, (count, nanoseconds) in sorted(counters.batches.items()):
        batch = model.batch_stats.add(batch_size=size)
        batch.compute_infer.count, batch.compute_infer.ns = count, nanoseconds
    return model
