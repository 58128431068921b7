"""GalleryService on the real models: who is found, and each wrong call its status and reason."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from PIL import Image, ImageFilter

from seom.pb.v1 import common_pb2
from seom.pb.v1 import gallery_pb2 as pb
from seom.pb.v1.gallery_pb2_grpc import GalleryServiceStub
from serving.images.picture import Picture
from serving.models.face.example import drawn
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from tests.conftest import ROOT
from tests.errors import details_of
from tests.unit.gallery.test_names import HOSTILE
from tests.unit.replica.test_bad_images import WRONG, encoded

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = common_pb2.Image(encoded=encoded())
SECRET = "only the edge knows"


@pytest.fixture(scope="module")
def loaded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The real models, with a gallery of few people; it is where SEOM_HOME says."""
    root = tmp_path_factory.mktemp("model_repo")
    without = shutil.ignore_patterns("[0-9]")
    shutil.copytree(ROOT / "model_repo" / "cpu" / "faces", root / "cpu" / "faces", ignore=without)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEOM_GALLERY_URL", raising=False)
        patch.setenv("SEOM_MIRROR", str(data / "models"))
        patch.setenv("SEOM_HOME", str(tmp_path_factory.mktemp("home")))
        config = Repository(root, "cpu").find("faces")
        gallery = config.options.gallery.model_copy(update={"persons": 4, "photographs": 8})
        options = config.options.model_copy(update={"gallery": gallery})
        limits = config.limits.model_copy(update={"image_bytes": 4 * 2**20})
        config = config.model_copy(update={"options": options, "limits": limits})
        yield load_model(config)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stubs(loaded: Any) -> AsyncIterator[list[Any]]:
    """Two replicas on one database, and one that answers the edge alone."""
    running = []
    for secret in (None, None, SECRET):
        replica = Replica(loaded.config, loaded, secret=secret)
        server, port = await start(replica)
        running.append((grpc.aio.insecure_channel(f"127.0.0.1:{port}"), server, replica))
    yield [GalleryServiceStub(channel) for channel, _, _ in running]
    for channel, server, replica in running:
        await channel.close()
        await server.stop(None)
        await replica.close()


@pytest.fixture
def stub(stubs: list[Any]) -> Any:
    return stubs[0]


@pytest.fixture(scope="module")
def photo(data: Path) -> Callable[[str], common_pb2.Image]:
    return lambda name: common_pb2.Image(encoded=(data / "images" / "faces" / name).read_bytes())


def of(tenant: str) -> dict[str, Any]:
    """What the edge adds to a call of a tenant's."""
    return {"metadata": [("x-seom-tenant", tenant)], "timeout": 30}


def picture(drawing: Picture) -> common_pb2.Image:
    return common_pb2.Image(encoded=drawing.encoded)


async def refused(call: Any, code: str) -> Any:
    with pytest.raises(grpc.RpcError) as raised:
        await call
    assert raised.value.code().name == code, raised.value.details()
    message = raised.value.details().replace("image/", "")
    assert "sql" not in message.lower()
    assert "/tmp" not in message
    return details_of(raised.value), raised.value


async def test_people_are_identified(stub: Any, photo: Any) -> None:
    mine = of("identified")
    for person, file in (("Barack", "obama.jpg"), ("Joe", "biden.jpg")):
        request = pb.EnrollRequest(gallery="kim", person=person, images=[photo(file)])
        answer = await stub.Enroll(request, **mine)
        (photograph,) = answer.person.photographs
        assert (answer.person.name, photograph.model) == (person, "faces@1")
        assert photograph.quality.sharpness > 50
        assert (answer.model_name, answer.timing.HasField("total_ns")) == ("faces", True)
    request = pb.IdentifyRequest(gallery="kim", image=photo("obama3.jpg"), top_k=2)
    answer = await stub.Identify(request, **mine)
    (face,) = answer.faces
    assert (face.person, answer.threshold) == ("Barack", pytest.approx(0.4))
    assert face.candidates[0].similarity == pytest.approx(0.766, abs=0.03)
    assert [each.person for each in face.candidates] == ["Barack", "Joe"]
    between = face.candidates[0].similarity - face.candidates[1].similarity
    assert face.margin == pytest.approx(between, abs=1e-5)
    assert not face.face.embedding
    assert 0 < face.face.box.x_min < face.face.box.x_max < answer.image_width
    for person, same in (("Barack", True), ("Joe", False)):
        asked = pb.VerifyPersonRequest(gallery="kim", person=person, image=photo("obama3.jpg"))
        verified = await stub.VerifyPerson(asked, **mine)
        assert verified.same_person is same
    asked.threshold = -1
    assert (await stub.VerifyPerson(asked, **mine)).same_person


async def test_nobody_is_taken_for_another(stub: Any, data: Path, photo: Any) -> None:
    """At the threshold of the expected results, on every photograph of others."""
    expected = json.loads((data / "expected.json").read_text())
    threshold = expected["face_pairs"]["suggested_threshold"]
    mine = of("false matches")
    people = {"Barack": "obama.jpg", "Joe": "biden.jpg", "Eileen": "astronaut.png"}
    for person, file in people.items():
        request = pb.EnrollRequest(gallery="kim", person=person, images=[photo(file)])
        await stub.Enroll(request, **mine)
    found = {}
    for file in ("obama3.jpg", "three_people.jpg", "face_openimages.jpg"):
        request = pb.IdentifyRequest(gallery="kim", image=photo(file), threshold=threshold)
        found[file] = [each.person for each in (await stub.Identify(request, **mine)).faces]
    assert found.pop("obama3.jpg") == ["Barack"]
    assert all(person == "" for faces in found.values() for person in faces), found
    assert sum(map(len, found.values())) == 8


async def test_replicas_see_each_others_changes(stubs: list[Any], photo: Any) -> None:
    here, there, _ = stubs
    mine = of("replicas")

    async def seen() -> list[str]:
        request = pb.IdentifyRequest(gallery="kim", image=photo("obama3.jpg"), threshold=-1)
        return [face.person for face in (await there.Identify(request, **mine)).faces]

    async def within_a_second(wanted: list[str]) -> None:
        end = time.monotonic() + 1
        while (found := await seen()) != wanted and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert found == wanted

    request = pb.EnrollRequest(gallery="kim", person="Joe", images=[photo("biden.jpg")])
    await here.Enroll(request, **mine)
    await within_a_second(["Joe"])
    request = pb.EnrollRequest(gallery="kim", person="Barack", images=[photo("obama.jpg")])
    await here.Enroll(request, **mine)
    await within_a_second(["Barack"])
    await here.RenamePerson(
        pb.RenamePersonRequest(gallery="kim", person="Barack", new_name="B. Obama"), **mine
    )
    await within_a_second(["B. Obama"])
    await here.DeletePerson(pb.DeletePersonRequest(gallery="kim", person="B. Obama"), **mine)
    await within_a_second(["Joe"])


async def test_a_gallery_from_the_first_person_to_the_last(stub: Any, photo: Any) -> None:
    mine = of("life")
    images = [photo("obama.jpg"), photo("obama3.jpg")]
    request = pb.EnrollRequest(
        gallery="kim", person="Barack", images=images, request_id="r1", keep_images=True
    )
    made = (await stub.Enroll(request, **mine)).person
    assert (await stub.Enroll(request, **mine)).person == made, "the same request again"
    exported = [each async for each in stub.ExportGallery(pb.ExportGalleryRequest(gallery="kim"),
                                                          **mine)]  # fmt: skip
    assert [each.image for each in exported] == [image.encoded for image in images]
    assert (exported[0].model_name, exported[1].model_name) == ("faces", "")
    assert (exported[0].HasField("timing"), exported[1].HasField("timing")) == (False, True)
    similarity = np.dot(exported[0].embedding, exported[1].embedding)
    assert similarity == pytest.approx(0.766, abs=0.03)
    listed = await stub.ListPersons(pb.ListPersonsRequest(gallery="kim"), **mine)
    assert [(each.name, each.photograph_count) for each in listed.persons] == [("Barack", 2)]
    assert not listed.next_page_token
    erase = pb.DeletePhotographRequest(
        gallery="kim", person="Barack", photograph=made.photographs[0].id, etag=made.etag
    )
    left = (await stub.DeletePhotograph(erase, **mine)).person
    assert [each.id for each in left.photographs] == [made.photographs[1].id]
    more = pb.AddPhotographsRequest(gallery="kim", person="Barack", images=images[:1])
    assert (await stub.AddPhotographs(more, **mine)).person.photograph_count == 2
    (gallery,) = (await stub.ListGalleries(pb.ListGalleriesRequest(), **mine)).galleries
    assert (gallery.name, gallery.person_count, gallery.photograph_count) == ("kim", 1, 2)
    await stub.DeletePerson(pb.DeletePersonRequest(gallery="kim", person="Barack"), **mine)
    empty = await stub.Identify(pb.IdentifyRequest(gallery="kim", image=images[0]), **mine)
    assert [(face.person, len(face.candidates)) for face in empty.faces] == [("", 0)]
    await stub.DeleteGallery(pb.DeleteGalleryRequest(gallery="kim"), **mine)
    assert not (await stub.ListGalleries(pb.ListGalleriesRequest(), **mine)).galleries


async def test_32_race_for_one_name(stubs: list[Any]) -> None:
    def enroll(number: int) -> Any:
        request = pb.EnrollRequest(gallery="kim", person="Mina", images=[picture(drawn(number))])
        return stubs[number % 2].Enroll(request, **of("race"))

    results = []
    for start_at in range(0, 32, 16):  # as many as the replicas' queues take
        calls = [enroll(number) for number in range(start_at, start_at + 16)]
        results += await asyncio.gather(*calls, return_exceptions=True)
    codes = [each.code().name for each in results if isinstance(each, grpc.RpcError)]
    assert codes == ["ALREADY_EXISTS"] * 31


async def test_photographs_that_will_not_do(stub: Any, photo: Any) -> None:
    good = photo("obama.jpg")
    tiny = common_pb2.Image(encoded=_shrunk(good.encoded, 16))
    blurred = common_pb2.Image(encoded=_blurred(good.encoded))
    for bad, reason in (
        (NOBODY, "NO_FACE"),
        (photo("three_people.jpg"), "SEVERAL_FACES"),
        (tiny, "FACE_TOO_SMALL"),
        (blurred, "FACE_BLURRED"),
        *((common_pb2.Image(encoded=each), why) for each, why in WRONG.values()),
    ):
        request = pb.EnrollRequest(gallery="kim", person="Mina", images=[good, bad])
        details, _ = await refused(stub.Enroll(request, **of("bad")), "INVALID_ARGUMENT")
        assert (details.reason, set(details.fields)) == (reason, {"images[1].encoded"})
    request = pb.ListGalleriesRequest()
    assert not (await stub.ListGalleries(request, **of("bad"))).galleries, "nothing half"


@pytest.mark.parametrize("case", HOSTILE)
async def test_hostile_names(stub: Any, case: str) -> None:
    bad = HOSTILE[case]
    mine, image = of("names"), NOBODY
    for call, fields in (
        (stub.Enroll(pb.EnrollRequest(gallery=bad, person=bad, images=[image]), **mine), 2),
        (stub.Identify(pb.IdentifyRequest(gallery=bad, image=image), **mine), 1),
        (stub.GetPerson(pb.GetPersonRequest(gallery="kim", person=bad), **mine), 1),
        (stub.DeletePerson(pb.DeletePersonRequest(gallery=bad, person=bad), **mine), 2),
        (stub.DeleteGallery(pb.DeleteGalleryRequest(gallery=bad), **mine), 1),
        (
            stub.RenamePerson(
                pb.RenamePersonRequest(gallery="kim", person="Mina", new_name=bad), **mine
            ),
            1,
        ),
    ):
        details, _ = await refused(call, "INVALID_ARGUMENT")
        assert len(details.fields) == fields


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (pb.IdentifyRequest(top_k=0), "top_k"),
        (pb.IdentifyRequest(top_k=10**6), "top_k"),
        (pb.IdentifyRequest(threshold=float("nan")), "threshold"),
        (pb.IdentifyRequest(threshold=1.1), "threshold"),
        (pb.EnrollRequest(request_id="../x"), "request_id"),
        (pb.EnrollRequest(images=[NOBODY] * 17), "images"),
        (pb.VerifyPersonRequest(choice=1), "choice"),
        (pb.ListPersonsRequest(page_size=1001), "page_size"),
        (pb.ListPersonsRequest(page_token="-1"), "page_token"),
        (pb.DeletePersonRequest(etag="x"), "etag"),
        (pb.DeletePhotographRequest(photograph="' OR 1"), "photograph"),
    ],
)
async def test_wrong_fields(stub: Any, request_: Any, named: str) -> None:
    request_.gallery = "kim"
    method = type(request_).__name__.removesuffix("Request")
    if hasattr(request_, "person"):
        request_.person = "Mina"
    if hasattr(request_, "image"):
        request_.image.CopyFrom(NOBODY)
    if method == "Enroll" and not request_.images:
        request_.images.append(NOBODY)
    details, _ = await refused(getattr(stub, method)(request_, **of("f")), "INVALID_ARGUMENT")
    assert named in details.fields


async def test_what_is_not_there(stub: Any, photo: Any) -> None:
    mine = of("missing")
    details, _ = await refused(
        stub.Identify(pb.IdentifyRequest(gallery="kim", image=NOBODY), **mine), "NOT_FOUND"
    )
    assert details.resource == ("gallery", "kim")
    request = pb.EnrollRequest(gallery="kim", person="Mina", images=[photo("biden.jpg")])
    made = (await stub.Enroll(request, **mine)).person
    details, _ = await refused(stub.Enroll(request, **mine), "ALREADY_EXISTS")
    assert details.resource == ("person", "Mina")
    for call, kind in (
        (stub.GetPerson(pb.GetPersonRequest(gallery="kim", person="Jun"), **mine), "person"),
        (stub.DeletePerson(pb.DeletePersonRequest(gallery="kim", person="Jun"), **mine), "person"),
        (stub.DeleteGallery(pb.DeleteGalleryRequest(gallery="lee"), **mine), "gallery"),
        (
            stub.DeletePhotograph(
                pb.DeletePhotographRequest(gallery="kim", person="Mina", photograph="0" * 32),
                **mine,
            ),
            "photograph",
        ),
    ):
        details, _ = await refused(call, "NOT_FOUND")
        assert details.resource is not None
        assert details.resource[0] == kind
    stale = pb.RenamePersonRequest(gallery="kim", person="Mina", new_name="Mia", etag="1-999")
    details, _ = await refused(stub.RenamePerson(stale, **mine), "ABORTED")
    assert details.reason == "STALE_ETAG"
    last = pb.DeletePhotographRequest(
        gallery="kim", person="Mina", photograph=made.photographs[0].id
    )
    details, _ = await refused(stub.DeletePhotograph(last, **mine), "FAILED_PRECONDITION")
    assert details.reason == "LAST_PHOTOGRAPH"
    with pytest.raises(grpc.RpcError) as raised:
        async for _ in stub.ExportGallery(pb.ExportGalleryRequest(gallery="lee"), **mine):
            pass
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_full_gallery(stub: Any, photo: Any) -> None:
    mine = of("full")
    for number in range(4):
        request = pb.EnrollRequest(gallery="kim", person=f"P{number}", images=[photo("biden.jpg")])
        await stub.Enroll(request, **mine)
    request.person = "one more"
    details, error = await refused(stub.Enroll(request, **mine), "RESOURCE_EXHAUSTED")
    assert (details.reason, details.retry_after) == ("QUOTA_EXCEEDED", None)
    status = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    failure = error_details_pb2.QuotaFailure()
    assert any(packed.Unpack(failure) for packed in status.details)
    assert [each.subject for each in failure.violations] == ["gallery:kim"]


async def test_other_tenants_are_out_of_reach(stub: Any, photo: Any) -> None:
    request = pb.EnrollRequest(gallery="kim", person="Mina", images=[photo("biden.jpg")])
    await stub.Enroll(request, **of("acme"))
    other = of("other")
    # By its bare name it is one's own gallery that is asked for, and there is none.
    await refused(
        stub.GetPerson(pb.GetPersonRequest(gallery="kim", person="Mina"), **other), "NOT_FOUND"
    )
    # By its tenant's name it is forbidden, and nothing tells whether it is there.
    told = []
    for gallery in ("acme/kim", "acme/lee", "nobody/kim"):
        for call in (
            stub.GetPerson(pb.GetPersonRequest(gallery=gallery, person="Mina"), **other),
            stub.DeleteGallery(pb.DeleteGalleryRequest(gallery=gallery), **other),
            stub.Identify(pb.IdentifyRequest(gallery=gallery, image=NOBODY, top_k=0), **other),
        ):
            details, error = await refused(call, "PERMISSION_DENIED")
            told.append((details.reason, error.details()))
    assert len(set(told)) == 1
    mine = pb.GetPersonRequest(gallery="acme/kim", person="Mina")
    assert (await stub.GetPerson(mine, **of("acme"))).person.name == "Mina"


async def test_headers_that_claim_a_tenant(stubs: list[Any], photo: Any) -> None:
    """Behind the edge only its word counts, and it overwrites the caller's."""
    here, _, guarded = stubs
    request = pb.EnrollRequest(gallery="kim", person="Mina", images=[photo("biden.jpg")])
    await here.Enroll(request, **of("victim"))
    asked = pb.GetPersonRequest(gallery="kim", person="Mina")
    edge = [("x-seom-edge", SECRET), ("x-seom-scopes", "infer"), ("x-seom-models", "*")]
    metadata = [*edge, ("x-seom-tenant", "victim")]
    assert (await guarded.GetPerson(asked, metadata=metadata, timeout=20)).person.name == "Mina"
    for forged in (
        [("x-seom-tenant", "victim")],
        [("x-seom-edge", "a guess"), *edge[1:], ("x-seom-tenant", "victim")],
    ):
        await refused(guarded.GetPerson(asked, metadata=forged, timeout=20), "UNAUTHENTICATED")
    other = [*edge, ("x-seom-tenant", "other"), ("tenant", "victim"), ("x-tenant", "victim")]
    await refused(guarded.GetPerson(asked, metadata=other, timeout=20), "NOT_FOUND")
    scopeless = [edge[0], ("x-seom-tenant", "victim"), ("x-seom-models", "*")]
    await refused(guarded.GetPerson(asked, metadata=scopeless, timeout=20), "PERMISSION_DENIED")


async def test_a_model_without_a_gallery(loaded: Any) -> None:
    options = loaded.config.options.model_copy(update={"gallery": None})
    replica = Replica(loaded.config.model_copy(update={"options": options}), loaded)
    server, port = await start(replica)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = GalleryServiceStub(channel)
        call = stub.GetPerson(pb.GetPersonRequest(gallery="kim", person="Mina"), timeout=20)
        details, _ = await refused(call, "FAILED_PRECONDITION")
        assert details.reason == "NO_GALLERY"
    await server.stop(None)
    await replica.close()


def _opened(encoded: bytes) -> Any:
    return Image.open(io.BytesIO(encoded)).convert("RGB")


def _saved(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _shrunk(encoded: bytes, times: int) -> bytes:
    image = _opened(encoded)
    return _saved(image.resize((image.width // times, image.height // times)))


def _blurred(encoded: bytes) -> bytes:
    return _saved(_opened(encoded).filter(ImageFilter.GaussianBlur(12)))
