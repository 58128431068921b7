"""A cluster of two tenants that keeps people, and replicas in processes of their own."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from seom.pb.v1 import common_pb2
from seom.pb.v1 import gallery_pb2 as pb
from serving.models.face.example import drawn
from tests.conftest import ROOT, new_cluster
from tests.integration.gallery.processes import ReplicaProcess, running_replica
from tests.integration.gallery.tenants import ACME, OTHER, TOKENS, Guarded, Two
from tests.small_models import write_repository
from tests.unit.gallery.postgres import binaries, running

Photo = Callable[[str | int], common_pb2.Image]


@pytest.fixture(scope="session")
def photo(data: Path) -> Photo:
    """A photograph of the test data by its name, a drawn one by its number."""

    def image(which: str | int) -> common_pb2.Image:
        if isinstance(which, int):
            return common_pb2.Image(encoded=drawn(which).encoded)
        return common_pb2.Image(encoded=(data / "images" / "faces" / which).read_bytes())

    return image


@pytest.fixture(scope="package")
def repository(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real face models in two replicas, and another model to be led astray to."""
    root = write_repository(tmp_path_factory.mktemp("repository"))
    entry = root / "cpu" / "faces"
    shutil.copytree(
        ROOT / "model_repo" / "cpu" / "faces", entry, ignore=shutil.ignore_patterns("[0-9]")
    )
    file = entry / "model.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["resources"] = {"replicas": 2, "cpus": 0.5}
    file.write_text(yaml.safe_dump(settings))
    return root


@pytest.fixture(scope="package")
def guarded(data: Path, repository: Path) -> Iterator[Guarded]:
    """A cluster with tokens of two tenants, and one of no right to faces."""
    cluster = new_cluster(repository)
    cluster.environment.pop("SEOM_GALLERY_URL", None)
    cluster.environment["SEOM_MIRROR"] = str(data / "models")
    entries = [
        {"sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": ["infer"], **entry}
        for token, entry in TOKENS.items()
    ]
    file = cluster.home / "tokens.yaml"
    file.write_text(yaml.safe_dump({"tokens": entries}))
    try:
        cluster.up("--models", "faces,identity", "--tokens", str(file))
        yield Guarded(cluster)
    finally:
        cluster.down()
        shutil.rmtree(cluster.home, ignore_errors=True)


@pytest.fixture(scope="package")
def postgres() -> Iterator[str]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL here (apt-get install postgresql)")
    with running(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where galleries are; PostgreSQL outlives a test, so tests have tenants of their own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'galleries.db'}"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def replica(
    data: Path, repository: Path, url: str
) -> Callable[[], AbstractContextManager[ReplicaProcess]]:
    """Starts a replica of `faces` on the database of the test."""

    def start() -> AbstractContextManager[ReplicaProcess]:
        mirror = str(data / "models")
        return running_replica(repository, {"SEOM_GALLERY_URL": url, "SEOM_MIRROR": mirror})

    return start


@pytest.fixture(scope="package")
def two(guarded: Guarded, photo: Photo) -> Iterator[Two]:
    with guarded.caller(ACME) as acme, guarded.caller(OTHER) as other:
        mina = pb.EnrollRequest(
            model_name="faces",
            gallery="kim",
            person="Mina",
            images=[photo(1), photo(3)],
            request_id="first",
            keep_images=True,
        )
        made = acme(mina).person
        acme(pb.EnrollRequest(gallery="kim", person="Joe", images=[photo("biden.jpg")]))
        acme(pb.EnrollRequest(gallery="lee", person="Jun", images=[photo(2)]))
        theirs = pb.EnrollRequest(gallery="kim", person="Mina", images=[photo(4), photo(5)])
        yield Two(acme, other, made, other(theirs).person, photo("biden.jpg"))


@pytest.fixture
def unharmed(two: Two) -> Iterator[None]:
    """After the test acme has what it had, to the byte."""

    def state() -> tuple[Any, ...]:
        people = [
            two.acme(pb.GetPersonRequest(gallery=gallery, person=person)).person
            for gallery, person in (("kim", "Mina"), ("kim", "Joe"), ("lee", "Jun"))
        ]
        listed = two.acme(pb.ListGalleriesRequest()).galleries
        return people, list(listed), two.acme.everything("kim"), two.acme.everything("lee")

    before = state()
    yield
    assert state() == before
