"""The family `tensor`: any ONNX file, by the Open Inference Protocol, without code."""

from serving.models.tensor.model import Model
from serving.models.tensor.options import Options

__all__ = ["Model", "Options"]
