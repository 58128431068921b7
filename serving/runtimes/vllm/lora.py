"""An adapter's files, examined before anything of them is loaded; refuses what is not as
model.yaml says, what lies elsewhere, and what is pickled."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

from serving.errors import FailedPrecondition
from serving.repository.weights import digest
from serving.runtimes.vllm.options import Adapter

# What adapters of most models change: attention and the layers between.
USUAL = frozenset({"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"})
# Were it adapted, vLLM would die of the first request for the log-probabilities of a prompt
# that is computed beside others: it takes the rows of one for those of the other.
_HEAD = "lm_head"

_TENSORS = "adapter_model.safetensors"
_SETTINGS = "adapter_config.json"
_PICKLED = ("adapter_model.bin", "adapter_model.pt")  # what vLLM would unpickle
_MOST_HEADER = 100_000_000  # bytes; the format's own bound


@dataclass(frozen=True, slots=True)
class Files:
    """An adapter's folder, and the names of the layers it changes (`q_proj`)."""

    folder: Path
    modules: frozenset[str]


def verify(folder: Path, adapter: Adapter) -> Files:
    """The adapter's files, once all is as model.yaml says.

    folder: the model's; raises FailedPrecondition
    """
    place = folder / adapter.folder
    for name in (_TENSORS, _SETTINGS):
        if not (place / name).resolve().is_relative_to(folder.resolve()):
            raise unfit(adapter, "leads out of the model's folder", "WEIGHTS")
    for name in _PICKLED:
        if (place / name).exists():
            raise unfit(
                adapter, f"{name} is a pickle, which may run code; keep only {_TENSORS}", "WEIGHTS"
            )
    if not (place / _TENSORS).is_file():
        raise unfit(adapter, f"has no {_TENSORS}", "WEIGHTS")
    if adapter.sha256 is not None and digest(place / _TENSORS) != adapter.sha256:
        raise unfit(adapter, f"{_TENSORS} does not have the sha256 of model.yaml", "WEIGHTS")
    rank = _rank(place / _SETTINGS, adapter)
    if rank > adapter.rank:
        raise unfit(
            adapter, f"is of rank {rank}, and model.yaml says {adapter.rank}; write rank: {rank}"
        )
    modules = _modules(place / _TENSORS, adapter)
    if _HEAD in modules:
        raise unfit(adapter, f"changes {_HEAD}, which is not served; train it without")
    return Files(place, modules)


def unfit(adapter: Adapter, problem: str, reason: str = "ADAPTER") -> FailedPrecondition:
    return FailedPrecondition(f"adapter {adapter.name!r}: {problem}", reason=reason)


def _rank(path: Path, adapter: Adapter) -> int:
    """The largest rank of any of its matrices."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        ranks = [written["r"], *(written.get("rank_pattern") or {}).values()]
        return max(int(rank) for rank in ranks)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise unfit(adapter, f"has no readable {_SETTINGS} that tells its rank `r`") from None


def _modules(path: Path, adapter: Adapter) -> frozenset[str]:
    """The layers it changes, of the tensors' names: `….self_attn.q_proj.lora_A.weight`.

    A safetensors file begins with the length of a JSON header, little-endian in 8 bytes.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _MOST_HEADER:
                raise ValueError("no header is that long")
            names = list(json.loads(file.read(length)))
    except (struct.error, ValueError, TypeError):
        raise unfit(adapter, f"{_TENSORS} is no safetensors file") from None
    found = set()
    for name in names:
        module, _, lora = name.partition(".lora_")
        if lora:
            found.add(module.rpartition(".")[2])
    return frozenset(found)
