"""The token file, and the door it closes: default-deny over every method."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import yaml

from serving.edge import EdgeError, Topology, routes, tokens

from .calls import DETECT, INFER, STREAM, Answer, call, message
from .conftest import Island

HEALTH = "/grpc.health.v1.Health/Check"
LOAD = "/inference.GRPCInferenceService/RepositoryModelLoad"


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def entry(token: str, **changes: object) -> dict[str, object]:
    return {
        "sha256": digest(token),
        "tenant": token,
        "scopes": ["infer"],
        "models": ["*"],
        **changes,
    }


ENTRIES = [
    entry("all", scopes=["infer", "admin"]),
    entry("infer"),
    entry("admin", scopes=["admin"]),
    entry("only-m1", models=["m1"]),
    entry("only-m1-1", models=["m1@1"]),
    entry("two", models=["m1", "m2", *(f"other-{n}" for n in range(300))]),
]


def write(path: Path, entries: object) -> Path:
    path.write_text(yaml.safe_dump({"tokens": entries}))
    return path


@pytest.fixture(scope="module")
def island(open_edge: Callable[..., Island], topology: Topology, directory: Path) -> Island:
    return open_edge(topology, tokens=write(directory / "tokens.yaml", ENTRIES))


@pytest.fixture
def channel(island: Island) -> Iterator[grpc.Channel]:
    with island.channel() as channel:
        yield channel


def ask(
    channel: grpc.Channel, token: str | None, path: str, name: str | None, header: str = ""
) -> Answer:
    metadata = {"authorization": f"Bearer {token}"} if token is not None else {}
    if header:
        metadata["application"] = header
    return call(channel, message(name), path, metadata)


# --- the file ----------------------------------------------------------------------------


def test_a_file_is_read_into_tokens(tmp_path: Path) -> None:
    path = write(tmp_path / "t.yaml", [entry("a", sha256=digest("a").upper(), models=["m1"])])
    assert tokens.read(path) == (tokens.Token(digest("a"), "a", ("infer",), ("m1",)),)
    assert tokens.grants(tokens.read(path)) == {
        digest("a").upper(): "a;infer;m1",
        f"{digest('a').upper()}/m1": "1",
    }


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("a", tennant="x")], ["tokens[0]", "tennant", "allowed: sha256, tenant"]),
        ([{"sha256": digest("a")}], ["tenant, scopes, models missing"]),
        ([entry("a"), entry("b"), entry("a")], ["tokens[2].sha256", "twice"]),
        ([entry("a", sha256=digest("a")[:-1])], ["tokens[0].sha256", "64 hexadecimal"]),
        ([entry("a", sha256="g" * 64)], ["tokens[0].sha256", "64 hexadecimal"]),
        ([entry("a", sha256=12)], ["tokens[0].sha256", "64 hexadecimal"]),
        ([entry("a", tenant="a;infer,admin;*")], ["tokens[0].tenant"]),
        ([entry("a", tenant="a\nb")], ["tokens[0].tenant"]),
        ([entry("a", scopes=["root"])], ["tokens[0].scopes", "root", "infer, admin"]),
        ([entry("a", scopes=[])], ["tokens[0].scopes", "at least one"]),
        ([entry("a", scopes="infer")], ["tokens[0].scopes", "list"]),
        ([entry("a", scopes=["infer", "infer"])], ["tokens[0].scopes", "twice"]),
        ([entry("a", models=["*", "m1"])], ["tokens[0].models", "alone"]),
        ([entry("a", models=["M1"])], ["tokens[0].models", "M1"]),
        ([entry("a", models=["m1;x"])], ["tokens[0].models", "m1;x"]),
        ([entry("a", models=[f"{n:063}" for n in range(70)])], ["tokens[0].models", "4096"]),
        (["a"], ["tokens[0]", "mapping"]),
        ({}, ["tokens: must be a list"]),
    ],
)
def test_a_bad_file_is_an_error_that_names_file_key_and_fix(
    tmp_path: Path, entries: object, words: list[str]
) -> None:
    path = write(tmp_path / "t.yaml", entries)
    with pytest.raises(EdgeError) as caught:
        tokens.read(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


@pytest.mark.parametrize("text", ["", "tokens", "tokens: [", "token: []", "tokens: []\nmore: 1"])
def test_a_file_of_another_shape_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    with pytest.raises(EdgeError, match=r"t\.yaml"):
        tokens.read(path)
    with pytest.raises(EdgeError, match="cannot be read"):
        tokens.read(tmp_path / "absent.yaml")


# --- the door ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *routes.CONTROL_METHODS,
        *(f"/{service}/Any" for service in routes.CONTROL_SERVICES),
        "/grpc.health.v1.Health/Watch",
        "/grpc.health.v1.Health/check",
        INFER,
        STREAM,
        DETECT,
        "/no.Such/Method",
        "/nonsense",
        "/a/b?c",
    ],
)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic YTpi", "Bearer", "infer"])
def test_no_method_answers_without_a_token(
    channel: grpc.Channel, path: str, authorization: str | None
) -> None:
    metadata = {"authorization": authorization} if authorization else {}
    answer = call(channel, message("m1"), path, metadata)
    assert answer.status == "UNAUTHENTICATED"
    assert "authorization: Bearer" in answer.details


def test_a_probe_needs_no_token_and_gets_no_rights(channel: grpc.Channel) -> None:
    for token in (None, "wrong"):
        answer = ask(channel, token, HEALTH, None)
        assert answer.replica == "_control"
        assert [answer[f"x-seom-{key}"] for key in ("tenant", "scopes", "models")] == [
            "anonymous",
            "",
            "",
        ]
    assert ask(channel, "infer", HEALTH, None)["x-seom-tenant"] == "infer"


OK, DENIED = "OK", "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("token", "infer_m1", "infer_m1_1", "infer_m2", "default_m2", "metadata", "load"),
    [
        ("all", OK, OK, OK, OK, OK, OK),
        ("infer", OK, OK, OK, OK, OK, DENIED),
        ("admin", DENIED, DENIED, DENIED, DENIED, OK, OK),
        ("only-m1", OK, OK, DENIED, DENIED, OK, DENIED),
        ("only-m1-1", DENIED, OK, DENIED, DENIED, OK, DENIED),
        ("two", OK, OK, OK, OK, OK, DENIED),
    ],
)
def test_scopes_and_models(
    channel: grpc.Channel,
    token: str,
    infer_m1: str,
    infer_m1_1: str,
    infer_m2: str,
    default_m2: str,
    metadata: str,
    load: str,
) -> None:
    for name, expected in (("m1", infer_m1), ("m1@1", infer_m1_1), ("m2", infer_m2)):
        assert ask(channel, token, INFER, name).status == expected
        assert ask(channel, token, INFER, "m1", header=name).status == expected
    assert ask(channel, token, DETECT, None).status == default_m2
    assert ask(channel, token, routes.CONTROL_METHODS[0], "m1").status == metadata
    assert ask(channel, token, LOAD, "m1").status == load


@pytest.mark.parametrize("method", routes.ADMIN_METHODS)
@pytest.mark.parametrize("service", ["inference.GRPCInferenceService", "any.Other"])
def test_an_admin_method_needs_the_scope_under_any_service(
    channel: grpc.Channel, method: str, service: str
) -> None:
    answer = ask(channel, "infer", f"/{service}/{method}", "m1")
    assert answer.status == DENIED
    assert answer.details == "this call needs a token with the scope 'admin'"


def test_a_refused_model_is_named(channel: grpc.Channel) -> None:
    answer = ask(channel, "only-m1", INFER, "m2")
    assert answer.details == "this token may not use the model 'm2'"


def test_an_unknown_model_reaches_control_with_the_token_s_models(channel: grpc.Channel) -> None:
    answer = ask(channel, "only-m1", INFER, "m9")
    assert (answer.replica, answer["x-seom-models"]) == ("_control", "m1")


def test_the_replica_is_told_who_calls_and_never_the_token(channel: grpc.Channel) -> None:
    answer = ask(channel, "only-m1", INFER, "m1")
    assert [answer[f"x-seom-{key}"] for key in ("tenant", "scopes", "models")] == [
        "only-m1",
        "infer",
        "m1",
    ]
    assert "authorization" not in (answer.metadata or {})


def test_a_long_list_of_models_fits_beside_a_large_message(channel: grpc.Channel) -> None:
    body = message("m1", bytes(600_000))
    answer = call(channel, body, metadata={"authorization": "Bearer two"})
    assert (answer.size, answer["x-seom-models"].count(",")) == (len(body), 301)


def test_neither_files_nor_log_hold_a_token(channel: grpc.Channel, island: Island) -> None:
    ask(channel, "only-m1", INFER, "m2")
    for path in island.edge.config.directory.iterdir():
        if path.is_file():
            assert "Bearer only-m1" not in path.read_text()
            assert path.stat().st_mode & 0o077 == 0


def test_an_empty_list_lets_nobody_in(
    open_edge: Callable[..., Island], topology: Topology, directory: Path
) -> None:
    island = open_edge(topology, tokens=write(directory / "nobody.yaml", []))
    with island.channel() as channel:
        assert ask(channel, "infer", INFER, "m1").status == "UNAUTHENTICATED"


# --- reload ------------------------------------------------------------------------------


def test_reload_changes_all_rights_and_keeps_the_process(
    open_edge: Callable[..., Island], topology: Topology, directory: Path
) -> None:
    path = write(directory / "reload.yaml", [entry("old"), entry("both", models=["m1"])])
    island = open_edge(topology, tokens=path)
    pid = island.edge.pid
    with island.channel() as channel:
        assert ask(channel, "old", INFER, "m1").status == OK
        assert ask(channel, "both", INFER, "m2").status == DENIED

        write(path, [*(entry(f"new-{n}") for n in range(2000)), entry("both", models=["m2"])])
        island.edge.reload_tokens()
        assert ask(channel, "old", INFER, "m1").status == "UNAUTHENTICATED"
        assert ask(channel, "new-0", INFER, "m1").status == OK
        assert ask(channel, "new-1999", INFER, "m1").status == OK
        assert ask(channel, "both", INFER, "m1").status == DENIED
        assert ask(channel, "both", INFER, "m2").status == OK

        for bad in ("tokens: [", "tokens:\n- {sha256: x}"):
            path.write_text(bad)
            with pytest.raises(EdgeError, match=r"reload\.yaml"):
                island.edge.reload_tokens()
            assert ask(channel, "new-0", INFER, "m1").status == OK
            assert ask(channel, "old", INFER, "m1").status == "UNAUTHENTICATED"
    assert island.edge.pid == pid


def test_reload_without_a_token_file_says_so(
    open_edge: Callable[..., Island], topology: Topology
) -> None:
    with pytest.raises(EdgeError, match="without a token file"):
        open_edge(topology).edge.reload_tokens()
