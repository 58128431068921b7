"""Inference on named tensors over the Open Inference Protocol, one request or a stream.

Tensors go as raw contents both ways. An answer that contradicts itself is refused as
the server's fault (`Internal`) rather than handed on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc

from seom import datatypes, errors, methods, timing
from seom.call import Answer, Call, Metadata, identify
from seom.datatypes import Array, Tensor
from seom.pb.inference import grpc_service_pb2 as oip
from seom.timing import Timing

Parameter: TypeAlias = bool | int | float | str

_FINAL = "triton_final_response"
_ERROR = "error."
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


@dataclass(frozen=True, eq=False)
class InferRequest:
    """One request of a stream: the arguments of `Client.infer`."""

    model: str
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str] | None = None
    version: str = ""
    parameters: Mapping[str, Parameter] | None = None
    request_id: str = ""


@dataclass(frozen=True, eq=False)
class InferResult(Mapping[str, Array]):
    """A model's outputs by name.

    Arrays are read-only views of the answer (`.copy()` one to write to it); BYTES are
    object arrays of bytes, BF16 their raw bits as uint16 (see `BF16`).

    id: what the request was called
    parameters: what else the answer says
    datatypes: the protocol's datatype of each output
    final: False while a stream owes further results of the same request
    error: why this request of a stream failed, or None; reading an output raises it
    """

    outputs: Mapping[str, Array]
    model: str
    version: str
    id: str
    timing: Timing
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    datatypes: Mapping[str, str] = field(default_factory=dict)
    final: bool = True
    error: errors.SeomError | None = None

    def __getitem__(self, name: str) -> Array:
        if self.error is not None:
            raise self.error
        return self.outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    # Mapping compares by contents, which arrays cannot do as a truth value.
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def infer(request: InferRequest, metadata: Metadata | None) -> Call[InferResult]:
    """The call behind `Client.infer`; one id names the call and the request in it."""
    identified = request.request_id or identify(metadata)
    message = _message(request, identified)
    return Call(methods.INFER, message, _result, request.model, identified)


class Exchange:
    """The client's half of one stream: makes its messages, reads its answers.

    `failure` is what making a message raised; the stream is ended there, what was
    asked before is still answered, and the failure is the caller's to see last.
    """

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self._sent: dict[str, int] = {}

    def message(self, request: InferRequest) -> oip.ModelInferRequest:
        if not isinstance(request, InferRequest):
            raise TypeError(
                f"requests: a stream is made of InferRequest, not {type(request).__name__}"
            )
        identified = request.request_id or identify(None)
        message = _message(request, identified)
        self._sent[identified] = time.perf_counter_ns()
        return message

    def result(self, response: oip.ModelStreamInferResponse, request_id: str) -> InferResult:
        """One answer; `request_id` is the stream's."""
        answered = response.infer_response
        sent = self._sent.get(answered.id)
        elapsed = None if sent is None else time.perf_counter_ns() - sent
        if response.error_message:
            result = _failed(response, request_id, elapsed)
        else:
            result = _parse(answered, request_id, elapsed)
        if result.final:
            self._sent.pop(answered.id, None)
        return result


def _message(request: InferRequest, identified: str) -> oip.ModelInferRequest:
    if isinstance(request.outputs, str):
        raise TypeError(f"outputs: give a sequence, ({request.outputs!r},), not one str")
    message = oip.ModelInferRequest(
        model_name=request.model,
        model_version=request.version,
        id=identified,
        outputs=[
            oip.ModelInferRequest.InferRequestedOutputTensor(name=name)
            for name in request.outputs or ()
        ],
    )
    for name, value in {"timing": True, **(request.parameters or {})}.items():
        message.parameters[name].CopyFrom(_parameter(name, value))
    for name, tensor in request.inputs.items():
        raw = datatypes.encode(name, tensor)
        message.inputs.add(name=name, datatype=raw.datatype, shape=raw.shape)
        message.raw_input_contents.append(raw.contents)
    return message


def _parameter(name: str, value: Parameter) -> oip.InferParameter:
    if isinstance(value, bool):
        return oip.InferParameter(bool_param=value)
    if isinstance(value, str):
        return oip.InferParameter(string_param=value)
    if isinstance(value, float):
        return oip.InferParameter(double_param=value)
    if not isinstance(value, int):
        raise TypeError(
            f"parameters[{name!r}]: give a bool, int, float or str, not {type(value).__name__}"
        )
    if -(2**63) <= value < 2**63:
        return oip.InferParameter(int64_param=value)
    if value < 2**64 and value > 0:
        return oip.InferParameter(uint64_param=value)
    raise ValueError(f"parameters[{name!r}]: {value} takes more than 64 bits")


def _result(response: oip.ModelInferResponse, answer: Answer) -> InferResult:
    return _parse(response, answer.request_id, answer.round_trip_ns, answer)


def _parse(
    response: oip.ModelInferResponse,
    request_id: str,
    round_trip_ns: int | None,
    answer: Answer | None = None,
) -> InferResult:
    """An answer of either RPC; a stream's has no trailers of its own (`answer`)."""
    parameters = _parameters(response)
    spent = timing.of_parameters(parameters, round_trip_ns)
    if spent.total_ns is None and answer is not None:
        spent = answer.timing()
    if len(response.outputs) != len(response.raw_output_contents):
        raise errors.Internal(
            f"the answer describes {len(response.outputs)} outputs but has the raw contents "
            f"of {len(response.raw_output_contents)}",
            request_id=request_id,
        )
    outputs: dict[str, Array] = {}
    for described, contents in zip(response.outputs, response.raw_output_contents, strict=True):
        raw = datatypes.Raw(described.datatype, tuple(described.shape), contents)
        try:
            outputs[described.name] = datatypes.decode(described.name, raw)
        except ValueError as error:
            raise errors.Internal(f"the answer is broken: {error}", request_id=request_id) from None
    return InferResult(
        outputs=outputs,
        model=response.model_name,
        version=response.model_version,
        id=response.id,
        timing=spent,
        parameters=_remaining(parameters),
        datatypes={described.name: described.datatype for described in response.outputs},
        final=bool(parameters.get(_FINAL, True)),
    )


def _failed(
    response: oip.ModelStreamInferResponse, request_id: str, elapsed: int | None
) -> InferResult:
    """An error inside a stream: a message, and from our servers its status and reason."""
    answered = response.infer_response
    parameters = _parameters(answered)
    reason = parameters.get(_ERROR + "reason")
    error = errors.of_status(
        _CODES.get(parameters.get(_ERROR + "status"), "UNKNOWN"),
        response.error_message,
        request_id=request_id,
        details=[{"@type": "google.rpc.ErrorInfo", "reason": reason}] if reason else (),
    )
    return InferResult(
        outputs={},
        model=answered.model_name,
        version=answered.model_version,
        id=answered.id,
        timing=timing.of_parameters(parameters, elapsed),
        parameters=_remaining(parameters),
        error=error,
        final=bool(parameters.get(_FINAL, True)),
    )


def _parameters(response: oip.ModelInferResponse) -> dict[str, Parameter]:
    return {
        name: getattr(parameter, choice)
        for name, parameter in response.parameters.items()
        if (choice := parameter.WhichOneof("parameter_choice"))
    }


def _remaining(parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
    """Without what the result says elsewhere."""
    told = (timing.PREFIX, _ERROR)
    return {k: v for k, v in parameters.items() if k != _FINAL and not k.startswith(told)}
