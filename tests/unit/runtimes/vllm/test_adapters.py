"""What an adapter's folder must be like before anything of it is loaded."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest

from serving.errors import FailedPrecondition
from serving.runtimes.vllm.lora import verify
from serving.runtimes.vllm.options import Adapter


def tensors(*modules: str) -> bytes:
    """A safetensors file of empty tensors."""
    names = [f"model.layers.0.self_attn.{module}.lora_A.weight" for module in modules]
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({"__metadata__": {}, **dict.fromkeys(names, entry)}).encode()
    return struct.pack("<Q", len(header)) + header


TENSORS = tensors("q_proj", "v_proj")
SHA256 = hashlib.sha256(TENSORS).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder with one adapter of rank 8."""
    place = tmp_path / "model" / "adapters" / "formal"
    place.mkdir(parents=True)
    (place / "adapter_model.safetensors").write_bytes(TENSORS)
    (place / "adapter_config.json").write_text(json.dumps({"r": 8}))
    return tmp_path / "model"


def adapter(rank: int = 8, sha256: str | None = SHA256) -> Adapter:
    return Adapter(name="formal", folder="adapters/formal", sha256=sha256, rank=rank)


def refused(folder: Path, asked: Adapter) -> str:
    with pytest.raises(FailedPrecondition) as raised:
        verify(folder, asked)
    assert str(folder) not in raised.value.message
    return raised.value.message


def test_what_is_as_written(folder: Path) -> None:
    files = verify(folder, adapter())
    assert files.folder == folder / "adapters/formal"
    assert files.modules == {"q_proj", "v_proj"}
    assert verify(folder, adapter(rank=16, sha256=None))


def test_another_sha256(folder: Path) -> None:
    assert "sha256" in refused(folder, adapter(sha256="0" * 64))


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt"])
def test_pickles_are_not_even_tolerated(folder: Path, name: str) -> None:
    place = folder / "adapters/formal"
    (place / name).write_bytes(b"")
    assert "pickle" in refused(folder, adapter())
    (place / "adapter_model.safetensors").unlink()
    assert "pickle" in refused(folder, adapter())


def test_nothing_there(folder: Path) -> None:
    (folder / "adapters/formal/adapter_model.safetensors").unlink()
    assert "has no adapter_model.safetensors" in refused(folder, adapter())


def test_links_out_of_the_model(folder: Path, tmp_path: Path) -> None:
    file = folder / "adapters/formal/adapter_model.safetensors"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert "leads out" in refused(folder, adapter())
    (folder / "adapters/formal").rename(tmp_path / "formal")
    (folder / "adapters/formal").symlink_to(tmp_path / "formal")
    assert "leads out" in refused(folder, adapter())


@pytest.mark.parametrize(
    ("written", "rank"), [({"r": 16}, 16), ({"r": 4, "rank_pattern": {"q_proj": 32}}, 32)]
)
def test_a_larger_rank_than_written(folder: Path, written: dict[str, object], rank: int) -> None:
    (folder / "adapters/formal/adapter_config.json").write_text(json.dumps(written))
    assert f"write rank: {rank}" in refused(folder, adapter())
    assert verify(folder, adapter(rank=rank))


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"r": null}', '{"r": 8, "rank_pattern": 3}'])
def test_no_rank_at_all(folder: Path, written: str) -> None:
    (folder / "adapters/formal/adapter_config.json").write_text(written)
    assert "adapter_config.json" in refused(folder, adapter())


def test_the_output_layer_stays_as_it_is(folder: Path) -> None:
    file = folder / "adapters/formal/adapter_model.safetensors"
    file.write_bytes(tensors("q_proj", "lm_head"))
    assert "lm_head" in refused(folder, adapter(sha256=None))


@pytest.mark.parametrize("written", [b"", b"PK", struct.pack("<Q", 2**63), bytes(64)])
def test_something_else_than_safetensors(folder: Path, written: bytes) -> None:
    (folder / "adapters/formal/adapter_model.safetensors").write_bytes(written)
    assert "no safetensors file" in refused(folder, adapter(sha256=None))
