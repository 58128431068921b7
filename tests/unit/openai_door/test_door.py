"""A replica's HTTP door: who may enter, what comes out, and that what is not wanted ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving.edge import routes
from serving.openai.door import ENDPOINTS, Door, most_body
from serving.openai.relay import portable, run
from serving.repository.scan import Repository

from . import talking
from .replies import events
from .talking import SECRET, Model, replica

CHAT = "/v1/chat/completions"
EDGE = {
    "x-seom-edge": SECRET,
    "x-seom-tenant": "acme",
    "x-seom-scopes": "infer",
    "x-seom-models": "*",
    "content-type": "application/json",
}


def body(text: Any = "a b", model: str = "llama", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


class Talking:
    """The door, what stands behind it, and a client before it."""

    def __init__(self, root: Path) -> None:
        folder = root / "cpu" / "llama"
        folder.mkdir(parents=True)
        limits = "limits: {queue: 1, deadline_s: 5, stream_s: 5, image_bytes: 1000}\n"
        (folder / "model.yaml").write_text(f"family: {talking.__name__}\n{limits}")
        config = Repository(root, "cpu").find("llama")
        self.replica = replica(config.model_copy(update={"family": "chat"}))
        self.app = Door(self.replica)
        transport = httpx.ASGITransport(self.app, root_path="/llama")  # type: ignore[arg-type]
        self.client = httpx.AsyncClient(transport=transport, base_url="http://edge/llama")

    @property
    def model(self) -> Model:
        assert isinstance(self.replica.model, Model)
        return self.replica.model

    async def post(self, given: Any, path: str = CHAT, **headers: str) -> httpx.Response:
        sent = EDGE | {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(given, bytes):
            return await self.client.post(path, content=given, headers=sent)
        return await self.client.post(path, json=given, headers=sent)

    def begin(self, given: bytes) -> AsyncIterator[Any]:
        """The messages of an answer, one by one."""
        headers = [(name.encode(), value.encode()) for name, value in EDGE.items()]
        scope = {"type": "http", "method": "POST", "headers": headers}
        return run(self.app, portable(scope, CHAT), given)


@pytest.fixture
def door(tmp_path: Path) -> Talking:
    return Talking(tmp_path)


def error(response: httpx.Response) -> tuple[int, str, str | None]:
    found = response.json()["error"]
    assert set(found) == {"message", "type", "param", "code"} and found["message"]
    return response.status_code, found["code"], found["param"]


async def test_an_answer(door):
    response = await door.post(body(model="llama:formal"))
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    found = response.json()
    assert found["choices"][0]["message"]["content"] == "ab" and found["model"] == "llama:formal"
    assert found["id"].startswith("chatcmpl-") and found["usage"]["total_tokens"] == 4
    ((item, tenant),) = door.model.asked
    assert tenant == "acme" and item.adapter == "formal"
    assert door.replica.statistics.success == 1 and not door.replica.growing.streams.in_flight


async def test_a_call_is_a_span(door, spans):
    assert (await door.post(body())).status_code == 200
    assert (await door.post(body(messages=[]))).status_code == 400
    good, refused = spans.get_finished_spans()
    assert good.name == refused.name == f"POST {CHAT}"
    assert good.attributes["http.route"] == CHAT and good.attributes["seom.tenant"] == "acme"
    assert good.status.is_ok or good.status.is_unset
    assert not refused.status.is_ok and not refused.status.is_unset


async def test_a_stream(door):
    response = await door.post(body(stream=True, stream_options={"include_usage": True}))
    assert response.headers["content-type"] == "text/event-stream"
    *chunks, usage, done = events(response.content)
    assert "".join(c["choices"][0]["delta"]["content"] for c in chunks) == "ab"
    assert usage["usage"]["completion_tokens"] == 2 and done == "[DONE]"


async def test_a_completion(door):
    given = {"model": "llama@1", "prompt": "a b", "echo": True}
    found = (await door.post(given, "/v1/completions")).json()
    assert found["choices"][0]["text"] == "a bab" and found["object"] == "text_completion"


@pytest.mark.parametrize(
    ("given", "headers", "expected"),
    [
        (body(), {"x_seom_edge": "another"}, (401, "not_through_edge", None)),
        (body(), {"x_seom_edge": ""}, (401, "not_through_edge", None)),
        (body(), {"x_seom_scopes": "admin"}, (403, "scope_missing", None)),
        (body(), {"x_seom_models": "other"}, (403, "model_not_allowed", None)),
        (body(model="nix"), {"x_seom_models": "llama"}, (403, "model_not_allowed", None)),
        (body(model="nix"), {}, (404, "model_not_found", "model")),
        (body(model="llama\0"), {}, (404, "model_not_found", "model")),
        (body(model="llama@2"), {}, (404, "model_not_found", "model")),
        (body(model="llama:nix"), {}, (404, "adapter_not_found", "model")),
        (body(model="llama:../x"), {}, (400, "invalid_argument", "model")),
        (body(model="llama:/etc/passwd"), {}, (400, "invalid_argument", "model")),
        (body(model="llama:https://elsewhere.example/a"), {}, (400, "invalid_argument", "model")),
        (body(model="llama:"), {}, (400, "invalid_argument", "model")),
        (body(nonsense=1), {}, (400, "invalid_argument", "nonsense")),
        (b"{", {}, (400, "body_malformed", None)),
        (body("long", max_tokens=9), {}, (400, "context_length_exceeded", "max_tokens")),
        (body("full"), {}, (429, "queue_full", None)),
        (body("fail"), {}, (500, "internal", None)),
        (body("wait"), {"x_grpc_timeout": "20m"}, (504, "deadline_exceeded", None)),
        (body("wait", stream=True), {"x_grpc_timeout": "20m"}, (504, "deadline_exceeded", None)),
        (body(user="x" * 9_000_000), {}, (413, "message_too_large", None)),
    ],
)
async def test_refusals(door, given, headers, expected):
    response = await door.post(given, **headers)
    assert error(response) == expected
    assert "secret" not in response.text and not door.model.talking
    if expected[0] == 429:
        assert (response.headers["retry-after"], response.headers["retry-after-ms"]) == (
            "3",
            "2200",
        )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", CHAT), ("POST", "/v1/models"), ("POST", "/metrics"), ("POST", CHAT + "/batch")],
)
async def test_there_is_nothing_else(door, method, path):
    response = await door.client.request(method, path, headers=EDGE, json=body())
    assert error(response) == (404, "method_unknown", None) and not door.model.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{}/a.png",
        "HTTP://127.0.0.1:{}/a.png",
        "http://127.0.0.1:{}/redirect?to=http://169.254.169.254/latest/meta-data",
        "http://elsewhere.example\\@127.0.0.1:{}/a.png",
        "https://127.0.0.1:{}",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
    ],
)
async def test_a_pictures_address_is_not_followed(door, url):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        image = {"type": "image_url", "image_url": {"url": url.format(server.getsockname()[1])}}
        response = await door.post(body([image]))
        with pytest.raises(BlockingIOError):
            server.accept()
    param = "messages[0].content[0].image_url.url"
    assert error(response) == (501, "not_fetched", param)
    assert "data: URI" in response.text and response.headers["x-should-retry"] == "false"
    assert not door.model.asked


async def test_a_chat_model_embeds_nothing(door):
    response = await door.post({"model": "llama", "input": "x"}, "/v1/embeddings")
    assert error(response) == (400, "wrong_family", "model")


async def test_an_error_in_the_middle_ends_a_stream(door):
    response = await door.post(body("a fail", stream=True))
    assert response.status_code == 200
    chunk, failure = events(response.content)
    assert chunk["choices"][0]["delta"]["content"] == "a"
    assert failure["error"]["code"] == "internal" and failure["error"]["type"] == "server_error"
    assert door.replica.statistics.failed == 1 and not door.replica.statistics.success


async def test_a_client_that_goes_ends_the_work(door):
    given = b'{"model":"llama","stream":true,"messages":[{"role":"user","content":"a wait"}]}'
    async with aclosing(door.begin(given)) as messages:
        start, first = await anext(messages), await anext(messages)
        assert start["status"] == 200 and b'"a"' in first["body"] and door.model.talking == 1
    async with asyncio.timeout(2):
        while door.model.talking or door.replica.growing.streams.in_flight:
            await asyncio.sleep(0)
    assert door.replica.statistics.failed == 1


async def test_a_body_that_does_not_come(door):
    received = asyncio.Event()
    sent: list[Any] = []

    async def receive() -> Any:
        received.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(n.encode(), v.encode()) for n, v in (EDGE | {"x-grpc-timeout": "20m"}).items()]
    scope = {"type": "http", "method": "POST", "headers": headers}
    await door.app(portable(scope, CHAT), receive, send)
    assert received.is_set() and sent[0]["status"] == 504


async def test_a_client_that_goes_before_its_body_has_come(door):
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in EDGE.items()]
    scope = {"type": "http", "method": "POST", "headers": headers}
    await door.app(portable(scope, CHAT), receive, send)
    assert sent == [] and not door.model.asked


async def test_the_life_of_the_application(door):
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await door.app({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_room_for_pictures_is_room_in_a_body(door):
    assert most_body(door.replica.config) == 8 * 2**20 + 1000 * 4 // 3 + 1024


def test_the_edge_knows_the_endpoints():
    assert set(routes.WEB_PATHS) == set(ENDPOINTS)
