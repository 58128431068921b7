"""ONNX Runtime: one ONNX file on the CPU or on a GPU.

The file itself says what goes in and out. Files exported for a batch of one are made to
take any number of rows where the graph allows it; either way the session is batched only
if three rows together were seen to give what they give one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import FailedPrecondition, InvalidArgument
from serving.models.base import DTYPES, Array, Device, Signature, Tensors, TensorSpec
from serving.runtimes import onnx_graph
from serving.runtimes.processor import saturates_8_bit
from serving.timing import Stage, Timeline

log = logging.getLogger(__name__)

PLATFORM = "onnxruntime_onnx"
_DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
_FREE_SIZES = (64, 320, 3, 1)  # tried in turn where a file leaves a dimension open
_ROWS = 3
# Bytes of inputs for each thread of a processor. What a picture becomes in a network fills the
# caches soon, and then rows together take longer than one after the other, up to twice as long.
_TOGETHER = 4 << 20


class OnnxSession:
    """A loaded file: `signature` says what it takes, `run` computes it.

    With `batchable` False the file is served as it is, one request at a time.

    Raises FailedPrecondition for a file that cannot be served, or for a GPU that the
    installed ONNX Runtime cannot use.
    """

    def __init__(self, path: Path, device: Device, *, batchable: bool = True) -> None:
        model = onnx_graph.read(path.read_bytes())
        self._gpu = device.gpu
        self._together = _TOGETHER * device.threads
        self._session = _open(model.SerializeToString(), device)
        self._free_size = 1
        batched = batchable and self._make_batched(model, device)
        if not batched:
            self._free_size = _running_size(self._session) or 1
        self.signature = Signature(
            inputs=_specs(self._session.get_inputs()),
            outputs=_specs(self._session.get_outputs()),
            batched=batched,
            platform=PLATFORM,
        )
        self._outputs = [spec.name for spec in self.signature.outputs]
        self._text = {s.name for s in self.signature.inputs if s.datatype == "BYTES"}

    def run(self, feeds: Tensors, timeline: Timeline) -> dict[str, Array]:
        """All outputs by name, for all inputs by name; marks the device's stages.

        BYTES inputs must be UTF-8 text. Raises InvalidArgument for shapes that the file
        does not take.
        """
        from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument as WrongShape

        if self._text:
            feeds = {n: _to_text(n, t) if n in self._text else t for n, t in feeds.items()}
        try:
            run = self._run_on_gpu if self._gpu and not self._text else self._run
            outputs = run(feeds, timeline)
        except WrongShape:
            raise InvalidArgument(
                "inputs: the model does not take tensors of these shapes", reason="SHAPE"
            ) from None
        return {
            name: _to_bytes(output) if output.dtype == object else output
            for name, output in zip(self._outputs, outputs, strict=True)
        }

    def example(self, rows: int = 1, seed: int = 0) -> dict[str, Array]:
        """Random inputs of shapes the file takes; `rows` counts where it is batched."""
        batch = rows if self.signature.batched else None
        return _random(self.signature.inputs, batch, self._free_size, seed)

    def _run(self, feeds: Tensors, timeline: Timeline) -> list[Array]:
        parts = [self._session.run(self._outputs, part) for part in self._parts(feeds)]
        timeline.mark(Stage.DEVICE)
        if len(parts) == 1:
            return list(parts[0])
        return [np.concatenate(output) for output in zip(*parts, strict=True)]

    def _parts(self, feeds: Tensors) -> Iterator[dict[str, Array]]:
        """The rows, as many at a time as are fast together."""
        size = sum(tensor.nbytes for tensor in feeds.values())
        if size <= self._together or not self.signature.batched:
            yield dict(feeds)
            return
        rows = len(next(iter(feeds.values())))
        step = max(1, rows * self._together // size)
        for start in range(0, rows, step):
            yield {name: tensor[start : start + step] for name, tensor in feeds.items()}

    def _run_on_gpu(self, feeds: Tensors, timeline: Timeline) -> list[Array]:
        """Bound to device memory, so that copies and computation are timed apart."""
        import onnxruntime

        binding = self._session.io_binding()
        for name, tensor in feeds.items():
            tensor = np.ascontiguousarray(tensor)
            value = onnxruntime.OrtValue.ortvalue_from_numpy(tensor, "cuda", 0)
            binding.bind_ortvalue_input(name, value)
        for name in self._outputs:
            binding.bind_output(name, "cuda", 0)
        timeline.mark(Stage.HOST_TO_DEVICE)
        self._session.run_with_iobinding(binding)  # returns when the stream is done
        timeline.mark(Stage.DEVICE)
        outputs: list[Array] = binding.copy_outputs_to_cpu()
        timeline.mark(Stage.DEVICE_TO_HOST)
        return outputs

    def _make_batched(self, model: Any, device: Device) -> bool:
        """Whether rows may run together, after making them so if need be."""
        candidate = self._session
        if onnx_graph.is_batch_of_one(model):
            onnx_graph.free_batch(model)
            try:
                candidate = _open(model.SerializeToString(), device)
            except FailedPrecondition:
                log.info("the file's batch of one cannot be changed; serving one row at a time")
                return False
        inputs, outputs = candidate.get_inputs(), candidate.get_outputs()
        if not all(_is_free(port.shape) for port in [*inputs, *outputs]):
            return False
        tolerance = 1e-2 if device.gpu else 1e-4  # TF32 rounds differently by batch size
        size = _agreeing_size(self._session, candidate, tolerance)
        if size is None:
            log.info("rows computed together differ from rows alone; serving one at a time")
            return False
        self._session, self._free_size = candidate, size
        return True


def _open(data: bytes, device: Device) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.inter_op_num_threads = 1
    # Spinning threads steal time from decoding, and from the replicas next door.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if saturates_8_bit():
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    options.log_severity_level = 4  # what fails is raised; told once is enough
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.gpu:
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise FailedPrecondition(
                "the model wants a GPU, and the installed ONNX Runtime has no CUDA provider; "
                "install onnxruntime-gpu or set resources.gpus to 0",
                reason="NO_GPU",
            )
        # An exhaustive search would run anew for every batch size, in somebody's request.
        cuda = {"device_id": 0, "cudnn_conv_algo_search": "HEURISTIC"}
        providers.insert(0, ("CUDAExecutionProvider", cuda))
    try:
        session = onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:  # ONNX Runtime has a class for each of its status codes
        log.warning("ONNX Runtime refuses the file: %s", error)
        raise FailedPrecondition(
            "ONNX Runtime cannot load the weights; its log has the reason", reason="WEIGHTS"
        ) from None
    if device.gpu and session.get_providers()[0] != "CUDAExecutionProvider":
        raise FailedPrecondition("the GPU could not be used for this model", reason="NO_GPU")
    return session


def _specs(ports: list[Any]) -> tuple[TensorSpec, ...]:
    for port in ports:
        if port.type not in _DATATYPES:
            raise FailedPrecondition(
                f"{port.name!r} is a {port.type}, which is not served", reason="WEIGHTS"
            )
    return tuple(
        TensorSpec(
            port.name,
            _DATATYPES[port.type],
            tuple(size if isinstance(size, int) and size >= 0 else -1 for size in port.shape),
        )
        for port in ports
    )


def _is_free(shape: list[Any]) -> bool:
    return bool(shape) and not isinstance(shape[0], int)


def _agreeing_size(alone: Any, together: Any, tolerance: float) -> int | None:
    """The size for open dimensions at which rows together equal rows alone; None if at none."""
    for size, feeds in _trials(together, rows=_ROWS):
        try:
            batch = together.run(None, feeds)
            rows = [
                alone.run(None, {name: tensor[row : row + 1] for name, tensor in feeds.items()})
                for row in range(_ROWS)
            ]
        except Exception as error:
            log.debug("rows together were refused at size %d: %s", size, error)
            continue
        singles = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
        agree = all(_alike(a, b, tolerance) for a, b in zip(batch, singles, strict=True))
        return size if agree else None
    return None


def _running_size(session: Any) -> int | None:
    """A size for open dimensions at which the file runs at all."""
    for size, feeds in _trials(session, rows=None):
        try:
            session.run(None, feeds)
        except Exception as error:
            log.debug("the example was refused at size %d: %s", size, error)
        else:
            return size
    return None


def _trials(session: Any, rows: int | None) -> Iterator[tuple[int, dict[str, Array]]]:
    """Random inputs as the session itself wants them, for each size worth trying."""
    inputs = _specs(session.get_inputs())
    text = {spec.name for spec in inputs if spec.datatype == "BYTES"}
    open_dimensions = any(-1 in spec.shape[0 if rows is None else 1 :] for spec in inputs)
    for size in _FREE_SIZES if open_dimensions else (1,):
        feeds = _random(inputs, rows, size, seed=0)
        yield size, {n: _to_text(n, t) if n in text else t for n, t in feeds.items()}


def _alike(one: Array, other: Array, tolerance: float) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind != "f":
        return bool((one == other).all())
    tolerance = max(tolerance, 1e-2) if one.dtype == np.float16 else tolerance
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True))


def _random(
    inputs: tuple[TensorSpec, ...], rows: int | None, free_size: int, seed: int
) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    feeds: dict[str, Array] = {}
    for spec in inputs:
        shape = [free_size if size < 0 else size for size in spec.shape]
        if rows is not None:
            shape[0] = rows
        if spec.datatype == "BYTES":
            feeds[spec.name] = random.choice(np.array([b"a", b"b"], dtype=object), shape)
        elif spec.datatype.startswith("FP"):
            feeds[spec.name] = random.random(shape).astype(DTYPES[spec.datatype])
        else:  # 0 and 1 are indices that any vocabulary has
            feeds[spec.name] = random.integers(0, 2, shape).astype(DTYPES[spec.datatype])
    return feeds


def _to_text(name: str, tensor: Array) -> Array:
    try:
        text = [element.decode() for element in tensor.ravel()]
    except UnicodeDecodeError:
        raise InvalidArgument.field(name, "must be UTF-8 text") from None
    array = np.empty(len(text), dtype=object)
    array[:] = text
    return array.reshape(tensor.shape)


def _to_bytes(tensor: Array) -> Array:
    array = np.empty(tensor.size, dtype=object)
    array[:] = [element.encode() for element in tensor.ravel()]
    return array.reshape(tensor.shape)
