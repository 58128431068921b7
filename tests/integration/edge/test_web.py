"""The HTTP door: tokens, routing by the body's model, refusals in OpenAI's JSON, streams."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from serving.edge import EdgeConfig, EdgeError, Topology
from serving.edge.routes import is_web_side

from .calls import wait_until
from .conftest import SECRET, Island, free_port
from .replicas import Replica
from .websites import Website

CHAT = "/v1/chat/completions"
TOKENS = {
    "full": {"tenant": "acme", "scopes": ["infer"], "models": ["*"]},
    "narrow": {"tenant": "bmce", "scopes": ["infer"], "models": ["m1"]},
    "versioned": {"tenant": "bmce", "scopes": ["infer"], "models": ["m1@1"]},
    "admin": {"tenant": "root", "scopes": ["admin"], "models": ["*"]},
}


@pytest.fixture(scope="module")
def websites() -> Iterator[dict[str, Website]]:
    running = {name: Website(name) for name in ("m1", "_control")}
    yield running
    for website in running.values():
        website.close()


@pytest.fixture(scope="module")
def http(topology: Topology, websites: dict[str, Website]) -> Topology:
    """m1 answers HTTP, m2 does not."""
    return replace(topology, http={name: (site.address,) for name, site in websites.items()})


@pytest.fixture(scope="module")
def island(open_edge: Callable[..., Island], directory: Path, http: Topology) -> Island:
    file = directory / "http-tokens.yaml"
    entries = [
        {"sha256": hashlib.sha256(name.encode()).hexdigest(), **rights}
        for name, rights in TOKENS.items()
    ]
    file.write_text(yaml.safe_dump({"tokens": entries}))
    address = f"127.0.0.1:{free_port()}"
    return open_edge(http, tokens=file, http_address=address, max_message_bytes=2 * 2**20)


@pytest.fixture
def client(island: Island) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{island.edge.config.http_address}") as client:
        yield client


def post(
    client: httpx.Client, body: Any, path: str = CHAT, token: str = "full", **headers: str
) -> httpx.Response:
    sent = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers=sent)


def refusal(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return response.status_code, error["code"]


# Routing ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["m1", "m1@1", "m1:adapter", "m1@1:adapter"])
def test_a_request_goes_to_its_model(client, model):
    seen = post(client, {"model": model, "messages": []}).json()
    assert (seen["replica"], seen["path"]) == ("m1", f"/m1{CHAT}")


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"model": "m2"}], "model": "m1"}',
        b'{"a": "\\"model\\": \\"m2\\"", "model" : "m1"}',
        b'{"messages": "' + b"x" * 100_000 + b'", "model": "m1"}',
    ],
)
def test_the_name_is_the_bodys_own_wherever_it_stands(client, body):
    seen = post(client, body).json()
    assert (seen["replica"], seen["size"]) == ("m1", len(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": "' + b"x" * 1_000_000 + b'", "model": "m1"}',  # too late to be seen
        b'{"messages": []}',
        b'{"model": "m1',
        b'{"model": ""}',
        b"nonsense",
        b"",
    ],
)
def test_what_names_no_model_in_sight_is_controls(client, body):
    seen = post(client, body).json()
    assert (seen["replica"], seen["path"]) == ("_control", f"/_control{CHAT}")
    assert seen["size"] == len(body)


def test_a_large_body_whose_model_comes_first_is_not_controls(client):
    body = b'{"model": "m1", "messages": "' + b"x" * 1_000_000 + b'"}'
    assert post(client, body).json()["replica"] == "m1"


def test_the_list_is_controls(client):
    headers = {"authorization": "Bearer narrow"}
    for path in ("/v1/models", "/v1/models/m1:adapter"):
        seen = client.get(path, headers=headers).json()
        assert (seen["replica"], seen["path"]) == ("_control", f"/_control{path}")


@pytest.mark.parametrize(
    "model", ["nix", "m2", "m1@9", "m1\0", "m1\n", "M1", "../m1", 'm1"}', "_control", "m" * 600]
)
def test_an_unknown_model_is_not_found(client, websites, model):
    before = websites["m1"].seen, websites["_control"].seen
    response = post(client, {"model": model})
    assert refusal(response) == (404, "model_not_found")
    assert before == (websites["m1"].seen, websites["_control"].seen)


# What a replica is told -------------------------------------------------------------


def test_a_replica_is_told_who_asks_and_nothing_a_client_made_up(client):
    headers = post(
        client,
        {"model": "m1"},
        token="narrow",
        x_seom_edge="guess",
        x_seom_tenant="root",
        x_seom_scopes="admin",
        x_seom_forwarded="1",
        x_grpc_timeout="99H",
        x_request_disconnect_disabled="?1",
        x_request_timeout_seconds="-1",
        grpc_timeout="5S",
        x_request_id="mine-1",
    ).json()["headers"]
    told = {name: value for name, value in headers.items() if name.startswith("x-seom-")}
    assert told == {
        "x-seom-edge": SECRET,
        "x-seom-tenant": "bmce",
        "x-seom-scopes": "infer",
        "x-seom-models": "m1",
    }
    assert headers["x-grpc-timeout"] == "5S" and headers["x-request-id"] == "mine-1"
    for name in ("authorization", "x-request-disconnect-disabled", "x-request-timeout-seconds"):
        assert name not in headers


# Refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "nobody", "full "])
def test_without_a_token_there_is_nothing(client, token):
    assert refusal(post(client, {"model": "m1"}, token=token + "x")) == (401, "invalid_api_key")
    assert refusal(client.get("/v1/models")) == (401, "invalid_api_key")
    assert refusal(client.get("/anything")) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("token", "model", "expected"),
    [
        ("narrow", "m1:adapter", 200),
        ("narrow", "m1@1", 200),
        ("versioned", "m1@1:adapter", 200),
        ("versioned", "m1", 403),
        ("narrow", "m2", 403),
        ("narrow", "nix", 403),
    ],
)
def test_a_token_reaches_its_models(client, token, model, expected):
    response = post(client, {"model": model}, token=token)
    assert response.status_code == expected
    if expected == 403:
        assert refusal(response) == (403, "model_not_allowed")


@pytest.mark.parametrize(
    ("method", "path", "kind", "expected"),
    [
        ("GET", CHAT, "application/json", (405, "method_not_allowed")),
        ("POST", "/v1/models", "application/json", (405, "method_not_allowed")),
        ("POST", "/v1/chat", "application/json", (404, "method_unknown")),
        ("POST", "/m1" + CHAT, "application/json", (404, "method_unknown")),
        ("POST", CHAT + "/../../metrics", "application/json", (404, "method_unknown")),
        ("GET", "/-/healthz", "application/json", (404, "method_unknown")),
        ("GET", "/-/routes", "application/json", (404, "method_unknown")),
        ("GET", "/v1/models/../../x", "application/json", (404, "method_unknown")),
        ("POST", CHAT, "text/plain", (415, "not_json")),
        ("POST", CHAT, "application/x-www-form-urlencoded", (415, "not_json")),
        ("POST", CHAT, "application/jsonx", (415, "not_json")),
    ],
)
def test_only_what_there_is_can_be_asked(island, method, path, kind, expected):
    # As raw bytes: clients tidy paths up.
    body = b'{"model": "m1"}'
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer full\r\n"
        f"content-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    host, _, port = island.edge.config.http_address.partition(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    status, found = int(answer.split()[1]), json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (status, found["error"]["code"]) == expected


def test_an_admin_infers_nothing(client):
    assert refusal(post(client, {"model": "m1"}, token="admin")) == (403, "scope_missing")


def test_too_large_a_body_is_refused_before_it_is_sent(client, websites):
    before = websites["m1"].seen
    response = post(client, b'{"model": "m1", "x": "' + b"x" * 3_000_000 + b'"}')
    assert refusal(response) == (413, "message_too_large")
    assert websites["m1"].seen == before


def test_a_model_without_a_replica_is_unavailable(client, island, http, websites):
    """It is named, and none of its servers is there to answer."""
    websites["m1"].healthy = False
    try:
        wait_until(lambda: post(client, {"model": "m1"}).status_code != 200, 15)
        response = post(client, {"model": "m1"})
        assert refusal(response) == (503, "replica_unavailable")
        assert response.headers["retry-after"] == "1"
    finally:
        websites["m1"].healthy = True
        wait_until(lambda: post(client, {"model": "m1"}).status_code == 200, 15)


# Streams and other connections ------------------------------------------------------


def test_events_are_not_held_back(client):
    headers = {"authorization": "Bearer full", "events": "6"}
    with client.stream("POST", CHAT, json={"model": "m1"}, headers=headers) as response:
        arrived = [time.monotonic() for line in response.iter_lines() if line]
    assert len(arrived) == 6
    # They were sent over a quarter of a second; had they been collected, they would be
    # here at one instant.
    assert arrived[-1] - arrived[0] > 0.15


def test_a_slow_answer_holds_up_no_other(client, island):
    body = json.dumps({"model": "m1"})
    host, _, port = island.edge.config.http_address.partition(":")
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer full\r\nsleep-s: 3\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), 5) as slow:
        slow.sendall(head.encode() + body.encode())
        begin = time.monotonic()
        assert post(client, {"model": "m1"}).status_code == 200
        assert time.monotonic() - begin < 2


def test_the_doors_do_not_mix(island, client):
    """HTTP at the gRPC address is refused as ever; a gRPC call finds no path here."""
    plain = httpx.post(f"http://{island.edge.config.address}{CHAT}", json={"model": "m1"})
    assert plain.status_code == 415
    path = "/inference.GRPCInferenceService/ModelInfer"
    assert refusal(post(client, b"{}", path)) == (404, "method_unknown")


# Without tokens, or without this door -----------------------------------------------


@pytest.fixture(scope="module")
def open_island(open_edge: Callable[..., Island], http: Topology) -> Island:
    return open_edge(http, http_address=f"127.0.0.1:{free_port()}")


@pytest.mark.parametrize("shown", ["127.0.0.1:80", "localhost", "LOCALHOST:9", "[::1]:80"])
def test_without_tokens_a_loopback_name_is_enough(open_island, shown):
    url = f"http://{open_island.edge.config.http_address}{CHAT}"
    seen = httpx.post(url, json={"model": "m1"}, headers={"host": shown}).json()
    assert seen["headers"]["x-seom-tenant"] == "default"


@pytest.mark.parametrize("shown", ["evil.example", "127.0.0.1.evil.example", "localhost.x:80", ""])
def test_without_tokens_no_other_name_will_do(open_island, shown):
    url = f"http://{open_island.edge.config.http_address}{CHAT}"
    response = httpx.post(url, json={"model": "m1"}, headers={"host": shown})
    assert refusal(response) == (403, "host_unknown")


def test_a_name_moves_once_the_new_application_serves_at_both_doors(
    open_island: Island, http: Topology, replicas: dict[str, Replica], websites: dict[str, Website]
) -> None:
    url = f"http://{open_island.edge.config.http_address}{CHAT}"
    late = Website("late")
    late.healthy = False
    try:
        applications = {**http.applications, "new": (replicas["m2"].address,)}
        open_island.change(
            applications=applications,
            http={**http.http, "new": (late.address,)},
            routes={**http.routes, "m1": "new"},
        )
        until = time.monotonic() + 2
        while time.monotonic() < until:
            open_island.follower.sync()
            assert httpx.post(url, json={"model": "m1"}).json()["replica"] == "m1"
            time.sleep(0.05)
        late.healthy = True
        open_island.settle()
        seen = httpx.post(url, json={"model": "m1"}).json()
        assert (seen["replica"], seen["path"]) == ("late", f"/new{CHAT}")
    finally:
        open_island.change(applications=http.applications, http=http.http, routes=http.routes)
        open_island.settle()
        late.close()


def test_what_is_gone_gives_its_slots_back(open_island: Island, http: Topology) -> None:
    control = {"_control": http.http["_control"]}
    open_island.change(http=control)
    open_island.settle()
    entries = open_island.edge.runtime.read_map("applications")
    assert [name for name in entries if is_web_side(name)] == ["_control/http"]
    open_island.change(http=http.http)
    open_island.settle()
    assert "m1/http" in open_island.edge.runtime.read_map("applications")


def test_a_closed_door_has_no_slots(open_edge: Callable[..., Island], topology: Topology) -> None:
    island = open_edge(topology)
    assert not any(s.backend.startswith("http") for s in island.edge.runtime.servers())


def test_without_tokens_it_stays_on_loopback(directory: Path) -> None:
    with pytest.raises(EdgeError, match=r"0\.0\.0\.0:1: without a token file"):
        EdgeConfig(directory, SECRET, http_address="0.0.0.0:1")
