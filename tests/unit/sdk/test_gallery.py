"""Galleries: what is asked, what comes back, page by page and as a stream."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from seom import Aborted, AsyncClient, Box, Client, Unavailable, cli

from .server import Server


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"jpeg")
    return file


def test_enroll(client: Client, server: Server) -> None:
    mina = client.gallery("kim", model="m").enroll("Mina", [b"a", b"b"], keep_images=True)
    request = server.last.request
    assert (request.model_name, request.gallery, request.person) == ("m", "kim", "Mina")
    assert [image.encoded for image in request.images] == [b"a", b"b"]
    assert request.keep_images
    assert len(request.request_id) == 32
    assert (mina.name, mina.etag, mina.count) == ("Mina", "1-1", 2)
    assert [each.id for each in mina.photographs] == ["p0", "p1"]
    assert mina.created == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    client.gallery("kim").enroll("Mina", [b"a"], request_id="mine")
    assert server.last.request.request_id == "mine"


def test_what_had_no_answer_is_sent_again_under_its_id(client: Client, server: Server) -> None:
    server.unavailable = 2
    client.gallery("kim").enroll("Mina", [b"a"])
    assert len({seen.request.request_id for seen in server.seen}) == 1
    server.unavailable = 1
    with pytest.raises(Unavailable):
        client.gallery("kim").delete("Mina")


def test_add(client: Client, server: Server) -> None:
    client.gallery("kim").add("Mina", [b"a"], etag="1-1")
    assert (server.last.method, server.last.request.etag) == ("AddPhotographs", "1-1")
    with pytest.raises(Aborted, match="somebody else was first") as caught:
        client.gallery("kim").add("Mina", [b"a"], etag="1-0")
    assert caught.value.status == "ABORTED"
    assert len(server.seen) == 2, "what would fail again is not sent again"


def test_identify(client: Client, server: Server) -> None:
    found = client.gallery("kim").identify(b"jpeg", threshold=0.25, top_k=3, min_size=9)
    request = server.last.request
    assert (request.gallery, request.image.encoded) == ("kim", b"jpeg")
    assert (request.threshold, request.top_k, request.min_size) == (0.25, 3, 9)
    assert not request.HasField("min_score")
    mina, stranger = found
    assert (mina.person, stranger.person) == ("Mina", None)
    assert mina.similarity == pytest.approx(0.8)
    assert mina.margin == pytest.approx(0.4)
    assert mina.box == Box(16, 12, 48, 36)
    assert stranger.candidates[0].person == "Mina"
    assert (found.threshold, found.size, found.timing.device_ms) == (0.5, (64, 48), 2.0)


def test_verify(client: Client, server: Server) -> None:
    assert client.gallery("kim").verify("Mina", b"jpeg").same_person
    assert not client.gallery("kim").verify("Jun", b"jpeg", choice="largest").same_person
    assert server.last.request.choice == 2
    with pytest.raises(ValueError, match="choice"):
        client.gallery("kim").verify("Jun", b"jpeg", choice="all")  # type: ignore[arg-type]


def test_lists_go_on_to_the_last_page(client: Client, server: Server) -> None:
    assert [each.name for each in client.gallery("kim").persons()] == ["Mina", "Jun", "Sora"]
    assert [seen.request.page_token for seen in server.seen] == ["", "2"]
    assert [each.name for each in client.galleries()] == ["kim", "lee", "park"]


def test_changes(client: Client, server: Server) -> None:
    family = client.gallery("kim")
    assert family.rename("Mina", "Mia", etag="1-1").name == "Mia"
    assert (server.last.request.person, server.last.request.new_name) == ("Mina", "Mia")
    assert family.get("Mia").photographs[0].id == "p0"
    assert family.delete_photograph("Mia", "p0").count == 1
    assert server.last.request.photograph == "p0"
    family.delete("Mia", etag="7-1")
    assert (server.last.method, server.last.request.etag) == ("DeletePerson", "7-1")
    family.delete_gallery()
    assert (server.last.method, server.last.request.gallery) == ("DeleteGallery", "kim")


def test_export(client: Client) -> None:
    first, *others = client.gallery("kim").export()
    assert (first.person, first.photograph.id, first.image) == ("Mina", "p0", b"jpeg")
    assert np.array_equal(first.embedding, np.float32([1, 0]))
    assert [each.image for each in others] == [None, None]


def test_an_export_that_fails_says_so_after_what_came(client: Client) -> None:
    came = []
    with pytest.raises(Unavailable, match="database"):
        came += [each.person for each in _each(client.gallery("broken").export(), came)]
    assert came == ["Mina", "Jun", "Sora"]


def _each(items, came):
    for item in items:
        came.append(item.person)
        yield item


async def test_awaited(aclient: AsyncClient, client: Client, photo: Path) -> None:
    family, same = aclient.gallery("kim"), client.gallery("kim")
    assert await family.enroll("Mina", [photo, b"b"]) == same.enroll("Mina", [photo, b"b"])
    assert (await family.add("Mina", [photo])).count == 1
    assert (await family.identify(photo)).faces == same.identify(photo).faces
    assert (await family.verify("Mina", photo)).same_person
    assert [each async for each in family.persons()] == list(same.persons())
    assert [each async for each in aclient.galleries()] == list(client.galleries())
    assert await family.get("Mina") == same.get("Mina")
    assert await family.rename("Mina", "Mia") == same.rename("Mina", "Mia")
    assert await family.delete_photograph("Mia", "p0") == same.delete_photograph("Mia", "p0")
    assert [each async for each in family.export()] == list(same.export())
    await family.delete("Mia")
    await family.delete_gallery()
    with pytest.raises(Unavailable):
        [each async for each in aclient.gallery("broken").export()]


def test_commands(
    server: Server, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEOM_ADDRESS", server.address)

    def told(*arguments: str) -> str:
        assert cli.main(["gallery", *arguments]) == 0
        return capsys.readouterr().out

    assert told("enroll", "kim", "Mina", str(photo)) == "Mina is in kim with 1 photograph\n"
    told("enroll", "kim", "Mina", str(photo), "--add", "--keep")
    assert (server.last.method, server.last.request.keep_images) == ("AddPhotographs", True)
    shown = told("identify", "kim", str(photo))
    assert "2 faces, 1 known" in shown
    assert "Mina    0.800       0.400" in shown
    assert json.loads(told("identify", "kim", str(photo), "--json"))["faces"][0]["person"] == "Mina"
    assert "shows Mina: similarity 0.750 ≥ 0.5" in told("verify", "kim", "Mina", str(photo))
    assert "Sora" in told("list", "kim")
    assert "park" in told("list")
    told("rename", "kim", "Mina", "Mia")
    told("delete", "kim", "Mia")
    told("delete", "kim", "Mia", "--photograph", "p0")
    assert server.last.method == "DeletePhotograph"
    told("delete", "kim", "--everybody")
    assert server.last.method == "DeleteGallery"
    pictures = photo.parent / "kept"
    lines = told("export", "kim", "--pictures", str(pictures)).splitlines()
    assert [json.loads(line)["person"] for line in lines] == ["Mina", "Jun", "Sora"]
    assert (pictures / "p0").read_bytes() == b"jpeg"


@pytest.mark.parametrize("arguments", [[], ["delete", "kim"], ["enroll", "kim", "Mina"]])
def test_wrong_command_lines(arguments: list[str], server: Server) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["gallery", *arguments])
    assert caught.value.code == 2
    assert not server.seen
