"""What all tests share: the data beside the checkout, and one cluster for the whole run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.chat_models.repository import write_chat_model
from tests.small_models import write_detector, write_repository
from tests.synthesis_models.repository import write_synthesis_model

ROOT = Path(__file__).resolve().parent.parent
SEOM = Path(sys.executable).parent / "seom"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real weights, photographs and expected results; they lie beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no test data beside the checkout (../shared/data)")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningCluster:
    """A cluster started as a user starts it, by the command `seom`."""

    address: str
    repository: Path
    home: Path
    http: str = field(default_factory=lambda: f"127.0.0.1:{free_port()}")
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def seom(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SEOM), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def up(self, *arguments: str) -> None:
        done = self.seom(
            "up", "--detach", "--repo", str(self.repository), "--profile", "cpu",
            "--address", self.address, "--drain", "2", *arguments, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout + self.logs()

    def down(self) -> None:
        done = self.seom("down", "--address", self.address)
        assert done.returncode == 0, done.stderr + done.stdout

    def logs(self) -> str:
        return self.seom("logs", "--address", self.address, "-n", "30").stdout


def new_cluster(repository: Path) -> RunningCluster:
    # Ray's sockets lie below this folder, and the path of a socket is at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="seom-"))
    return RunningCluster(
        address=f"127.0.0.1:{free_port()}",
        repository=repository,
        home=home,
        environment={**os.environ, "SEOM_HOME": str(home)},
    )


def with_real_models(repository: Path) -> None:
    """Adds the models whose real weights lie beside the checkout, if they do."""
    mirror = ROOT.parent / "shared" / "data" / "models"
    if mirror.is_dir():
        os.environ.setdefault("SEOM_MIRROR", str(mirror))
        for name in ("yolox-nano", "faces", "mobilefacenet"):
            target = repository / "cpu" / name
            shutil.copytree(
                ROOT / "model_repo" / "cpu" / name, target, ignore=shutil.ignore_patterns("1")
            )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The cluster of all tests starts when nothing else is left: even idle, its twenty
    # processes take a good part of two cores.
    items.sort(key=lambda item: "cluster" in getattr(item, "fixturenames", ()))
    # Where workers share the tests (`make test`), the engines of the chat tests are started
    # by one worker alone, and the others take what is left.
    for item in items:
        package = item.path.parent.name
        group = package if package == "chat" else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """One cluster for every test that only reads: all small models, and the real ones."""
    repository = write_repository(tmp_path_factory.mktemp("repository"))
    write_detector(repository / "cpu" / "dots")
    with_real_models(repository)
    write_chat_model(repository, "llama", "default: true\nadapter_room: 2\nsequences: 8\n")
    write_chat_model(repository, "llava")
    write_synthesis_model(repository, "stylegan2", "batching: {max_batch_size: 4}\n")
    running = new_cluster(repository)
    try:
        running.up("--http-address", running.http)
        yield running
    finally:
        running.down()
        shutil.rmtree(running.home, ignore_errors=True)
