"""What a server tells of itself and its models: metadata, configuration, statistics, states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from seom import methods
from seom._health import Health
from seom.call import Call
from seom.methods import Method
from seom.pb.inference import grpc_service_pb2 as oip

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """A server's name and version, and the protocol extensions it speaks."""

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """One input or output; -1 in `shape` is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model takes and gives, and the versions being served."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model of the repository: READY, LOADING, UNLOADING, UNAVAILABLE … and why."""

    name: str
    version: str
    state: str
    reason: str

    @property
    def ready(self) -> bool:
        return self.state == "READY"


@dataclass(frozen=True, slots=True)
class Duration:
    """How often something happened and how long it took in all, since the server began."""

    count: int
    ns: int

    @property
    def mean_ms(self) -> float | None:
        """Milliseconds once took; None if it never happened."""
        return self.ns / self.count / 1e6 if self.count else None


@dataclass(frozen=True, slots=True)
class BatchStatistics:
    """The batches of one size: `compute_infer.count` of them."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """One version's totals over all replicas; they only grow.

    last_inference: Unix time in milliseconds, 0 if there was none
    inference_count: rows computed; execution_count: batches they were computed in
    """

    name: str
    version: str
    last_inference: int
    inference_count: int
    execution_count: int
    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    batches: tuple[BatchStatistics, ...]


def live() -> Call[bool]:
    return _call(methods.SERVER_LIVE, oip.ServerLiveRequest(), lambda response: response.live)


def ready(model: str, version: str) -> Call[bool]:
    """The server's readiness, or a model's if one is named."""
    if not model:
        return _call(
            methods.SERVER_READY, oip.ServerReadyRequest(), lambda response: response.ready
        )
    request = oip.ModelReadyRequest(name=model, version=version)
    return _call(methods.MODEL_READY, request, lambda response: response.ready, model)


def health(model: str) -> Call[Health]:
    """grpc.health.v1, where a model is the service of its name."""
    service = model
    return _call(methods.HEALTH, service, lambda status: status, model)


def server_metadata() -> Call[ServerMetadata]:
    return _call(
        methods.SERVER_METADATA,
        oip.ServerMetadataRequest(),
        lambda response: ServerMetadata(
            response.name, response.version, tuple(response.extensions)
        ),
    )


def metadata(model: str, version: str) -> Call[ModelMetadata]:
    request = oip.ModelMetadataRequest(name=model, version=version)
    return _call(methods.MODEL_METADATA, request, _metadata, model)


def config(model: str, version: str) -> Call[dict[str, Any]]:
    request = oip.ModelConfigRequest(name=model, version=version)
    return _call(methods.MODEL_CONFIG, request, lambda response: _plain(response.config), model)


def statistics(model: str, version: str) -> Call[tuple[ModelStatistics, ...]]:
    request = oip.ModelStatisticsRequest(name=model, version=version)
    return _call(
        methods.MODEL_STATISTICS,
        request,
        lambda response: tuple(map(_statistics, response.model_stats)),
        model,
    )


def models(ready: bool) -> Call[tuple[ModelState, ...]]:
    return _call(
        methods.INDEX,
        oip.RepositoryIndexRequest(ready=ready),
        lambda response: tuple(
            ModelState(each.name, each.version, each.state, each.reason) for each in response.models
        ),
    )


def load(model: str) -> Call[None]:
    request = oip.RepositoryModelLoadRequest(model_name=model)
    return _call(methods.LOAD, request, lambda _: None, model)


def unload(model: str) -> Call[None]:
    request = oip.RepositoryModelUnloadRequest(model_name=model)
    return _call(methods.UNLOAD, request, lambda _: None, model)


def _call(
    method: Method[Any, Any], request: Any, read: Callable[[Any], Result], model: str = ""
) -> Call[Result]:
    return Call(method, request, lambda response, _: read(response), model)


def _metadata(response: oip.ModelMetadataResponse) -> ModelMetadata:
    return ModelMetadata(
        response.name,
        tuple(response.versions),
        response.platform,
        tuple(map(_tensor, response.inputs)),
        tuple(map(_tensor, response.outputs)),
    )


def _tensor(message: oip.ModelMetadataResponse.TensorMetadata) -> TensorMetadata:
    return TensorMetadata(message.name, message.datatype, tuple(message.shape))


def _statistics(message: oip.ModelStatistics) -> ModelStatistics:
    spent = message.inference_stats
    return ModelStatistics(
        name=message.name,
        version=message.version,
        last_inference=message.last_inference,
        inference_count=message.inference_count,
        execution_count=message.execution_count,
        success=_duration(spent.success),
        fail=_duration(spent.fail),
        queue=_duration(spent.queue),
        compute_input=_duration(spent.compute_input),
        compute_infer=_duration(spent.compute_infer),
        compute_output=_duration(spent.compute_output),
        batches=tuple(map(_batch, message.batch_stats)),
    )


def _batch(message: oip.InferBatchStatistics) -> BatchStatistics:
    return BatchStatistics(
        message.batch_size,
        _duration(message.compute_input),
        _duration(message.compute_infer),
        _duration(message.compute_output),
    )


def _duration(message: oip.StatisticDuration) -> Duration:
    return Duration(message.count, message.ns)


def _plain(message: Message) -> dict[str, Any]:
    """A message as dicts, lists and scalars; what is at its default is left out."""
    return {field.name: _plain_value(field, value) for field, value in message.ListFields()}


def _plain_value(field: Any, value: Any) -> Any:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        inner = entry.fields_by_name["value"]
        return {key: _plain_scalar(inner, each) for key, each in value.items()}
    if field.is_repeated:
        return [_plain_scalar(field, each) for each in value]
    return _plain_scalar(field, value)


def _plain_scalar(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return value
