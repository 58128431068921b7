"""PyTorch and transformers where a model computes in them: found, and given its threads."""

from __future__ import annotations

from typing import Any

from serving.errors import FailedPrecondition
from serving.models.base import Device

PLATFORM = "pytorch_transformers"


def prepared(device: Device) -> Any:
    """The module `torch`, set to the device's threads.

    Raises FailedPrecondition where it is not installed, or cannot use the GPU that the
    model wants.
    """
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise FailedPrecondition(
            "the model needs PyTorch and transformers, which are not installed",
            reason="NOT_INSTALLED",
        ) from None
    if device.gpu and not torch.cuda.is_available():
        raise FailedPrecondition(
            "the model wants a GPU, and the installed PyTorch can use none; "
            "install its CUDA build or set resources.gpus to 0",
            reason="NO_GPU",
        )
    torch.set_num_threads(device.threads)
    return torch
