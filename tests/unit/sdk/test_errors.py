"""From what a server says to the one exception tree."""

from __future__ import annotations

import pickle
import re
import socket
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as rpc
from google.rpc.status_pb2 import Status

from seom import (
    AlreadyExists,
    Client,
    ConnectionFailed,
    DeadlineExceeded,
    Field,
    InvalidArgument,
    NotFound,
    Overloaded,
    SeomError,
    Unauthenticated,
    Unavailable,
    _details,
    errors,
)

from .server import OTHER_CODES, Server


def every_class() -> list[type[SeomError]]:
    def below(kind: type[SeomError]) -> list[type[SeomError]]:
        return [kind, *(each for sub in kind.__subclasses__() for each in below(sub))]

    return [kind for kind in below(SeomError) if not kind.__name__.startswith("_")]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def trailer(*details: Any) -> bytes:
    status = Status(code=3, message="m")
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status.SerializeToString()


@pytest.mark.parametrize("code", OTHER_CODES)
def test_every_code_has_its_class(code: str, server: Server) -> None:
    with Client(server.address, retries=False) as client:
        with pytest.raises(SeomError) as caught:
            client.detect(b"jpeg", model=code)
    error = caught.value
    assert error.status == code
    assert str(error) == error.message == f"{code} it is"
    named = "Overloaded" if code == "RESOURCE_EXHAUSTED" else code.title().replace("_", "")
    without = {"Unknown", "OutOfRange", "DataLoss"}
    assert type(error).__name__ == ("SeomError" if named in without else named)
    assert error.request_id == server.last.metadata["x-request-id"]
    assert isinstance(error.__cause__, grpc.RpcError)


def test_invalid_argument_names_the_fields(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="image: is empty") as caught:
        client.detect(b"")
    assert caught.value.fields == (Field("image", "is empty"),)
    assert dict(caught.value.fields) == {"image": "is empty"}
    assert caught.value.reason == "INVALID_ARGUMENT"
    assert caught.value.request_id == "theirs", "the id the server's log has goes first"


def test_overloaded_says_when_to_come_back(client: Client) -> None:
    with pytest.raises(Overloaded) as caught:
        client.detect(b"jpeg", model="busy")
    assert caught.value.retry_after == 0.25
    assert caught.value.reason == "QUEUE_FULL"
    assert caught.value.metadata == {"limit": "64"}
    assert [detail["@type"] for detail in caught.value.details] == [
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
    ]


def test_not_found_says_what(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.metadata("missing")
    assert (caught.value.kind, caught.value.name) == ("model", "missing")
    assert not isinstance(caught.value, AlreadyExists)


def test_an_error_without_details_is_whole(client: Client) -> None:
    with pytest.raises(SeomError) as caught:
        client.detect(b"jpeg", model="bare")
    error = caught.value
    assert (error.reason, error.metadata, error.details) == ("", {}, ())
    assert Overloaded("full").retry_after == 1.0
    assert InvalidArgument("bad").fields == ()
    assert (NotFound("gone").kind, NotFound("gone").name) == ("", "")


def test_a_deadline_says_how_long_it_was(client: Client) -> None:
    with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.2 s") as caught:
        client.detect(b"jpeg", model="slow", timeout=0.2)
    assert re.fullmatch("[0-9a-f]{32}", caught.value.request_id)


@pytest.mark.parametrize("retries", [True, False])
def test_nobody_there(retries: bool) -> None:
    address = f"127.0.0.1:{unused_port()}"
    with Client(address, timeout=5, retries=retries) as client:
        with pytest.raises(ConnectionFailed, match=f"nothing answers at {address}") as caught:
            client.live()
    assert isinstance(caught.value, Unavailable)
    assert "refused" in caught.value.message
    assert caught.value.status == "UNAVAILABLE"


def test_a_name_nobody_knows() -> None:
    with Client("no-such-host.invalid:8001", timeout=10, retries=False) as client:
        with pytest.raises(ConnectionFailed, match="nothing answers at no-such-host"):
            client.live()


def test_unavailable_by_the_servers_word_is_no_failed_connection(server: Server) -> None:
    server.unavailable = 1
    with Client(server.address, retries=False) as client:
        with pytest.raises(Unavailable, match="starting") as caught:
            client.live()
    assert not isinstance(caught.value, ConnectionFailed)


def test_a_token_is_asked_for() -> None:
    server = Server(token="s3cret")
    try:
        with Client(server.address) as client, pytest.raises(Unauthenticated):
            client.live()
        with Client(server.address, token="s3cret") as client:
            assert client.live()
    finally:
        server.stop()


@pytest.mark.parametrize("kind", every_class())
def test_every_error_pickles(kind: type[SeomError]) -> None:
    error = kind(
        "words",
        request_id="r",
        details=[{"@type": "google.rpc.RetryInfo", "retry_delay": 2.5}],
    )
    error.status = "ODD"
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(back) is kind
    assert str(back) == "words"
    assert (back.message, back.request_id, back.status) == ("words", "r", "ODD")
    assert back.details == error.details


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^ {4}[│ ]*(?:[├└]── )?([A-Z]\w+) {2,}", errors.__doc__ or "", flags=re.M)
    assert sorted(drawn) == sorted(kind.__name__ for kind in every_class())


def test_every_kind_of_detail_is_read() -> None:
    read = _details.parse(
        trailer(
            rpc.ErrorInfo(reason="R", domain="d", metadata={"a": "1", "b": "2"}),
            rpc.RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000)),
            rpc.BadRequest(
                field_violations=[
                    rpc.BadRequest.FieldViolation(field="a", description="b"),
                    rpc.BadRequest.FieldViolation(field="c", description="d"),
                ]
            ),
            rpc.ResourceInfo(resource_type="t", resource_name="n", owner="o", description="d"),
            rpc.PreconditionFailure(
                violations=[rpc.PreconditionFailure.Violation(type="t", subject="s")]
            ),
            rpc.QuotaFailure(violations=[rpc.QuotaFailure.Violation(subject="s")]),
            rpc.RequestInfo(request_id="r", serving_data="s"),
            rpc.Help(links=[rpc.Help.Link(description="d", url="u")]),
            rpc.LocalizedMessage(locale="ko-KR", message="안녕"),
            rpc.DebugInfo(detail="x"),
        )
    )
    kinds = [detail.pop("@type").removeprefix("google.rpc.") for detail in read]
    assert dict(zip(kinds, read, strict=True)) == {
        "ErrorInfo": {"reason": "R", "domain": "d", "metadata": {"a": "1", "b": "2"}},
        "RetryInfo": {"retry_delay": 2.5},
        "BadRequest": {
            "field_violations": [
                {"field": "a", "description": "b", "reason": ""},
                {"field": "c", "description": "d", "reason": ""},
            ]
        },
        "ResourceInfo": {
            "resource_type": "t",
            "resource_name": "n",
            "owner": "o",
            "description": "d",
        },
        "PreconditionFailure": {"violations": [{"type": "t", "subject": "s", "description": ""}]},
        "QuotaFailure": {"violations": [{"subject": "s", "description": ""}]},
        "RequestInfo": {"request_id": "r", "serving_data": "s"},
        "Help": {"links": [{"description": "d", "url": "u"}]},
        "LocalizedMessage": {"locale": "ko-KR", "message": "안녕"},
        "DebugInfo": {"value": rpc.DebugInfo(detail="x").SerializeToString()},
    }


def test_a_broken_trailer_hides_nothing() -> None:
    whole = trailer(
        rpc.ErrorInfo(reason="R", metadata={"k": "v"}),
        rpc.RetryInfo(retry_delay=Duration(seconds=-1, nanos=-5)),
    )
    for cut in range(len(whole)):
        assert isinstance(_details.parse(whole[:cut]), tuple)
    for at in range(len(whole)):
        for value in (0x00, 0x07, 0x0B, 0x7F, 0xFF):
            _details.parse(whole[:at] + bytes([value]) + whole[at + 1 :])
    assert _details.parse(b"\xff" * 40) == ()
    # A detail of the wrong shape is dropped with the rest, the error itself stays.
    wrong = Status(details=[AnyMessage(type_url="x/google.rpc.ErrorInfo", value=b"\x08\x01")])
    assert _details.parse(wrong.SerializeToString()) == ()
