"""A call is one span of its caller's trace, and carries where its time went."""

from __future__ import annotations

import grpc
import pytest
from opentelemetry.trace import StatusCode

from serving.telemetry import traces

from .test_bad_tensors import request

# Of the servers.
in_their_loop = pytest.mark.asyncio(loop_scope="module")

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@in_their_loop
async def test_a_call_is_a_child_of_its_callers_span(stubs, spans):
    metadata = (("traceparent", f"00-{TRACE}-{PARENT}-01"), ("x-request-id", "mine"))
    await stubs["identity"].ModelInfer(request(), metadata=metadata)
    (span,) = spans.get_finished_spans()
    assert span.name == "inference.GRPCInferenceService/ModelInfer"
    assert f"{span.context.trace_id:032x}" == TRACE and f"{span.parent.span_id:016x}" == PARENT
    told = span.attributes
    assert told["rpc.system"] == "grpc" and told["rpc.method"] == "ModelInfer"
    assert 0 < told["seom.device_ns"] < span.end_time - span.start_time
    assert span.status.status_code is StatusCode.UNSET


@in_their_loop
async def test_a_call_without_a_trace_begins_one(stubs, spans):
    for _ in range(2):
        await stubs["identity"].ModelInfer(request())
    first, second = spans.get_finished_spans()
    assert first.parent is None and first.context.trace_id != second.context.trace_id


@in_their_loop
async def test_a_refused_call_is_an_error(stubs, spans):
    with pytest.raises(grpc.aio.AioRpcError):
        await stubs["identity"].ModelInfer(request(name="nothing"))
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR and span.events[0].name == "exception"


def test_an_exporter_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "nowhere")
    with pytest.raises(ValueError, match="OTEL_TRACES_EXPORTER=nowhere"):
        traces.configure("seom")


def test_tracing_is_off_unless_it_is_asked_for(monkeypatch):
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    traces.configure("seom")
    assert traces._tracer is None
