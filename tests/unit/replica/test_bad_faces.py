"""Wrong pictures of faces, on the real models: each its status, its field, its reason."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from seom.pb.v1 import common_pb2
from seom.pb.v1 import face_pb2 as pb
from seom.pb.v1.face_pb2_grpc import FaceServiceStub
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from tests.conftest import ROOT
from tests.errors import details_of
from tests.unit.replica.test_bad_images import WRONG, encoded

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = common_pb2.Image(encoded=encoded())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stub(data: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    root = tmp_path_factory.mktemp("model_repo")
    without = shutil.ignore_patterns("[0-9]")
    shutil.copytree(ROOT / "model_repo" / "cpu" / "faces", root / "cpu" / "faces", ignore=without)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEOM_MIRROR", str(data / "models"))
        config = Repository(root, "cpu").find("faces")
        limits = config.limits.model_copy(update={"image_bytes": 4 * 2**20})
        config = config.model_copy(update={"limits": limits})
        replica = Replica(config, load_model(config))
    server, port = await start(replica)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield FaceServiceStub(channel)
    await server.stop(None)
    await replica.close()


async def refused(method: Any, request: Any) -> Any:
    with pytest.raises(grpc.RpcError) as raised:
        await method(request, timeout=20)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT, raised.value.details()
    message = raised.value.details().replace("image/", "")
    assert "/" not in message
    assert "0x" not in message
    return details_of(raised.value)


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_picture(stub: Any, case: str) -> None:
    photo, reason = WRONG[case]
    image = common_pb2.Image(encoded=photo)
    for method, request, field in (
        (stub.DetectFaces, pb.DetectFacesRequest(image=image), "image.encoded"),
        (stub.EmbedFaces, pb.EmbedFacesRequest(images=[NOBODY, image]), "images[1].encoded"),
        (
            stub.VerifyFaces,
            pb.VerifyFacesRequest(first=NOBODY, second=image),
            "second.encoded",
        ),
    ):
        details = await refused(method, request)
        assert (details.fields.keys(), details.reason) == ({field}, reason)


@pytest.mark.parametrize("tenth", range(1, 10))
async def test_cut_off_pictures(stub: Any, tenth: int) -> None:
    whole = NOBODY.encoded
    image = common_pb2.Image(encoded=whole[: len(whole) * tenth // 10])
    details = await refused(stub.DetectFaces, pb.DetectFacesRequest(image=image))
    assert details.reason in ("IMAGE_CORRUPT", "IMAGE_FORMAT")


async def test_a_picture_without_a_face(stub: Any) -> None:
    answer = await stub.DetectFaces(pb.DetectFacesRequest(image=NOBODY), timeout=20)
    assert (len(answer.faces), answer.image_width, answer.image_height) == (0, 200, 100)
    answer = await stub.EmbedFaces(pb.EmbedFacesRequest(images=[NOBODY] * 16), timeout=20)
    assert [len(picture.faces) for picture in answer.pictures] == [0] * 16
    for choice in (pb.FACE_CHOICE_LARGEST, pb.FACE_CHOICE_ONLY):
        request = pb.EmbedFacesRequest(images=[NOBODY], choice=choice)
        details = await refused(stub.EmbedFaces, request)
        assert (set(details.fields), details.reason) == ({"images[0].encoded"}, "NO_FACE")
    details = await refused(stub.VerifyFaces, pb.VerifyFacesRequest(first=NOBODY, second=NOBODY))
    assert (set(details.fields), details.reason) == ({"first.encoded"}, "NO_FACE")


async def test_all_wrong_fields_are_named(stub: Any) -> None:
    request = pb.VerifyFacesRequest(
        threshold=float("nan"), min_score=2, min_size=-1, choice=99, second=common_pb2.Image()
    )
    details = await refused(stub.VerifyFaces, request)
    named = {"threshold", "min_score", "min_size", "choice", "first", "second"}
    assert set(details.fields) == named


async def test_a_face_model_does_not_detect_objects(stub: Any) -> None:
    """And says so in the words of its own service, too."""
    request = pb.DetectFacesRequest(model_name="yolox-nano", image=NOBODY)
    with pytest.raises(grpc.RpcError) as raised:
        await stub.DetectFaces(request, timeout=20)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
