"""What a model is, as the Open Inference Protocol and Triton's ModelConfig tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.inference import model_config_pb2 as config_pb
from serving.models.base import Signature, TensorSpec

SERVER_NAME = "seom"
EXTENSIONS = (
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "statistics",
)


@dataclass(frozen=True)
class Description:
    """What a replica says of the model it serves."""

    name: str
    version: str
    signature: Signature
    max_batch_size: int
    max_queue_delay_us: int
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def max_batch(self) -> int:
        """Triton's max_batch_size: 0 says that tensors have no batch dimension."""
        return self.max_batch_size if self.signature.batched else 0


def metadata(model: Description, versions: tuple[str, ...]) -> pb.ModelMetadataResponse:
    """ModelMetadata: shapes count the batch dimension."""
    response = pb.ModelMetadataResponse(
        name=model.name, versions=versions, platform=model.signature.platform
    )
    for spec in model.signature.inputs:
        response.inputs.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
    for spec in model.signature.outputs:
        response.outputs.add(name=spec.name, datatype=spec.datatype, shape=spec.shape)
    return response


def configuration(model: Description) -> pb.ModelConfigResponse:
    """ModelConfig, the part a client needs; shapes leave the batch dimension out."""
    config = config_pb.ModelConfig(
        name=model.name, platform=model.signature.platform, max_batch_size=model.max_batch
    )
    config.model_transaction_policy.decoupled = model.signature.decoupled
    config.version_policy.specific.versions.append(int(model.version))
    for spec in model.signature.inputs:
        config.input.add(
            name=spec.name,
            data_type=_data_type(spec),
            dims=_dims(model, spec),
            optional=spec.optional,
        )
    for spec in model.signature.outputs:
        config.output.add(name=spec.name, data_type=_data_type(spec), dims=_dims(model, spec))
    for name, fact in model.facts.items():
        config.parameters[name].string_value = fact
    if model.max_batch:
        config.dynamic_batching.max_queue_delay_microseconds = model.max_queue_delay_us
    return pb.ModelConfigResponse(config=config)


def _data_type(spec: TensorSpec) -> str:
    """The enum's name; protobuf's constructors take it as well as its number."""
    return "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"


def _dims(model: Description, spec: TensorSpec) -> tuple[int, ...]:
    return spec.shape[1:] if model.max_batch else spec.shape
