"""PyTorch and transformers where a model computes in them: found, given a device, and loaded.

Only architectures that transformers itself defines are built, nothing is unpickled and
nothing is asked of a hub.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from serving.errors import FailedPrecondition
from serving.models.base import Device

log = logging.getLogger(__name__)

PLATFORM = "pytorch_transformers"


def installed() -> Any:
    """The module `torch`; raises FailedPrecondition where it or transformers is missing."""
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise FailedPrecondition(
            "the model needs PyTorch and transformers, which are not installed",
            reason="NOT_INSTALLED",
        ) from None
    return torch


def placed(device: Device) -> Any:
    """The `torch.device` to compute on, with its threads set.

    Raises FailedPrecondition for a GPU that PyTorch cannot use.
    """
    import torch

    if device.gpu and not torch.cuda.is_available():
        raise FailedPrecondition(
            "the model wants a GPU, and the installed PyTorch can use none; "
            "install its CUDA build or set resources.gpus to 0",
            reason="NO_GPU",
        )
    torch.set_num_threads(device.threads)
    return torch.device("cuda" if device.gpu else "cpu")


def loaded(name: str, config: Any, files: Sequence[Path], spared: str | None = None) -> Any:
    """A network of transformers' class `name`, with its weights, every one of them.

    files: safetensors; spared: how tensors begin that may be missing, for nothing uses them
    Raises FailedPrecondition for weights that do not load, or do not fit.
    """
    import transformers
    from safetensors.torch import load_file

    library: Any = transformers
    library.logging.disable_progress_bar()
    try:
        weights: dict[str, Any] = {}
        for path in files:
            weights |= load_file(path)
        # transformers renames tensors of files that older versions of it have written.
        network, report = getattr(library, name).from_pretrained(
            None,
            config=config,
            state_dict=weights,
            local_files_only=True,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors and transformers have many kinds of their own
        log.warning("the weights do not load: %s", error)
        raise FailedPrecondition(
            "the weights do not load as safetensors of config.json's network; "
            "the log has the reason",
            reason="WEIGHTS",
        ) from None
    if spared:
        missing = report["missing_keys"]
        report["missing_keys"] = [tensor for tensor in missing if not tensor.startswith(spared)]
    wrong = {what: names for what, names in report.items() if names and what != "unexpected_keys"}
    if wrong:
        log.warning("the weights do not fit: %s", wrong)
        raise FailedPrecondition("the weights do not fit config.json", reason="WEIGHTS")
    return network.eval()
