"""A released StyleGAN pickle into model.safetensors and config.json; executes nothing of it.

The pickle is opened in a process of its own (`sealed`), and what that writes is trusted no
more than any other checkpoint: names, shapes and values are checked before it gets a place.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from serving.errors import FailedPrecondition
from serving.runtimes.stylegan.sealed import REFUSED

_FILES = ("model.safetensors", "config.json")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pickle may be and take: bytes of the file and of memory, seconds of computing."""

    file: int = 2 << 30
    memory: int = 6 << 30
    seconds: int = 300


def convert(pickle: Path, out: Path, *, which: str = "G_ema", limits: Limits | None = None) -> None:
    """Writes the folder `out` with both files, whole or not at all.

    which: the network of the pickle, as a rule the averaged generator

    Raises FailedPrecondition for a file that is too large, truncated, or no such pickle, for
    one that asks for anything but tensors and their names, and for an `out` with other files.
    """
    limits = limits or Limits()
    if not pickle.is_file():
        raise _wrong(f"{pickle.name} is no file")
    if pickle.stat().st_size > limits.file:
        raise _wrong(f"{pickle.name} is larger than {limits.file >> 20} MiB")
    if out.exists() and not (out.is_dir() and {each.name for each in out.iterdir()} <= {*_FILES}):
        raise _wrong(f"{out.name} exists and holds other files; name a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as made:
        _open(pickle, Path(made), which, limits)
        _check(Path(made))
        out.mkdir(exist_ok=True)
        for name in _FILES:
            os.replace(Path(made) / name, out / name)


def _open(pickle: Path, made: Path, which: str, limits: Limits) -> None:
    command = [sys.executable, "-I", "-m", "serving.runtimes.stylegan.sealed",
               os.fspath(pickle.resolve()), os.fspath(made.resolve()), which,
               str(limits.memory), str(limits.seconds)]  # fmt: skip
    # Threads of BLAS would count against the memory, each with a stack and an arena.
    environment = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=2 * limits.seconds + 10,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _wrong(f"{pickle.name} took too long to read") from None
    if done.returncode == REFUSED and done.stdout:
        raise _wrong(f"{pickle.name}: {done.stdout.strip()}")
    if done.returncode:
        raise _wrong(
            f"{pickle.name} could not be read within {limits.memory >> 20} MiB of memory "
            f"and {limits.seconds} s; it is damaged or no StyleGAN pickle"
        )


def _check(made: Path) -> None:
    from serving.models.base import Device
    from serving.runtimes.stylegan.checkpoint import read_generator

    read_generator(made / "model.safetensors", made / "config.json", Device())


def _wrong(problem: str) -> FailedPrecondition:
    return FailedPrecondition(problem, reason="WEIGHTS")
