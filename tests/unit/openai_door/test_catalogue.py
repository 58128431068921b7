"""Control's HTTP door: the list of models by token, and requests it takes to their model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from serving.errors import NotFound, Unavailable
from serving.openai.catalogue import Catalogue
from serving.replica.call import Call

SECRET = "the-edges-own-secret"
EDGE = {"x-seom-edge": SECRET, "x-seom-tenant": "acme", "x-seom-scopes": "infer"}


def model(name: str, family: str, *, ready: bool = True, adapters: tuple[str, ...] = ()) -> Any:
    options = SimpleNamespace(adapters=tuple(SimpleNamespace(name=each) for each in adapters))
    config = SimpleNamespace(application=name, family=family, options=options)
    return SimpleNamespace(config=config, ready=ready)


@dataclass
class Models:
    """What control knows, without a cluster."""

    known: list[Any] = field(
        default_factory=lambda: [
            model("llama", "chat", adapters=("formal",)),
            model("llama@1", "chat"),
            model("words", "embedding"),
            model("spots", "detection"),
            model("late", "chat", ready=False),
        ]
    )

    async def visible(self, call: Call) -> list[Any]:
        return [each for each in self.known if call.allows(each.config.application)]

    async def find(self, name: str, version: str, call: Call) -> Any:
        call.require(name)
        for each in self.known:
            if each.config.application == name:
                return each
        raise NotFound(f"no model {name!r}", reason="MODEL_NOT_FOUND")

    async def ready(self, found: Any) -> Any:
        if not found.ready:
            raise Unavailable("it is loading", reason="MODEL_NOT_READY")
        return found


@pytest.fixture
def asked() -> list[Any]:
    return []


@pytest.fixture
def client(asked: list[Any]) -> httpx.AsyncClient:
    async def ask(application: str, scope: Any, body: bytes) -> AsyncIterator[Any]:
        asked.append((application, scope["path"], body))
        assert (b"x-seom-tenant", b"acme") in scope["headers"]
        yield {"type": "http.response.start", "status": 200, "headers": []}
        yield {"type": "http.response.body", "body": b"an", "more_body": True}
        yield {"type": "http.response.body", "body": b"swer"}

    app: Any = Catalogue(Models(), ask, SECRET)  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app, root_path="/_control")
    return httpx.AsyncClient(transport=transport, base_url="http://edge/_control")


async def get(client: httpx.AsyncClient, path: str, models: str = "*") -> Any:
    return await client.get(path, headers=EDGE | {"x-seom-models": models})


@pytest.mark.parametrize(
    ("models", "listed"),
    [
        ("*", ["llama", "llama:formal", "llama@1", "words"]),
        ("llama", ["llama", "llama:formal", "llama@1"]),
        ("spots", []),
    ],
)
async def test_the_list_has_what_a_token_reaches(client, models, listed):
    found = (await get(client, "/v1/models", models)).json()
    assert found["object"] == "list" and [each["id"] for each in found["data"]] == listed


async def test_one_of_them(client):
    found = (await get(client, "/v1/models/llama:formal")).json()
    assert (found["id"], found["object"], found["parent"]) == ("llama:formal", "model", "llama")
    missing = await get(client, "/v1/models/llama:formal", "words")
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "model_not_found"


async def test_a_request_goes_where_its_model_is(client, asked):
    body = b'{"messages": [], "model": "llama:formal"}'
    headers = EDGE | {"x-seom-models": "*"}
    response = await client.post("/v1/chat/completions", content=body, headers=headers)
    assert response.text == "answer"
    assert asked == [("llama", "/v1/chat/completions", body)]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b'{"model": "nix"}', {}, 404, "model_not_found"),
        (b'{"model": "spots"}', {}, 404, "model_not_found"),
        (b'{"model": "late"}', {}, 503, "model_not_ready"),
        (b'{"model": 5}', {}, 400, "invalid_argument"),
        (b"{}", {}, 400, "invalid_argument"),
        (b"[]", {}, 400, "invalid_argument"),
        (b'{"a":' + b"[" * 100_000, {}, 400, "invalid_argument"),
        (b'{"model": "llama"}', {"x-seom-models": "words"}, 403, "model_not_allowed"),
        (b'{"model": "llama"}', {"x-seom-scopes": "admin"}, 403, "scope_missing"),
        (b'{"model": "llama"}', {"x-seom-edge": "x"}, 401, "not_through_edge"),
    ],
)
async def test_requests_that_go_nowhere(client, asked, body, headers, status, code):
    sent = EDGE | {"x-seom-models": "*"} | headers
    response = await client.post("/v1/chat/completions", content=body, headers=sent)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert not asked


async def test_there_is_nothing_else(client):
    assert (await get(client, "/v1/files")).status_code == 404
