"""The Open Inference Protocol's ModelInfer: messages to and from named arrays.

Tensors arrive as raw bytes (what tritonclient and our SDK send) or in the typed
`contents`; they leave as raw bytes always, one entry an output in order, because
tritonclient's C++ core indexes `raw_output_contents` without a bounds check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seom.pb.inference import grpc_service_pb2 as pb
from serving.errors import InvalidArgument, Unimplemented
from serving.models.base import DTYPES, Array, Signature, Tensors, TensorSpec
from serving.services import contents, raw

# Parameters of Triton's that mean nothing here and are sent all the same.
_IGNORED = frozenset({"triton_enable_empty_final_response"})
_RESERVED = ("triton_", "shared_memory_")
MAX_RANK = 32


@dataclass(frozen=True, slots=True)
class Infer:
    """One checked request.

    outputs: the names asked for, in order; empty means all.
    timing: whether the answer shall carry its timing as parameters.
    """

    tensors: dict[str, Array]
    parameters: dict[str, Any]
    outputs: tuple[str, ...]
    timing: bool

    @property
    def rows(self) -> int:
        """Rows of the batch a request of a batched model carries."""
        return max((array.shape[0] for array in self.tensors.values()), default=1)


def parse_infer(request: pb.ModelInferRequest, signature: Signature, max_batch: int) -> Infer:
    """Checks a request against a model's signature and reads its tensors.

    Raises InvalidArgument naming every field that is wrong, Unimplemented for shared
    memory.
    """
    problems: list[tuple[str, str]] = []
    parameters = _parameters(request, problems)
    outputs = _outputs(request, signature, problems)
    tensors = _inputs(request, signature, max_batch, problems)
    if problems:
        shown = "; ".join(f"{path}: {text}" for path, text in problems[:3])
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise InvalidArgument(shown + more, fields=problems)
    timing = parameters.pop("timing", False) is True
    return Infer(tensors, parameters, outputs, timing)


def build_infer(
    tensors: Tensors, signature: Signature, wanted: Sequence[str], request_id: str
) -> pb.ModelInferResponse:
    """The answer: outputs in the order asked for (or of the signature), all raw."""
    response = pb.ModelInferResponse(id=request_id)
    specs = {spec.name: spec for spec in signature.outputs}
    for name in wanted or specs:
        array = tensors[name]
        response.outputs.add(name=name, datatype=specs[name].datatype, shape=array.shape)
        response.raw_output_contents.append(raw.encode(array, specs[name].datatype))
    return response


def set_parameters(target: Any, values: Mapping[str, Any]) -> None:
    """Writes Python values into a map of InferParameter."""
    for name, value in values.items():
        if isinstance(value, bool):
            target[name].bool_param = value
        elif isinstance(value, int):
            target[name].int64_param = value
        elif isinstance(value, float):
            target[name].double_param = value
        else:
            target[name].string_param = str(value)


def _parameters(request: pb.ModelInferRequest, problems: list[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, parameter in request.parameters.items():
        path = f"parameters[{name}]"
        choice = parameter.WhichOneof("parameter_choice")
        if choice is None:
            problems.append((path, "has no value"))
            continue
        value = getattr(parameter, choice)
        if name in _IGNORED:
            continue
        if name.startswith("shared_memory"):
            raise Unimplemented("shared memory is not offered: send tensors in the request")
        if name.startswith(_RESERVED):
            problems.append((path, "is reserved"))
        elif name in ("timeout", "priority") and not _is_count(value):
            problems.append((path, f"must be an integer of 0 or more, not {value!r}"))
        values[name] = value
    return values


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _outputs(
    request: pb.ModelInferRequest, signature: Signature, problems: list[tuple[str, str]]
) -> tuple[str, ...]:
    known = [spec.name for spec in signature.outputs]
    seen: set[str] = set()
    for index, output in enumerate(request.outputs):
        path = f"outputs[{index}].name"
        _refuse_shared_memory(output.parameters)
        if output.name not in known:
            problems.append((path, f"{output.name!r} is no output; there are {', '.join(known)}"))
        elif output.name in seen:
            problems.append((path, f"{output.name!r} is asked for twice"))
        seen.add(output.name)
    return tuple(output.name for output in request.outputs)


def _inputs(
    request: pb.ModelInferRequest,
    signature: Signature,
    max_batch: int,
    problems: list[tuple[str, str]],
) -> dict[str, Array]:
    specs = {spec.name: spec for spec in signature.inputs}
    raws = request.raw_input_contents
    if raws and len(raws) != len(request.inputs):
        text = f"has {len(raws)} entries for {len(request.inputs)} inputs"
        problems.append(("raw_input_contents", text))
        return {}

    tensors: dict[str, Array] = {}
    seen: set[str] = set()
    for index, tensor in enumerate(request.inputs):
        path = f"inputs[{index}]"
        _refuse_shared_memory(tensor.parameters)
        spec = specs.get(tensor.name)
        if spec is None:
            text = f"{tensor.name!r} is no input; there are {', '.join(specs)}"
            problems.append((f"{path}.name", text))
            continue
        if tensor.name in seen:
            problems.append((f"{path}.name", f"{tensor.name!r} is given twice"))
            continue
        seen.add(tensor.name)
        bad = _check(tensor, spec, path)
        if bad:
            problems += bad
            continue
        try:
            tensors[tensor.name] = _read(tensor, raws[index] if raws else None, path, index)
        except InvalidArgument as error:
            problems += error.fields

    for spec in signature.inputs:
        if spec.name not in seen and not spec.optional:
            problems.append(("inputs", f"{spec.name!r} ({spec.datatype}) is missing"))
    if signature.batched and tensors and not problems:
        _check_batch(tensors, max_batch, problems)
    return tensors


def _check(tensor: Any, spec: TensorSpec, path: str) -> list[tuple[str, str]]:
    """Datatype and shape against the signature, before any byte is looked at."""
    shape = tensor.shape
    if tensor.datatype not in DTYPES:
        text = f"{tensor.datatype!r} is no datatype of the Open Inference Protocol"
        return [(f"{path}.datatype", text)]
    if tensor.datatype != spec.datatype:
        return [(f"{path}.datatype", f"is {tensor.datatype}; {spec.name} takes {spec.datatype}")]
    if len(shape) > MAX_RANK:
        return [(f"{path}.shape", f"has {len(shape)} dimensions; {len(spec.shape)} are due")]
    expected = "×".join("?" if n < 0 else str(n) for n in spec.shape)
    fits = len(shape) == len(spec.shape) and all(
        given >= 0 and due in (-1, given) for given, due in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        return [(f"{path}.shape", f"is {list(shape)}; {spec.name} takes {expected}")]
    return []


def _read(tensor: Any, raw_bytes: bytes | None, path: str, index: int) -> Array:
    typed = tensor.HasField("contents")
    if raw_bytes is not None:
        if typed and contents.filled(tensor.contents):
            raise InvalidArgument.field(
                f"{path}.contents", "is set beside raw_input_contents; send one of them"
            )
        return raw.decode(raw_bytes, tensor.datatype, tensor.shape, f"raw_input_contents[{index}]")
    return contents.decode(tensor.contents, tensor.datatype, tensor.shape, f"{path}.contents")


def _check_batch(tensors: Tensors, max_batch: int, problems: list[tuple[str, str]]) -> None:
    rows = {name: array.shape[0] for name, array in tensors.items()}
    if len(set(rows.values())) > 1:
        shown = ", ".join(f"{name} has {n}" for name, n in rows.items())
        problems.append(("inputs", f"disagree on the batch size: {shown}"))
    largest = max(rows.values())
    if largest > max_batch:
        problems.append(("inputs", f"batch of {largest}; this model takes up to {max_batch}"))
    if min(rows.values()) == 0:
        problems.append(("inputs", "batch of 0; send at least one row"))


def _refuse_shared_memory(parameters: Mapping[str, Any]) -> None:
    if any(name.startswith("shared_memory") for name in parameters):
        raise Unimplemented("shared memory is not offered: send tensors in the request")
