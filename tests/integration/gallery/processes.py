"""Replicas of `faces` in processes of their own, on bare gRPC servers: to be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from seom.pb.v1.gallery_pb2_grpc import GalleryServiceStub
from tests.conftest import ROOT


@dataclass(frozen=True)
class ReplicaProcess:
    process: subprocess.Popen[str]
    stub: Any

    def kill(self) -> None:
        """SIGKILL; returns when there is nothing left of it."""
        self.process.kill()
        self.process.wait(10)


@contextmanager
def running_replica(repository: Path, environment: Mapping[str, str]) -> Iterator[ReplicaProcess]:
    command = [sys.executable, "-m", "serving.replica.bare", "--repo", str(repository)]
    with subprocess.Popen(
        [*command, "--model", "faces"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = json.loads(process.stdout.readline())["port"]
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield ReplicaProcess(process, GalleryServiceStub(channel))
        finally:
            process.kill()
