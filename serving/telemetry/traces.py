"""OpenTelemetry: one span a call, a child of the caller's trace.

Off until OTEL_TRACES_EXPORTER names an exporter (`console`, or `otlp` where its
package is installed); then a span carries the stages of its request as attributes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from serving.timing import Stage, Timeline

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from serving.replica.call import Call
    from serving.services.catalog import Rpc

_tracer: Tracer | None = None


def configure(service: str) -> None:
    """Turns tracing on in this process when the environment asks for it.

    Raises ValueError when OTEL_TRACES_EXPORTER names an exporter that is not there.
    """
    global _tracer
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "none")
    if exporter == "none":
        return
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(_exporter(exporter)))
    _tracer = provider.get_tracer("seom")


def _exporter(name: str):  # type: ignore[no-untyped-def]
    from importlib.metadata import entry_points

    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    if name == "console":
        return ConsoleSpanExporter()
    found = [e for e in entry_points(group="opentelemetry_traces_exporter") if e.name == name]
    if not found:
        raise ValueError(f"OTEL_TRACES_EXPORTER={name}: no such exporter is installed")
    return found[0].load()()


def rpc_span(rpc: Rpc, call: Call, timeline: Timeline) -> AbstractContextManager[None]:
    """The span of one RPC; costs nothing while tracing is off."""
    if _tracer is None:
        return nullcontext()
    told = {"rpc.system": "grpc", "rpc.service": rpc.service, "rpc.method": rpc.name}
    return _span(_tracer, f"{rpc.service}/{rpc.name}", told, call, timeline)


def http_span(route: str, call: Call, timeline: Timeline) -> AbstractContextManager[None]:
    """The span of one POST through the HTTP door; costs nothing while tracing is off."""
    if _tracer is None:
        return nullcontext()
    told = {"http.request.method": "POST", "http.route": route}
    return _span(_tracer, f"POST {route}", told, call, timeline)


@contextmanager
def _span(
    tracer: Tracer, name: str, told: dict[str, str], call: Call, timeline: Timeline
) -> Iterator[None]:
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract(
        {"traceparent": call.traceparent} if call.traceparent else {}
    )
    told |= {"seom.request_id": call.request_id, "seom.tenant": call.tenant}
    with tracer.start_as_current_span(
        name, context=parent, kind=SpanKind.SERVER, attributes=told
    ) as current:
        try:
            yield
        finally:
            for stage in Stage:
                if (spent := timeline.spent[stage]) is not None:
                    current.set_attribute(f"seom.{stage.name.lower()}_ns", spent)
