"""PyTorch: the network of an encoder, from safetensors and its config.json."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import FailedPrecondition
from serving.models.base import Array, Device
from serving.runtimes.encoders import files
from serving.runtimes.encoders.options import EncoderOptions
from serving.runtimes.pytorch import installed, loaded, placed

log = logging.getLogger(__name__)

# `model_type` in config.json → how transformers' classes for it begin.
_KINDS = {
    "albert": "Albert",
    "bert": "Bert",
    "deberta": "Deberta",
    "deberta-v2": "DebertaV2",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "mpnet": "MPNet",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
}
_ENDS = {"embed": "Model", "classify": "ForSequenceClassification"}
_ACTIVATIONS = ("Identity", "Tanh")


class Network:
    """A loaded network: called with tokens, it gives a vector or scores for each text.

    context: tokens it has places for; vocabulary: their ids are below

    Raises FailedPrecondition for a folder that is no such network, and for a GPU or
    libraries that are not there.
    """

    def __init__(self, folder: Path, options: EncoderOptions, device: Device) -> None:
        torch = installed()
        self._classifies = options.task == "classify"
        self._recipe = files.Recipe() if self._classifies else files.recipe(folder)
        config = _configuration(folder)
        self._device = placed(device)
        dtype = _dtype(torch, options.dtype, config, device)
        network = loaded(
            _KINDS[config.model_type] + _ENDS[options.task],
            config,
            sorted(folder.glob("*.safetensors")),
            # What is called the pooler is for classification.
            spared=None if self._classifies else "pooler.",
        )
        self._network = network.to(self._device, dtype)
        self._dense = [_dense(torch, path).to(self._device) for path in self._recipe.dense]
        self._padding = int(config.pad_token_id or 0)
        self._activation = _activation(torch, config)
        self.context, self.vocabulary = _places(self._network), int(config.vocab_size)
        self.width = int(self._dense[-1][0].out_features if self._dense else config.hidden_size)
        self.labels = tuple(str(config.id2label[number]) for number in sorted(config.id2label))

    def __call__(self, texts: Sequence[Sequence[int]]) -> Array:
        """float32 [texts, width] or [texts, labels]."""
        import torch

        lengths = torch.tensor([len(text) for text in texts])
        mask = torch.arange(int(lengths.max())) < lengths[:, None]
        ids = torch.full(mask.shape, self._padding)
        ids[mask] = torch.tensor([token for text in texts for token in text])
        ids, mask, lengths = (each.to(self._device) for each in (ids, mask, lengths))
        with torch.inference_mode():
            found = self._network(input_ids=ids, attention_mask=mask.long())
            if self._classifies:
                made = self._activation(found.logits.float())
            else:
                made = self._pool(found.last_hidden_state.float(), mask, lengths)
                for layer in self._dense:
                    made = layer(made)
            return np.asarray(made.cpu().numpy())

    def _pool(self, states: Any, mask: Any, lengths: Any) -> Any:
        if self._recipe.pooling == "cls":
            return states[:, 0]
        if self._recipe.pooling == "last":
            return states[range(len(states)), lengths - 1]
        return (states * mask[:, :, None]).sum(1) / lengths[:, None]


def _configuration(folder: Path) -> Any:
    """config.json as transformers' configuration of it."""
    from transformers import AutoConfig

    if files.read(folder / "config.json").get("model_type") not in _KINDS:
        raise FailedPrecondition(
            f"config.json: model_type must be one of {', '.join(_KINDS)}", reason="WEIGHTS"
        )
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a key of the wrong type sets off
        log.warning("transformers refuses config.json: %s", error)
        raise FailedPrecondition(
            "config.json does not describe a network; the log has the reason", reason="WEIGHTS"
        ) from None


def _dense(torch: Any, folder: Path) -> Any:
    """One of sentence-transformers' dense layers, and what follows it."""
    from safetensors.torch import load_file

    said = files.read(folder / "config.json")
    activation = str(said.get("activation_function", "Identity")).rpartition(".")[2]
    if activation not in _ACTIVATIONS:
        raise files.refused(f"{folder.name}/config.json: {activation}", ", ".join(_ACTIVATIONS))
    try:
        layer = torch.nn.Linear(said["in_features"], said["out_features"], said.get("bias", True))
        weights = load_file(folder / "model.safetensors")
        layer.load_state_dict({name.rpartition(".")[2]: weights[name] for name in weights})
    except Exception as error:
        log.warning("the weights of %s do not load: %s", folder.name, error)
        raise FailedPrecondition(
            f"the weights in {folder.name} do not load as safetensors", reason="WEIGHTS"
        ) from None
    return torch.nn.Sequential(layer.float(), getattr(torch.nn, activation)()).eval()


def _activation(torch: Any, config: Any) -> Any:
    """Logits to scores, as vLLM has it."""
    if config.problem_type == "regression":
        return torch.nn.Identity()
    if config.problem_type == "multi_label_classification" or config.num_labels == 1:
        return torch.nn.Sigmoid()
    return torch.nn.Softmax(-1)


def _dtype(torch: Any, asked: str, config: Any, device: Device) -> Any:
    """What it computes in: a CPU knows the half precisions, but is slower in them."""
    if asked != "auto":
        return getattr(torch, asked)
    return (device.gpu and config.dtype) or torch.float32


def _places(network: Any) -> int:
    """Positions of tokens; some networks count them from the padding's on."""
    places = int(network.config.max_position_embeddings)
    tables = [m for name, m in network.named_modules() if name.endswith("position_embeddings")]
    if tables and (padding := getattr(tables[0], "padding_idx", None)) is not None:
        places -= padding + 1
    return places
