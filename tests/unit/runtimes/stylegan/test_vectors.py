"""Directions are read from files of any honest shape, and from no other."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.vectors import read_array, read_direction


class Canary:
    """Makes a file when it is unpickled by anything that executes."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind

    def __reduce__(self) -> Any:
        return {
            "open": (open, (str(self.path), "w")),
            "system": (os.system, (f"touch {self.path}",)),
            "exec": (exec, (f"open({str(self.path)!r}, 'w')",)),
            "run": (subprocess.run, (["touch", str(self.path)],)),
        }[self.kind]


def save(path: Path, content: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, content)
    else:
        torch.save(content, path)
    return path


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(FailedPrecondition) as raised:
        read_direction(path, **options)
    assert raised.value.reason == "DIRECTION"
    message = raised.value.message
    assert message.startswith(path.name)
    assert str(path.parent) not in message
    return message


@pytest.mark.parametrize("suffix", [".npy", ".pt"])
@pytest.mark.parametrize("shape", [(16,), (1, 16), (1, 1, 16), (6, 16), (1, 6, 16), (16, 1)])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4"])
def test_shapes_and_types(tmp_path: Path, suffix: str, shape: tuple[int, ...], dtype: str) -> None:
    values = np.arange(1, np.prod(shape) + 1).reshape(shape).astype(dtype)
    path = save(tmp_path / f"d{suffix}", values if suffix == ".npy" else torch.tensor(values))
    direction = read_direction(path)
    wanted = np.atleast_2d(values.astype(np.float64).reshape(shape[-2:]))
    assert direction.dtype == np.float32
    assert direction.shape == wanted.shape
    np.testing.assert_allclose(direction, wanted / np.linalg.norm(wanted), rtol=1e-6)


@pytest.mark.parametrize("size", [1e300, 1e-300, 1e-310])
def test_length_is_nothing_to_a_direction(tmp_path: Path, size: float) -> None:
    direction = read_direction(save(tmp_path / "d.npy", np.array([3.0, -4.0]) * size))
    np.testing.assert_allclose(direction, [[0.6, -0.8]], rtol=1e-6)


def test_what_numpy_and_torch_write_besides(tmp_path: Path) -> None:
    big = np.array([3, 4], ">f8")
    np.testing.assert_allclose(read_direction(save(tmp_path / "d.npy", big)), [[0.6, 0.8]])
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    read = read_direction(save(tmp_path / "f.npy", fortran))
    np.testing.assert_allclose(read, fortran / np.linalg.norm(fortran), rtol=1e-6)
    parameter = torch.nn.Parameter(torch.tensor([[3.0, 4.0]]))
    np.testing.assert_allclose(read_direction(save(tmp_path / "p.pt", parameter)), [[0.6, 0.8]])
    half = torch.tensor([3.0, 4.0], dtype=torch.bfloat16)
    np.testing.assert_allclose(read_direction(save(tmp_path / "h.pt", half)), [[0.6, 0.8]])


@pytest.mark.parametrize("suffix", [".npy", ".pt"])
@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1.0, np.nan], "not finite"),
        ([1.0, np.inf], "not finite"),
        ([0.0, 0.0], "is zero"),
        ([1 + 1j, 2], "real numbers"),
        ([True, False], "real numbers"),
        (np.ones((2, 3, 4)), "of shape"),
        (np.ones(()), "of shape"),
        (np.ones((2, 101)), "200 "),
    ],
)
def test_numbers_that_are_no_direction(
    tmp_path: Path, suffix: str, values: Any, problem: str
) -> None:
    values = np.array(values)
    path = save(tmp_path / f"d{suffix}", values if suffix == ".npy" else torch.tensor(values))
    assert problem in refused(path, max_numbers=200)


def test_no_numbers_at_all(tmp_path: Path) -> None:
    refused(save(tmp_path / "d.npy", np.zeros((0, 4))))
    refused(save(tmp_path / "d.pt", torch.zeros(0, 4)))
    refused(save(tmp_path / "d.npy", np.array([(1.0, 2)], "f4,i4")))
    refused(save(tmp_path / "d.npy", np.array(["a", "b"])))
    for content in ({"direction": torch.ones(4)}, [torch.ones(4)], 3.0,
                    torch.ones(4).to_sparse(), torch.ones(4, device="meta")):  # fmt: skip
        refused(save(tmp_path / "d.pt", content))


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "missing" in refused(tmp_path / "d.npy")
    (tmp_path / "folder.npy").mkdir()
    assert "no file" in refused(tmp_path / "folder.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    assert "no file" in refused(tmp_path / "pipe.npy")
    (tmp_path / "d.pkl").write_bytes(pickle.dumps([1.0]))
    assert ".npy or .pt" in refused(tmp_path / "d.pkl")
    for suffix, whole in (
        (".npy", save(tmp_path / "d.npy", np.ones(64)).read_bytes()),
        (".pt", save(tmp_path / "d.pt", torch.ones(64)).read_bytes()),
    ):
        bad = tmp_path / f"bad{suffix}"
        for content in (b"", b"hello", whole[:10], whole[: len(whole) // 2], whole[:-1],
                        pickle.dumps([1.0]), b"PK\x05\x06" + bytes(18)):  # fmt: skip
            bad.write_bytes(content)
            refused(bad)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999999999999, 9), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 'x', }",
        "{'descr': '<f8'",
        "(" * 3000,
        "__import__('os').system('true')",
    ],
)
def test_headers_that_lie(tmp_path: Path, header: str) -> None:
    path = tmp_path / "d.npy"
    text = header.encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64))
    refused(path)


@pytest.mark.parametrize("kind", ["open", "system", "exec", "run"])
def test_nothing_runs(tmp_path: Path, kind: str) -> None:
    canary = tmp_path / "canary"
    objects = np.array([Canary(canary, kind), 1.0], object)
    npy = tmp_path / "d.npy"
    np.save(npy, objects, allow_pickle=True)
    pt = save(tmp_path / "d.pt", Canary(canary, kind))
    nested = save(tmp_path / "nested.pt", {"direction": torch.ones(4), "x": Canary(canary, kind)})
    bare = tmp_path / "bare.npy"
    bare.write_bytes(pickle.dumps(Canary(canary, kind)))
    for path in (npy, pt, nested, bare):
        refused(path)
    assert not canary.exists()
    # The canary does sing where pickles are executed.
    torch.load(pt, weights_only=False)
    assert canary.exists()


def test_pt_files_that_would_fill_memory(tmp_path: Path) -> None:
    repeated = torch.ones(1).expand(2**20, 2**20)
    assert "at most" in refused(save(tmp_path / "d.pt", repeated))
    honest = save(tmp_path / "honest.pt", torch.zeros(2**16))
    assert "too large" in refused(honest, max_numbers=100)
    bomb = tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(honest) as whole,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    assert bomb.stat().st_size < honest.stat().st_size / 10
    assert "no .pt file" in refused(bomb)


def test_pt_files_of_before_1_6(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save(torch.ones(4), path, _use_new_zipfile_serialization=False)
    assert "current PyTorch" in refused(path)


def test_damage_never_raises_anything_else(tmp_path: Path) -> None:
    random = np.random.RandomState(3)
    for name, content in (("d.npy", np.ones(8)), ("d.pt", torch.ones(8))):
        whole = save(tmp_path / name, content).read_bytes()
        for _ in range(150):
            damaged = bytearray(whole)
            for place in random.randint(0, len(whole), 3):
                damaged[place] = random.randint(256)
            (tmp_path / name).write_bytes(damaged)
            try:
                direction = read_direction(tmp_path / name)
            except FailedPrecondition:
                continue
            np.testing.assert_allclose(np.linalg.norm(direction), 1, rtol=1e-5)


def test_an_array_stays_on_disk(tmp_path: Path) -> None:
    array = read_array(save(tmp_path / "w.npy", np.ones((100, 8), np.float32)), 2**20)
    assert isinstance(array, np.memmap)
    buffer = io.BytesIO()
    np.save(buffer, array)
    assert buffer.getvalue() == (tmp_path / "w.npy").read_bytes()
