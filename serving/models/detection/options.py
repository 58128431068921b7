"""The keys of model.yaml that belong to the family `detection`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from serving.images.resize import Filter
from serving.repository.config import Section

Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=32, le=8192, multiple_of=32)]
PerChannel = tuple[float, float, float]


class Input(Section):
    """What the network sees: (pixel · scale − mean) / std, channels in the order given.

    Layout and number type are not here: the weights say them.

    size: [width, height]
    resize: `letterbox` keeps the proportions and fills the rest with `pad` (a pixel value,
        0 to 255); `stretch` fills the input
    align: where in a letterbox the picture lies, in the upper left `corner` or the `centre`
    filter: as `serving.images.resize` has them; the one the network was trained with
    """

    size: tuple[Side, Side]
    resize: Literal["letterbox", "stretch"] = "letterbox"
    align: Literal["corner", "centre"] = "corner"
    filter: Filter = "bilinear"
    channels: Literal["RGB", "BGR"] = "RGB"
    scale: float = Field(default=1.0, gt=0)
    mean: PerChannel = (0.0, 0.0, 0.0)
    std: PerChannel = (1.0, 1.0, 1.0)
    pad: float = Field(default=114.0, ge=0, le=255)


class Thresholds(Section):
    """What counts as found, and how much boxes may overlap (IoU) to be different objects.

    iou: null for networks that give every object once
    agnostic: whether boxes of different classes compete, too
    """

    score: Share = 0.35
    iou: Share | None = 0.45
    agnostic: bool = False


class Options(Section):
    """`labels` is a text file in the model's folder: one name a line, in class order.

    runtime: `onnx` for an ONNX file; `transformers` for a safetensors file of a DETR, with
        its `config.json` in the model's folder
    A request may ask for fewer than `max_results` objects, never for more.
    """

    runtime: Literal["onnx", "transformers"] = "onnx"
    decoder: Literal["detr", "nanodet", "ssd", "yolov8", "yolox"]
    labels: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    input: Input
    thresholds: Thresholds = Thresholds()
    max_results: int = Field(default=300, ge=1, le=10_000)
