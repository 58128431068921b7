"""People through the whole of a cluster: enrolled, found, renamed, exported and erased."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from seom import (
    AlreadyExists,
    AsyncClient,
    Client,
    Gallery,
    InvalidArgument,
    NotFound,
    Person,
    SeomError,
    Unavailable,
)
from seom.pb.v1 import gallery_pb2 as pb
from seom.pb.v1.gallery_pb2_grpc import GalleryServiceStub
from serving.cluster.state import ClusterHome
from serving.models.face.example import drawn
from tests.conftest import RunningCluster
from tests.errors import details_of
from tests.integration.gallery.conftest import Photo
from tests.integration.gallery.tenants import ACME, Caller, Guarded
from tests.integration.test_failures import settled
from tests.unit.gallery.test_names import HOSTILE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def seom(guarded: Guarded) -> Iterator[Client]:
    with guarded.client(ACME) as client:
        yield client


@pytest.fixture
def gallery(seom: Client, request: pytest.FixtureRequest) -> Iterator[Gallery]:
    """One of the test's own."""
    gallery = seom.gallery(request.node.name.partition("[")[0][:60])
    yield gallery
    if gallery.name in {each.name for each in seom.galleries()}:
        gallery.delete_gallery()


@pytest.fixture
def photos(data: Path) -> Path:
    return data / "images" / "faces"


def test_life(seom: Client, gallery: Gallery, photos: Path) -> None:
    barack = gallery.enroll("Barack", [photos / "obama.jpg"], keep_images=True)
    gallery.enroll("Joe", [photos / "biden.jpg"])
    assert (barack.count, barack.photographs[0].model) == (1, "faces@1")
    (face,) = gallery.identify(photos / "obama3.jpg", top_k=2)
    assert face.person == "Barack"
    assert face.similarity == pytest.approx(0.766, abs=0.03)
    assert [each.person for each in face.candidates] == ["Barack", "Joe"]
    assert face.margin == pytest.approx(
        face.candidates[0].similarity - face.candidates[1].similarity, abs=1e-5
    )
    strangers = gallery.identify(photos / "three_people.jpg")
    assert len(strangers) > 2
    assert {each.person for each in strangers} == {None}
    assert gallery.verify("Barack", photos / "obama3.jpg").same_person
    assert not gallery.verify("Joe", photos / "obama3.jpg").same_person
    assert [(each.name, each.count) for each in gallery.persons()] == [("Barack", 1), ("Joe", 1)]
    (info,) = (each for each in seom.galleries() if each.name == gallery.name)
    assert (info.persons, info.photographs) == (2, 2)

    more = gallery.add("Barack", [photos / "obama3.jpg"], etag=barack.etag)
    with pytest.raises(SeomError) as stale:
        gallery.rename("Barack", "B. Obama", etag=barack.etag)
    assert (stale.value.status, stale.value.reason) == ("ABORTED", "STALE_ETAG")
    renamed = gallery.rename("Barack", "버락 오바마", etag=more.etag)
    assert (renamed.name, renamed.count) == ("버락 오바마", 2)
    exported = list(gallery.export())
    assert [each.person for each in exported] == ["버락 오바마", "Joe", "버락 오바마"]
    assert exported[0].image == (photos / "obama.jpg").read_bytes()
    assert [each.image for each in exported[1:]] == [None, None]
    lengths = [np.linalg.norm(each.embedding) for each in exported]
    assert lengths == pytest.approx([1, 1, 1], abs=1e-5)

    left = gallery.delete_photograph("버락 오바마", barack.photographs[0].id)
    assert left.count == 1
    gallery.delete("버락 오바마")
    assert not gallery.identify(photos / "obama3.jpg")[0].person
    gallery.delete_gallery()
    with pytest.raises(NotFound):
        gallery.identify(photos / "obama3.jpg")


def test_refusals_have_their_reasons(gallery: Gallery, photos: Path, data: Path) -> None:
    for bad, reason in (
        (data / "images" / "objects" / "coffee.png", "NO_FACE"),
        (photos / "three_people.jpg", "SEVERAL_FACES"),
        (b"no picture", "IMAGE_FORMAT"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            gallery.enroll("Mina", [photos / "obama.jpg", bad])
        assert caught.value.reason == reason
        assert {field.path for field in caught.value.fields} == {"images[1].encoded"}
    with pytest.raises(NotFound):
        list(gallery.persons())
    gallery.enroll("Mina", [drawn(1).encoded])
    with pytest.raises(AlreadyExists):
        gallery.enroll("Mina", [drawn(1).encoded])


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_names(guarded: Guarded, case: str) -> None:
    bad = HOSTILE[case]
    with guarded.caller(ACME) as call:
        for request, field in (
            (pb.ExportGalleryRequest(gallery=bad), "gallery"),
            (pb.DeleteGalleryRequest(gallery=bad), "gallery"),
            (pb.GetPersonRequest(gallery="kim", person=bad), "person"),
        ):
            error = call.refusal(request)
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert set(details_of(error).fields) == {field}
            assert len(error.details()) < 300


@pytest.mark.parametrize("application", ["identity", "_control", "nobody"])
def test_calls_that_were_led_astray(guarded: Guarded, photo: Photo, application: str) -> None:
    """Another model's replica passes them on to control, and control to the model."""
    astray = [("application", application)]
    asked: dict[str, Any] = {"model_name": "faces", "gallery": f"astray.{application.strip('_')}"}
    with guarded.caller(ACME) as call:
        made = call(pb.EnrollRequest(**asked, person="Mina", images=[photo(1)]), astray)
        assert (made.model_name, made.person.name) == ("faces", "Mina")
        (face,) = call(pb.IdentifyRequest(**asked, image=photo(1)), astray).faces
        assert face.person == "Mina"
        exported = call(pb.ExportGalleryRequest(**asked), astray)
        assert [each.person for each in exported] == ["Mina"]
        error = call.refusal(pb.EnrollRequest(**asked, person="Mina", images=[photo(1)]), astray)
        assert error.code() is grpc.StatusCode.ALREADY_EXISTS
        assert details_of(error).resource == ("person", "Mina")
        call(pb.DeleteGalleryRequest(**asked), astray)
        error = call.refusal(pb.ExportGalleryRequest(**asked), astray)
        assert error.code() is grpc.StatusCode.NOT_FOUND


async def test_awaited(guarded: Guarded, photos: Path) -> None:
    async with AsyncClient(guarded.cluster.address, token=ACME, timeout=60) as seom:
        gallery = seom.gallery("awaited")
        await gallery.enroll("Barack", [photos / "obama.jpg"])
        (face,) = await gallery.identify(photos / "obama3.jpg")
        assert face.person == "Barack"
        assert [each.person async for each in gallery.export()] == ["Barack"]
        await gallery.delete_gallery()


def test_the_command(
    guarded: Guarded, gallery: Gallery, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = guarded.cluster
    monkeypatch.setitem(cluster.environment, "SEOM_TOKEN", ACME)

    def told(*arguments: str) -> str:
        done = cluster.seom("gallery", *arguments, "--address", cluster.address)
        assert done.returncode == 0, done.stderr
        return done.stdout

    name, badge, gate = gallery.name, str(photos / "obama.jpg"), str(photos / "obama3.jpg")
    assert told("enroll", name, "Barack", badge) == f"Barack is in {name} with 1 photograph\n"
    assert "1 face, 1 known" in told("identify", name, gate)
    assert "shows Barack" in told("verify", name, "Barack", gate)
    told("rename", name, "Barack", "B. Obama")
    assert "B. Obama" in told("list", name)
    assert json.loads(told("export", name))["person"] == "B. Obama"
    told("delete", name, "--everybody")
    assert name not in told("list")


# Two replicas ------------------------------------------------------------------------


def test_what_one_replica_enrolled_the_other_finds(guarded: Guarded, photo: Photo) -> None:
    with guarded.caller(ACME) as call:
        for person in ("Joe", "Barack"):
            image = photo("biden.jpg" if person == "Joe" else "obama.jpg")
            made = call(pb.EnrollRequest(gallery="both", person=person, images=[image]))
            by, begin = made.timing.replica, time.monotonic()
            while True:
                asked = pb.IdentifyRequest(gallery="both", image=photo("obama3.jpg"), threshold=-1)
                answer = call(asked)
                found = answer.faces[0].person
                if answer.timing.replica != by and found == person:
                    break
                assert time.monotonic() - begin < (1 if answer.timing.replica != by else 30)
        call(pb.DeleteGalleryRequest(gallery="both"))


class Enrolling(threading.Thread):
    """Enrols people one after the other until told to stop; a lost answer is asked for again."""

    def __init__(self, guarded: Guarded, gallery: str, number: int) -> None:
        super().__init__()
        self._guarded, self._gallery, self._number = guarded, gallery, number
        self._stop_asked = threading.Event()
        self.acknowledged: list[Person] = []
        self.lost = 0
        self.failure: Exception | None = None

    def run(self) -> None:
        photos = [drawn(1).encoded, drawn(2).encoded]
        with self._guarded.client(ACME, retries=False) as seom:
            gallery = seom.gallery(self._gallery)
            while not self._stop_asked.is_set():
                name = f"P{self._number}.{len(self.acknowledged)}"
                try:
                    self.acknowledged.append(gallery.enroll(name, photos, request_id=name))
                except Unavailable:
                    self.lost += 1
                except Exception as error:
                    self.failure = error
                    return

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(60)


def test_kill_9_of_a_replica_in_the_middle_of_enrolments(
    guarded: Guarded, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEOM_HOME", str(guarded.cluster.home))
    home = ClusterHome(guarded.cluster.port)
    victim, _ = settled(home, "faces", 2)
    clients = [Enrolling(guarded, gallery.name, number) for number in range(6)]
    for each in clients:
        each.start()
    wait(lambda: sum(len(each.acknowledged) for each in clients) >= 20)
    os.kill(victim, signal.SIGKILL)
    at_the_kill = [len(each.acknowledged) for each in clients]
    wait(
        lambda: all(
            len(each.acknowledged) > before + 1
            for each, before in zip(clients, at_the_kill, strict=True)
        )
    )
    for each in clients:
        each.stop()
    assert [each.failure for each in clients] == [None] * 6
    acknowledged = {person.name: person.etag for each in clients for person in each.acknowledged}
    there = {person.name: person for person in gallery.persons()}
    assert {name: person.etag for name, person in there.items()} == acknowledged
    assert {person.count for person in there.values()} == {2}
    assert sum(1 for _ in gallery.export()) == 2 * len(there)
    print(f"{sum(each.lost for each in clients)} answers of {len(there)} were lost")
    settled(home, "faces", 2)


def wait(condition: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_default_tenant(cluster: RunningCluster, photos: Path) -> None:
    """A cluster without tokens has one tenant, whatever is said."""
    with Client(cluster.address, timeout=60) as seom:
        seom.gallery("defaults").enroll("Barack", [photos / "obama.jpg"])
        assert seom.gallery("default/defaults").get("Barack").count == 1
        forged = {"x-seom-tenant": "acme"}
        (face,) = seom.gallery("defaults").identify(photos / "obama3.jpg", metadata=forged)
        assert face.person == "Barack"
        seom.gallery("defaults").delete_gallery()
    with grpc.insecure_channel(cluster.address) as channel:
        request = pb.GetPersonRequest(gallery="acme/defaults", person="Barack")
        error = Caller(GalleryServiceStub(channel)).refusal(request, [("x-seom-tenant", "acme")])
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
