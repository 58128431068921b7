"""Which replica gets a call, and what it is told about the caller."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from seom.pb.inference import grpc_service_pb2
from serving.edge import Topology, routes

from .calls import DETECT, INFER, STREAM, Answer, answered, call, message
from .conftest import SECRET, Island
from .frames import RawChannel, framed


@pytest.fixture(scope="module")
def island(open_edge: Callable[..., Island], topology: Topology) -> Island:
    return open_edge(topology)


@pytest.fixture
def channel(island: Island) -> Iterator[grpc.Channel]:
    with island.channel() as channel:
        yield channel


# --- by path -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *routes.CONTROL_METHODS,
        *(f"/{service}/Any" for service in routes.CONTROL_SERVICES),
    ],
)
def test_control_methods_go_to_control_whatever_they_name(channel: grpc.Channel, path: str) -> None:
    answer = call(channel, message("m1"), path, {"application": "m2"})
    assert (answer.replica, answer["application"]) == ("_control", "_control")


def test_every_open_inference_method_is_control_s_or_a_model_s() -> None:
    service = grpc_service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    paths = {f"/{service.full_name}/{method.name}" for method in service.methods}
    assert paths - set(routes.CONTROL_METHODS) == {INFER, STREAM}
    assert set(routes.CONTROL_METHODS) < paths


def test_a_control_call_waits_for_no_message(island: Island) -> None:
    with RawChannel(island.address) as raw:
        raw.call(1, routes.CONTROL_METHODS[0])
        time.sleep(0.1)
        raw.data(1, framed(b""), end=True)
        assert json.loads(raw.answer(1))["replica"] == "_control"


# --- by header ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "replica"), [("m1", "m1"), ("m1@1", "m1"), ("m2", "m2")])
def test_the_header_decides_before_the_message(
    channel: grpc.Channel, name: str, replica: str
) -> None:
    answer = call(channel, message("m2"), metadata={"application": name})
    assert answer.replica == replica
    assert answer["application"] == replica
    assert "x-seom-model" not in (answer.metadata or {})


def test_a_compressed_message_is_routed_by_its_header(channel: grpc.Channel) -> None:
    body = message("m2", bytes(10_000))
    answer = call(channel, body, metadata={"application": "m1"}, compression=grpc.Compression.Gzip)
    assert (answer.replica, answer.size) == ("m1", len(body))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("m9", "m9"),
        ("m1@7", "m1@7"),
        ("_control", "_control"),
        ("m1 ", "m1"),
        ("m1,m2", "m1_m2"),
        ("M1; drop", "M1__drop"),
        ("m" * 200, "m" * 87),
    ],
)
def test_an_unknown_name_in_the_header_reaches_control_cleaned(
    channel: grpc.Channel, name: str, told: str
) -> None:
    answer = call(channel, message("m1"), metadata={"application": name})
    if told == "m1":  # HTTP/2 strips blanks around a value
        assert answer.replica == "m1"
        return
    assert (answer.replica, answer["application"]) == ("_control", "_control")
    assert answer["x-seom-model"] == told


def test_an_empty_header_counts_as_none(channel: grpc.Channel) -> None:
    assert call(channel, message("m1"), metadata={"application": ""}).replica == "m1"


# --- by message --------------------------------------------------------------------------


@pytest.mark.parametrize("path", [INFER, DETECT, "/some.Other/Method"])
@pytest.mark.parametrize(("name", "replica"), [("m1", "m1"), ("m1@1", "m1"), ("m2", "m2")])
def test_field_1_decides_without_a_header(
    channel: grpc.Channel, path: str, name: str, replica: str
) -> None:
    answer = call(channel, message(name), path)
    assert (answer.replica, answer["application"]) == (replica, replica)


def test_a_generated_stub_is_routed_by_the_name_it_sends(channel: grpc.Channel) -> None:
    request = grpc_service_pb2.ModelInferRequest(
        model_name="m1", raw_input_contents=[bytes(600_000)]
    )
    answer = call(channel, request.SerializeToString())
    assert (answer.replica, answer.size) == ("m1", request.ByteSize())


@pytest.mark.parametrize("size", [0, 1, 60_000, 65_536, 600_000, 5_000_000])
def test_messages_of_any_size_arrive_whole(channel: grpc.Channel, size: int) -> None:
    body = message("m1", bytes(size))
    assert call(channel, body).size == len(body)


@pytest.mark.parametrize(
    "name",
    [
        b"m9",
        b"m1\0",
        b"m1\0\0\0",
        b"\0m1",
        b"m1\n",
        b"M1",
        b"m1 ",
        b"m1@",
        b"m1@2",
        b"../m1",
        b"m\xff",
        b"m" * 80,
        b"m" * 81,
        b"m" * 200,
        b"m1" + b"\0" * 300,
    ],
)
def test_a_name_the_map_does_not_know_is_the_dispatcher_s(
    channel: grpc.Channel, name: bytes
) -> None:
    answer = call(channel, message(name), DETECT)
    assert (answer.replica, answer["application"]) == ("_control", "_control")


def test_the_longest_name_is_routed(open_edge: Callable[..., Island], topology: Topology) -> None:
    longest = "m" * 63 + "@" + "1" * 16
    island = open_edge(
        Topology(topology.applications, {longest: "m1", "m1": "m2"}, topology.defaults)
    )
    with island.channel() as channel:
        assert call(channel, message(longest)).replica == "m1"


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_compressed_message_without_header_is_the_dispatcher_s(
    channel: grpc.Channel, compression: grpc.Compression
) -> None:
    body = message("m1", bytes(10_000))
    answer = call(channel, body, DETECT, compression=compression)
    assert (answer.replica, answer.size) == ("_control", len(body))


# --- defaults ----------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", message(None), message(b"")])
def test_a_message_without_a_name_goes_to_the_service_s_default(
    channel: grpc.Channel, body: bytes
) -> None:
    answer = call(channel, body, DETECT)
    assert (answer.replica, answer["application"]) == ("m2", "m2")
    assert call(channel, body, INFER).replica == "_control"


def test_an_empty_message_on_an_open_stream_is_routed_at_once(channel: grpc.Channel) -> None:
    def messages() -> Iterator[bytes]:
        yield b""
        time.sleep(1)

    begin = time.monotonic()
    answer = next(channel.stream_stream(DETECT)(messages(), timeout=5))
    assert answered(answer).replica == "m2"
    assert time.monotonic() - begin < 0.9


# --- streams and split frames ------------------------------------------------------------


@pytest.mark.parametrize(("metadata", "late_s"), [({}, 5.2), ({"application": "m1"}, 1)])
def test_a_stream_s_first_message_may_come_after_5_s(
    channel: grpc.Channel, metadata: dict[str, str], late_s: float
) -> None:
    def messages() -> Iterator[bytes]:
        time.sleep(late_s)
        yield message("m1")
        yield message("m1")

    answers = channel.stream_stream(STREAM)(
        messages(), timeout=20, metadata=tuple(metadata.items())
    )
    assert [answered(answer).replica for answer in answers] == ["m1", "m1"]


@pytest.mark.parametrize("at", range(1, 16))
def test_a_data_frame_may_end_anywhere_in_the_name(island: Island, at: int) -> None:
    body = framed(message("m1@1", bytes(100)))
    with RawChannel(island.address) as raw:
        raw.call(1, INFER)
        raw.data(1, body[:at])
        time.sleep(0.05)
        raw.data(1, body[at:], end=True)
        assert json.loads(raw.answer(1))["replica"] == "m1"


def test_a_cut_name_never_passes_for_a_shorter_one(island: Island) -> None:
    """`m1` is a model, `m1@9` is not: what has come when it is looked up must be all of it."""
    body = framed(message("m1@9", bytes(100)))
    with RawChannel(island.address) as raw:
        raw.call(1, INFER)
        raw.data(1, body[:9])  # …m1
        time.sleep(0.1)
        raw.data(1, body[9:], end=True)
        assert json.loads(raw.answer(1))["replica"] == "_control"


@pytest.mark.parametrize("at", [1, 4, 6, 8])
@pytest.mark.parametrize("name", ["m1", "m9"])
def test_a_short_message_split_on_an_open_stream_is_not_waited_out(
    island: Island, name: str, at: int
) -> None:
    """More bytes may never come before our answer, so only bytes that are due are awaited."""
    body = framed(message(name, b""))
    with RawChannel(island.address) as raw:
        raw.call(1, STREAM)
        raw.data(1, body[:at])
        time.sleep(0.05)
        raw.data(1, body[at:])
        assert json.loads(raw.answer(1))["replica"] in (name, "_control")


@pytest.mark.parametrize(
    "body",
    [
        framed(b"\x0a"),  # a tag and nothing after it
        framed(b"\x0a\x20m1"),  # a name longer than its message
        framed(b"\x0a\xff\xff\xff\xff\x0fm1"),  # a length of 4 GiB
        framed(b"\x0a\x82\x00m1\x12\x00"),  # a length in two bytes where one would do
        b"",
        b"\0\0",
    ],
)
def test_what_cannot_be_read_harms_nobody(island: Island, body: bytes) -> None:
    """The dispatcher's to answer; here, a replica's library may refuse the frame first."""
    with RawChannel(island.address) as raw:
        raw.call(1, INFER)
        raw.data(1, body, end=True)
        answer = raw.answer(1)
        assert not answer or json.loads(answer)["replica"] == "_control"
        raw.call(3, INFER)
        raw.data(3, framed(message("m1")), end=True)
        assert json.loads(raw.answer(3))["replica"] == "m1"


@pytest.mark.parametrize(
    "body",
    [
        framed(b"\x0a\x20m1"),  # a name that overruns its message
        framed(b"\x0a\x20m1") + framed(message("m1")),
        framed(b"\x0am1"),
        framed(b"\x0a"),
    ],
)
def test_bytes_that_never_come_are_not_waited_for(island: Island, body: bytes) -> None:
    with RawChannel(island.address) as raw:
        raw.call(1, STREAM)
        raw.data(1, body)
        assert json.loads(raw.answer(1, timeout_s=2))["replica"] == "_control"


# --- headers -----------------------------------------------------------------------------


def test_forged_headers_are_replaced(channel: grpc.Channel) -> None:
    answer = call(
        channel,
        message("m1"),
        metadata={
            "x-seom-edge": "guess",
            "x-seom-tenant": "root",
            "x-seom-scopes": "everything",
            "x-seom-models": "all",
            "x-seom-model": "m2",
            "x-seom-anything": "else",
            "x-grpc-timeout": "1n",
            "authorization": "Bearer whoever",
        },
    )
    told = {key: value for key, value in (answer.metadata or {}).items() if "seom" in key}
    assert told == {
        "x-seom-edge": SECRET,
        "x-seom-tenant": "default",
        "x-seom-scopes": "infer,admin",
        "x-seom-models": "*",
    }
    assert "authorization" not in (answer.metadata or {})
    assert answer["x-grpc-timeout"] != "1n"


@pytest.mark.parametrize("left", ["6999m", "7S", "1H"])
def test_the_time_left_is_copied(island: Island, left: str) -> None:
    with RawChannel(island.address) as raw:
        raw.call(1, INFER, {"grpc-timeout": left, "x-grpc-timeout": "1n"})
        raw.data(1, framed(message("m1")), end=True)
        assert json.loads(raw.answer(1))["metadata"]["x-grpc-timeout"] == left


def test_a_call_without_deadline_says_nothing_of_time(channel: grpc.Channel) -> None:
    answer = answered(
        channel.unary_unary(INFER)(message("m1"), metadata=(("x-grpc-timeout", "5S"),))
    )
    assert "x-grpc-timeout" not in (answer.metadata or {})


@pytest.mark.parametrize("good", ["abc", "a.B_9-", "x" * 64])
def test_a_good_request_id_is_kept(channel: grpc.Channel, good: str) -> None:
    assert call(channel, message("m1"), metadata={"x-request-id": good})["x-request-id"] == good


@pytest.mark.parametrize(
    "bad", ["", "a b", "x" * 65, "a;b", "a\tb", "ü".encode().decode("latin-1")]
)
def test_a_bad_request_id_is_replaced_by_a_fresh_one(island: Island, bad: str) -> None:
    seen = set()
    with RawChannel(island.address) as raw:
        for stream in (1, 3):
            raw.call(stream, INFER, {"x-request-id": bad})
            raw.data(stream, framed(message("m1")), end=True)
            seen.add(json.loads(raw.answer(stream))["metadata"]["x-request-id"])
    assert len(seen) == 2
    assert all(len(identity) == 36 for identity in seen)


def test_the_answer_carries_the_request_id(channel: grpc.Channel) -> None:
    _, done = channel.unary_unary(INFER).with_call(
        message("m1"), metadata=(("x-request-id", "mine"),)
    )
    assert ("x-request-id", "mine") in [tuple(pair) for pair in done.initial_metadata()]


async def test_an_asyncio_client_is_routed_too(island: Island) -> None:
    async with grpc.aio.insecure_channel(island.edge.config.address) as channel:
        answer: Answer = answered(await channel.unary_unary(INFER)(message("m1"), timeout=5))
    assert answer.replica == "m1"
