"""What `seom up` is told: addresses are checked, settings reach a detached supervisor whole."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from serving.cli.address import add_address, address
from serving.cluster.settings import DEFAULT_ADDRESS, Settings
from serving.cluster.supervisor import decode, encode


@pytest.mark.parametrize("good", ["127.0.0.1:1", "localhost:65535", "[::1]:8001", "*:8001"])
def test_an_address_is_taken_as_it_is(good):
    assert address(good) == good


@pytest.mark.parametrize("bad", ["foo", "", ":8001", "8001", "::1:8001", "a b:1", "localhost:"])
def test_what_is_no_address_is_refused(bad):
    with pytest.raises(argparse.ArgumentTypeError, match=r"host:port|port must be"):
        address(bad)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "٣"])
def test_a_port_has_its_range(port):
    with pytest.raises(argparse.ArgumentTypeError, match="between 1 and 65535"):
        address(f"localhost:{port}")


def test_the_command_line_says_what_is_wrong(capsys):
    parser = argparse.ArgumentParser()
    add_address(parser)
    assert parser.parse_args([]).address == DEFAULT_ADDRESS
    with pytest.raises(SystemExit):
        parser.parse_args(["--address", "foo"])
    assert "'foo' does not read host:port" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(
            repository=Path("/models"),
            profile="gpu",
            models=("a", "b@2"),
            address="0.0.0.0:9",
            http_address="0.0.0.0:8",
            tokens=Path("tokens.yaml"),
            tls_certificate=Path("chain.pem"),
            tls_key=Path("key.pem"),
            reflection=False,
            drain_s=0.5,
        ),
    ],
)
def test_settings_are_read_back_as_they_were(settings):
    assert decode(encode(settings)) == settings
