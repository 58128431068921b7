"""Released pickles become safetensors, and nothing in them runs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from serving.cli import convert as command
from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.runtimes.stylegan.arguments import parse
from serving.runtimes.stylegan.checkpoint import read_arguments, read_generator
from serving.runtimes.stylegan.convert import Limits, convert
from serving.runtimes.stylegan.sealed import _sealed
from serving.runtimes.stylegan.unpickle import Refused
from tests.synthesis_models import MODELS
from tests.synthesis_models.weights import draw
from tests.unit.runtimes.stylegan import pickles


class Canary:
    """Makes a file when it is unpickled by anything that executes."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind

    def __reduce__(self) -> Any:
        return {
            "open": (open, (str(self.path), "w")),
            "system": (os.system, (f"touch {self.path}",)),
            "exec": (exec, (f"open({str(self.path)!r}, 'w')",)),
            "getattr": (getattr, (Path(self.path), "touch")),
            "run": (subprocess.run, (["touch", str(self.path)],)),
        }[self.kind]


def small(name: str, source: str = pickles.SOURCE) -> Any:
    return {
        "G": None,
        "training_set_kwargs": {},
        "G_ema": pickles.network(draw(MODELS[name]), MODELS[name], source),
    }


@pytest.mark.parametrize("name", ["stylegan2", "stylegan2-resid", "stylegan3-r"])
def test_a_network_comes_through(models: Path, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    source = f"open({str(canary)!r}, 'w')"
    convert(pickles.dump(small(name, source), tmp_path / "g.pkl"), tmp_path / "out")
    assert not canary.exists()
    assert sorted(os.listdir(tmp_path / "out")) == ["config.json", "model.safetensors"]
    assert sorted(os.listdir(tmp_path)) == ["g.pkl", "out"], "nothing is left beside it"
    assert read_arguments(tmp_path / "out" / "config.json") == parse(MODELS[name])
    generators = [
        read_generator(folder / "model.safetensors", folder / "config.json", Device())
        for folder in (tmp_path / "out", models / name)
    ]
    w = np.random.RandomState(1).randn(1, generators[0].num_ws, 32)
    images = [generator.synthesize(w) for generator in generators]
    np.testing.assert_allclose(images[0], images[1], atol=1e-4)
    tensors = [load_file(each / "model.safetensors") for each in (tmp_path / "out", models / name)]
    assert tensors[0].keys() == tensors[1].keys()
    for key, tensor in tensors[0].items():
        np.testing.assert_array_equal(tensor, tensors[1][key])


@pytest.mark.parametrize("kind", ["open", "system", "exec", "getattr", "run"])
def test_nothing_runs(tmp_path: Path, kind: str) -> None:
    canary = tmp_path / "canary"
    content = {"G_ema": pickles.network(draw(MODELS["stylegan2-orig"]), MODELS["stylegan2-orig"]),
               "augment_pipe": Canary(canary, kind)}  # fmt: skip
    path = pickles.dump(content, tmp_path / "bad.pkl")
    with pytest.raises(FailedPrecondition, match="not allowed") as raised:
        convert(path, tmp_path / "out")
    assert str(tmp_path) not in raised.value.message
    assert not canary.exists()
    assert not (tmp_path / "out").exists()
    if kind != "getattr":
        # The canary does sing where pickles are executed.
        with pytest.raises((AttributeError, ModuleNotFoundError)):
            pickle.loads(path.read_bytes())  # noqa: S301
        pickle.loads(pickle.dumps(Canary(canary, kind)))  # noqa: S301
        assert canary.exists()


def test_a_canary_inside_a_storage(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Storage:
        def __reduce__(self) -> Any:
            return torch.storage._load_from_bytes, (pickle.dumps(Canary(canary, "open")),)

    with pytest.raises(FailedPrecondition, match="not allowed"):
        convert(pickles.dump({"G_ema": Storage()}, tmp_path / "bad.pkl"), tmp_path / "out")
    assert not canary.exists()


def test_the_seal() -> None:
    code = (
        "import os\n"
        "from serving.runtimes.stylegan.sealed import _sealed\n"
        "from serving.runtimes.stylegan.unpickle import Refused\n"
        "deeds = [lambda: open('/tmp/x'), lambda: os.system('true'), lambda: exec('1'),\n"
        "         lambda: __import__('wave'), lambda: os.listdir('/')]\n"
        "with _sealed():\n"
        "    for deed in deeds:\n"
        "        try:\n"
        "            deed()\n"
        "        except Refused:\n"
        "            continue\n"
        "        raise SystemExit('it ran')\n"
        "os.listdir('/')\n"
    )
    # A process of its own: a hook stays for good.
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert _sealed
    assert issubclass(Refused, Exception)


def test_files_that_are_no_such_pickle(tmp_path: Path) -> None:
    whole = pickles.dump(small("stylegan2-orig"), tmp_path / "g.pkl").read_bytes()
    bad = tmp_path / "bad.pkl"
    for content, problem in (
        (whole[: len(whole) // 2], "truncated"),
        (b"", "truncated"),
        (b"hello world", "damaged"),
        (pickle.dumps({"G_ema": 3}), "no network G_ema"),
        (pickle.dumps([1, 2]), "no network G_ema"),
        (b"cdnnlib.tflib.network\nNetwork\n.", "TensorFlow"),
        # Counts that no file of this size can mean.
        (b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x.", "truncated|memory|damaged"),
        (b"\x80\x04r\xff\xff\xff\xff.", "damaged|memory"),
    ):
        bad.write_bytes(content)
        with pytest.raises(FailedPrecondition, match=problem):
            convert(bad, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_tensors_that_reach_too_far(tmp_path: Path) -> None:
    class Tensor:
        def __init__(self, *description: Any) -> None:
            self.description = description

        def __reduce__(self) -> Any:
            return torch._utils._rebuild_tensor_v2, (torch.zeros(4)._typed_storage(),
                                                     *self.description, False, {})  # fmt: skip

    for description in ((0, (5,), (1,)), (2, (3,), (1,)), (0, (2**40,), (0,)), (-1, (1,), (1,)),
                        (0, (2, 2), (1,)), (0, (2,), (-1,))):  # fmt: skip
        path = pickles.dump({"G_ema": Tensor(*description)}, tmp_path / "bad.pkl")
        with pytest.raises(FailedPrecondition, match="a tensor in the pickle"):
            convert(path, tmp_path / "out")


def test_limits(tmp_path: Path) -> None:
    path = pickles.dump(small("stylegan2-orig"), tmp_path / "g.pkl")
    with pytest.raises(FailedPrecondition, match="larger than"):
        convert(path, tmp_path / "out", limits=Limits(file=1000))
    # Six bytes that ask for a table of a quarter of a billion places.
    bomb = tmp_path / "bomb.pkl"
    bomb.write_bytes(b"\x80\x04]" + b"]r\xff\xff\xff\x0f" + b".")
    with pytest.raises(FailedPrecondition, match=r"memory|damaged"):
        convert(bomb, tmp_path / "out", limits=Limits(memory=700 << 20))
    # The hash of a pair of pairs of pairs … takes twice as long at each depth.
    bomb.write_bytes(b"\x80\x04})" + b"2\x86" * 60 + b"K\x01s.")
    with pytest.raises(FailedPrecondition, match="could not be read within"):
        convert(bomb, tmp_path / "out", limits=Limits(seconds=1))


def test_out_is_left_alone(tmp_path: Path) -> None:
    path = pickles.dump(small("stylegan2-orig"), tmp_path / "g.pkl")
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(FailedPrecondition, match="other files"):
        convert(path, out)
    with pytest.raises(FailedPrecondition, match="is no file"):
        convert(tmp_path / "none.pkl", out)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    path = pickles.dump(small("stylegan2-orig"), tmp_path / "g.pkl")
    given = parser.parse_args(["convert", "stylegan", str(path), str(tmp_path / "out")])
    assert given.run(given) == 0
    assert (tmp_path / "out" / "model.safetensors").exists()
    given = parser.parse_args(["convert", "stylegan", str(path), "x", "--network", "D"])
    assert given.run(given) == 1
    assert "no network D" in capsys.readouterr().err
