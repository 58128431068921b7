"""Whatever a caller sends, another tenant's galleries are out of its reach and stay as they are."""

from __future__ import annotations

import grpc
import pytest

from seom import PermissionDenied
from seom.pb.v1 import gallery_pb2 as pb
from tests.errors import details_of
from tests.integration.gallery.conftest import Photo
from tests.integration.gallery.tenants import ACME, FORGED, NARROW, OTHER, Guarded, Two

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]


def test_every_call_of_the_service_is_among_them(two: Two) -> None:
    asked = {type(each).DESCRIPTOR.name for each in two.calls("kim")}
    service = pb.DESCRIPTOR.services_by_name["GalleryService"]
    every = {method.input_type.name for method in service.methods}
    assert every - asked == {"ListGalleriesRequest"}


@pytest.mark.parametrize("case", FORGED)
def test_another_tenants_gallery_is_denied_whether_or_not_it_is_there(
    two: Two, unharmed: None, case: str
) -> None:
    told = set()
    for gallery in ("acme/kim", "acme/lee", "acme/nobody", "nobody/kim", "Other/kim"):
        for request in two.calls(gallery):
            error = two.other.refusal(request, FORGED[case])
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED, (gallery, error.details())
            told.add((details_of(error).reason, error.details()))
    assert {reason for reason, _ in told} == {"OTHER_TENANT"}
    assert len(told) == 1, "and nothing tells them apart"


@pytest.mark.parametrize("case", FORGED)
def test_a_bare_name_is_the_callers_own_gallery(two: Two, unharmed: None, case: str) -> None:
    """`lee` is acme's alone; a `kim` both have."""
    for request in two.calls("lee")[1:]:
        error = two.other.refusal(request, FORGED[case])
        assert error.code() is grpc.StatusCode.NOT_FOUND, error.details()
        assert details_of(error).resource == ("gallery", "lee")
    request = pb.GetPersonRequest(model_name="faces", gallery="kim", person="Mina")
    assert two.other(request, FORGED[case]).person == two.theirs
    listed = two.other(pb.ListGalleriesRequest(model_name="faces"), FORGED[case]).galleries
    assert [(each.name, each.person_count) for each in listed] == [("kim", 1)]
    request = pb.IdentifyRequest(
        model_name="faces", gallery="kim", image=two.picture, threshold=-1, top_k=50
    )
    (face,) = two.other(request, FORGED[case]).faces
    assert [each.person for each in face.candidates] == ["Mina"]
    assert {each.photograph for each in face.candidates} <= {p.id for p in two.theirs.photographs}
    exported = two.other(pb.ExportGalleryRequest(model_name="faces", gallery="kim"), FORGED[case])
    assert [each.photograph.id for each in exported] == [p.id for p in two.theirs.photographs]


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_calls_the_edge_cannot_read_go_through_the_dispatcher(
    two: Two, unharmed: None, compression: grpc.Compression
) -> None:
    metadata = [("x-seom-tenant", "acme")]
    own = two.other(
        pb.ExportGalleryRequest(model_name="faces", gallery="kim"),
        metadata,
        compression=compression,
    )
    assert [each.person for each in own] == ["Mina", "Mina"]
    for request in two.calls("acme/lee"):
        error = two.other.refusal(request, metadata, compression=compression)
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED


def test_another_tenants_ids_are_nobodys(two: Two, unharmed: None) -> None:
    """Of photographs, etags, pages and requests."""
    own = {"gallery": "kim", "person": "Mina"}
    for photograph in two.mina.photographs:
        request = pb.DeletePhotographRequest(**own, photograph=photograph.id)
        error = two.other.refusal(request)
        assert error.code() is grpc.StatusCode.NOT_FOUND
        assert details_of(error).resource == ("photograph", photograph.id)
    for stale in (
        pb.RenamePersonRequest(**own, new_name="Mia", etag=two.mina.etag),
        pb.DeletePersonRequest(**own, etag=two.mina.etag),
        pb.AddPhotographsRequest(**own, images=[two.picture], etag=two.mina.etag),
    ):
        error = two.other.refusal(stale)
        assert error.code() is grpc.StatusCode.ABORTED
        assert details_of(error).reason == "STALE_ETAG"
    first = two.acme(pb.ListPersonsRequest(gallery="kim", page_size=1))
    assert first.next_page_token
    for token in (first.next_page_token, "0", "1", "999999"):
        page = two.other(pb.ListPersonsRequest(gallery="kim", page_token=token)).persons
        assert {each.etag for each in page} <= {two.theirs.etag}
    for token in ("a", "kim", "lee", "acme/kim"):
        page = two.other(pb.ListGalleriesRequest(page_token=token)).galleries
        assert {each.name for each in page} <= {"kim"}
    assert two.other(pb.GetPersonRequest(**own)).person == two.theirs


def test_another_tenants_request_is_not_repeated(two: Two, unharmed: None, photo: Photo) -> None:
    """The same bytes under the same id enrol the caller's own, and tell nothing of acme's."""
    request = pb.EnrollRequest(
        model_name="faces",
        gallery="park",
        person="Mina",
        images=[photo(1), photo(3)],
        request_id="first",
        keep_images=True,
    )
    made = two.other(request).person
    assert made.etag != two.mina.etag
    assert not {p.id for p in made.photographs} & {p.id for p in two.mina.photographs}
    two.other(pb.DeleteGalleryRequest(gallery="park"))


def test_by_the_sdk(guarded: Guarded, two: Two, unharmed: None) -> None:
    with guarded.client(OTHER) as other:
        theirs = other.gallery("acme/kim")
        for reach in (
            lambda: theirs.get("Mina"),
            lambda: list(theirs.persons()),
            lambda: list(theirs.export()),
            theirs.delete_gallery,
        ):
            with pytest.raises(PermissionDenied):
                reach()
        assert [each.name for each in other.galleries()] == ["kim"]
    with guarded.client(ACME) as acme:
        assert acme.gallery("acme/kim").get("Mina").count == 2


def test_a_token_without_the_model_reaches_no_gallery(
    guarded: Guarded, two: Two, unharmed: None
) -> None:
    """Though it is acme's: neither straight, nor by a header for a model it may use."""
    with guarded.caller(NARROW) as narrow, guarded.caller("") as nobody:
        for request in (*two.calls("kim"), pb.ListGalleriesRequest(model_name="faces")):
            for metadata in ([], [("application", "identity")], [("x-seom-models", "*")]):
                error = narrow.refusal(request, metadata)
                assert error.code() is grpc.StatusCode.PERMISSION_DENIED
                assert details_of(error).reason == "MODEL_NOT_ALLOWED"
            assert nobody.refusal(request).code() is grpc.StatusCode.UNAUTHENTICATED
