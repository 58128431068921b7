"""A cluster with its HTTP door open: a llama with adapters, an embedder, and tokens.

What sees is asked in the cluster of all tests, whose door is open to everybody.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from openai import OpenAI

pytest.importorskip("vllm", reason="vLLM is not installed")

from tests.chat_models.repository import write_chat_model
from tests.conftest import RunningCluster, new_cluster

TOKENS = {
    "everything": {"tenant": "acme", "scopes": ["infer"], "models": ["*"]},
    "narrow": {"tenant": "bmce", "scopes": ["infer"], "models": ["llama"]},
    "admin": {"tenant": "root", "scopes": ["admin"], "models": ["*"]},
}
# Two answers together and one that waits: what more there is finds no place.
PLACES = 3


@dataclass
class Opened:
    cluster: RunningCluster

    @property
    def url(self) -> str:
        return f"http://{self.cluster.http}"

    def client(self, token: str = "everything") -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=token, max_retries=0, timeout=60)


@pytest.fixture(scope="package")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    repository = tmp_path_factory.mktemp("repository")
    write_chat_model(repository, "llama", "sequences: 2\nlimits: {queue: 1}\n")
    write_chat_model(repository, "embedder")
    tokens = repository / "tokens.yaml"
    entries = [
        {"sha256": hashlib.sha256(name.encode()).hexdigest(), **rights}
        for name, rights in TOKENS.items()
    ]
    tokens.write_text(yaml.safe_dump({"tokens": entries}))
    running = new_cluster(Path(repository))
    try:
        running.up("--http-address", running.http, "--tokens", str(tokens))
        yield Opened(running)
    finally:
        running.down()
        shutil.rmtree(running.home, ignore_errors=True)


@pytest.fixture
def client(opened: Opened) -> Iterator[OpenAI]:
    with opened.client() as client:
        yield client


@pytest.fixture
def seeing(cluster: RunningCluster) -> Iterator[OpenAI]:
    with Opened(cluster).client() as client:
        yield client
