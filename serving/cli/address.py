"""The option --address, the same for every command about a cluster on this machine."""

from __future__ import annotations

import argparse
import re

from serving.cluster.settings import DEFAULT_ADDRESS, Settings
from serving.cluster.state import ClusterHome


def add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address", type=address, default=DEFAULT_ADDRESS, help="host:port of the edge"
    )


def address(text: str) -> str:
    """The address unchanged; raises ArgumentTypeError unless it reads host:port."""
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+|\*", host):
        raise argparse.ArgumentTypeError(f"{text!r} does not read host:port, as {DEFAULT_ADDRESS}")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: the port must be between 1 and 65535")
    return text


def home_of(arguments: argparse.Namespace) -> ClusterHome:
    """The folder of the cluster that --address names."""
    return ClusterHome(Settings(address=arguments.address).port)
