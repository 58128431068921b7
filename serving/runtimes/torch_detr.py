"""PyTorch: one detection transformer of the RT-DETR kind, from safetensors and its config.json.

Only architectures that transformers itself defines are built, nothing is unpickled and
nothing is asked of a hub: both files lie on disk before a session is made of them.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import FailedPrecondition, InvalidArgument
from serving.models.base import Array, Device, Signature, Tensors, TensorSpec
from serving.runtimes.pytorch import PLATFORM, installed, loaded, placed
from serving.timing import Stage, Timeline

log = logging.getLogger(__name__)

# `model_type` in config.json → the class transformers has for it.
_KINDS = {
    "rt_detr": "RTDetrForObjectDetection",
    "rt_detr_v2": "RTDetrV2ForObjectDetection",
    "d_fine": "DFineForObjectDetection",
}
# Keys that would have transformers look for a backbone elsewhere.
_ELSEWHERE = ("auto_map", "backbone", "backbone_kwargs", "use_timm_backbone")
_INPUT = "pixel_values"
_OUTPUTS = ("logits", "pred_boxes")


class DetrSession:
    """A loaded network: `signature` says what it takes, `run` computes it.

    `pixel_values` (n, 3, height, width) gives `logits` (n, queries, classes), before their
    sigmoid, and `pred_boxes` (n, queries, 4), centre and size as shares of the input; all
    FP32. Within, a GPU computes in half precision, channels last.

    Raises FailedPrecondition for files that are not such a network, for a GPU that PyTorch
    cannot use, and where PyTorch or transformers are not installed.
    """

    def __init__(self, weights: Path, config: Path, size: tuple[int, int], device: Device) -> None:
        torch = installed()
        architecture = _architecture(config)
        self._device = placed(device)
        self._dtype = torch.float16 if device.gpu else torch.float32
        # On a CPU the plain layout is the faster one for networks this size.
        self._layout = torch.channels_last if device.gpu else torch.contiguous_format
        model = loaded(_KINDS[architecture.model_type], architecture, [weights])
        self._model = model.to(self._device, self._dtype, memory_format=self._layout)
        queries, classes = architecture.num_queries, architecture.num_labels
        self.signature = Signature(
            inputs=(TensorSpec(_INPUT, "FP32", (-1, 3, size[1], size[0])),),
            outputs=(
                TensorSpec("logits", "FP32", (-1, queries, classes)),
                TensorSpec("pred_boxes", "FP32", (-1, queries, 4)),
            ),
            batched=True,
            platform=PLATFORM,
        )

    def run(self, feeds: Tensors, timeline: Timeline) -> dict[str, Array]:
        """Both outputs by name; marks the device's stages.

        Raises InvalidArgument for a shape that is not the signature's.
        """
        import torch

        pixels = np.ascontiguousarray(feeds[_INPUT], np.float32)
        if pixels.shape[1:] != self.signature.inputs[0].shape[1:]:
            raise InvalidArgument(
                "inputs: the model does not take tensors of these shapes", reason="SHAPE"
            )
        with torch.inference_mode():
            tensor = torch.from_numpy(pixels).to(self._device)
            tensor = tensor.to(self._dtype, memory_format=self._layout)
            self._mark(timeline, Stage.HOST_TO_DEVICE)
            found = self._model(pixel_values=tensor)
            self._mark(timeline, Stage.DEVICE)
            outputs = {name: getattr(found, name).float().cpu().numpy() for name in _OUTPUTS}
            self._mark(timeline, Stage.DEVICE_TO_HOST)
        return outputs

    def _mark(self, timeline: Timeline, stage: Stage) -> None:
        """Ends a stage once the GPU has; on a CPU there is one stage, the computation."""
        if self._device.type == "cuda":
            import torch

            torch.cuda.synchronize(self._device)
            timeline.mark(stage)
        elif stage is Stage.DEVICE:
            timeline.mark(stage)


def _architecture(path: Path) -> Any:
    """config.json as transformers' configuration of it."""
    from transformers import AutoConfig

    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise FailedPrecondition(
            f"{path.name} of the model is missing or no JSON", reason="WEIGHTS"
        ) from None
    if not isinstance(raw, dict) or raw.get("model_type") not in _KINDS:
        raise FailedPrecondition(
            f"{path.name}: model_type must be one of {', '.join(_KINDS)}", reason="WEIGHTS"
        )
    if elsewhere := [key for key in _ELSEWHERE if raw.pop(key, None)]:
        raise FailedPrecondition(
            f"{path.name}: {', '.join(elsewhere)} would lead elsewhere; "
            "describe the backbone in backbone_config",
            reason="WEIGHTS",
        )
    try:
        return AutoConfig.for_model(**raw)
    except Exception as error:  # whatever a key of the wrong type sets off
        log.warning("transformers refuses %s: %s", path.name, error)
        raise FailedPrecondition(
            f"{path.name} does not describe a network; the log has the reason", reason="WEIGHTS"
        ) from None
