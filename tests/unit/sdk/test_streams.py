"""Many requests on one stream: order, errors inside it, and how it may end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from seom import (
    Client,
    DeadlineExceeded,
    InferRequest,
    Internal,
    InvalidArgument,
    SeomError,
    Unavailable,
)

from .server import Server, wait_until


def request(n: int, model: str = "double") -> InferRequest:
    return InferRequest(model, {"x": np.full((1, 4), n, np.float32)}, request_id=f"r{n}")


def test_results_come_in_order(client: Client, server: Server) -> None:
    results = list(client.infer_stream(request(n) for n in range(50)))
    assert [result["x"][0, 0] for result in results] == [2 * n for n in range(50)]
    assert [result.id for result in results] == [f"r{n}" for n in range(50)]
    assert all(result.final and result.error is None for result in results)
    assert results[3].parameters == {"note": "kept", "number": 3}
    assert results[3].timing.device_ms == 2.0
    assert (results[3].timing.round_trip_ms or 0) > 0
    assert server.seen[0].metadata["application"] == "double"
    assert server.seen[0].remaining is not None


def test_nothing_to_ask_makes_no_call(client: Client, server: Server) -> None:
    assert list(client.infer_stream([])) == []
    assert not server.seen


def test_a_request_may_wait_for_the_result_before_it(client: Client) -> None:
    answers: list[float] = []

    def requests() -> Iterator[InferRequest]:
        for n in range(5):
            assert wait_until(lambda n=n: len(answers) == n)
            yield request(n)

    for result in client.infer_stream(requests()):
        assert result.error is None
        answers.append(result["x"][0, 0])
    assert answers == [0, 2, 4, 6, 8]


def test_an_error_inside_the_stream_does_not_end_it(client: Client) -> None:
    good, bad, after = client.infer_stream([request(1), request(2, "reject"), request(3)])
    assert good.error is None
    assert isinstance(bad.error, InvalidArgument)
    assert (bad.error.message, bad.error.reason) == ("x: has the wrong shape", "BAD_SHAPE")
    assert bad.id == "r2"
    assert list(bad) == []
    with pytest.raises(InvalidArgument, match="wrong shape"):
        bad["x"]
    assert after["x"][0, 0] == 6


def test_another_servers_error_has_no_status(client: Client) -> None:
    (result,) = client.infer_stream([request(0, "triton")])
    assert type(result.error) is SeomError
    assert result.error.status == "UNKNOWN"
    assert result.error.message == "x: has the wrong shape"


def test_several_results_of_one_request(client: Client) -> None:
    results = list(client.infer_stream([request(1, "twice"), request(2)]))
    assert [(result.id, result.final) for result in results] == [
        ("r1", False),
        ("r1", True),
        ("r2", True),
    ]
    assert all(result.timing.round_trip_ns is not None for result in results)


def test_a_stream_its_server_cancels_was_cut_off(client: Client) -> None:
    stream = client.infer_stream([request(1), request(2, "CANCELLED")])
    assert next(stream).id == "r1"
    with pytest.raises(Unavailable, match="ended the stream"):
        next(stream)


def test_what_ends_the_stream_is_raised(client: Client) -> None:
    with pytest.raises(Internal, match="the stream is over"):
        list(client.infer_stream([request(1, "INTERNAL")]))


def test_what_the_requests_raise_comes_after_earlier_results(client: Client) -> None:
    def requests() -> Iterator[InferRequest]:
        yield request(1)
        yield request(2)
        raise LookupError("no third one")

    seen: list[str] = []
    with pytest.raises(LookupError, match="no third one"):
        for result in client.infer_stream(requests()):
            assert result.error is None
            seen.append(result.id)
    assert seen == ["r1", "r2"]


@pytest.mark.parametrize("index", [0, 1])
def test_a_request_that_cannot_be_made(index: int, client: Client) -> None:
    requests = [request(0), request(1)]
    requests[index] = InferRequest("double", {"x": [1.0, 2.0]})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match=r"inputs\['x'\]"):
        list(client.infer_stream(requests))
    with pytest.raises(TypeError, match="InferRequest"):
        list(client.infer_stream([{"x": 1}]))  # type: ignore[list-item]


def test_leaving_early_cancels_the_call(client: Client, server: Server) -> None:
    def endless() -> Iterator[InferRequest]:
        while not server.cancelled.is_set():
            yield request(1)

    for _ in client.infer_stream(endless()):
        break
    assert server.cancelled.wait(5)


def test_the_timeout_is_for_the_whole_stream(client: Client) -> None:
    def hesitant() -> Iterator[InferRequest]:
        yield request(1)
        wait_until(lambda: False, 1.0)

    stream = client.infer_stream(hesitant(), timeout=0.3)
    assert next(stream).id == "r1"
    with pytest.raises(DeadlineExceeded, match=r"0\.3 s"):
        next(stream)
