"""seom logs: what the supervisor, the edge and the replicas have written."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from serving.cli.address import add_address, home_of
from serving.cluster.state import ClusterHome


def add(subparsers: Any) -> None:
    logs = subparsers.add_parser("logs", help="show what the cluster has logged")
    logs.add_argument("what", nargs="?", default="", help="only files named so: edge, a model, …")
    logs.add_argument("-n", "--lines", type=int, default=20, help="lines of each file")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines are written")
    add_address(logs)
    logs.set_defaults(run=_logs)


def _logs(arguments: argparse.Namespace) -> int:
    home = home_of(arguments)
    files = [file for file in log_files(home) if arguments.what in file.name]
    if not files:
        print("no logs; nothing has been up on this port, or the name matches no file")
        return 1
    positions: dict[Path, int] = {}
    for file in files:
        text = file.read_text(errors="replace")
        positions[file] = len(text)
        if tail := text.splitlines()[-arguments.lines :]:
            print(f"==> {file.name}", *tail, "", sep="\n")
    while arguments.follow:
        try:
            time.sleep(0.3)
        except KeyboardInterrupt:
            return 0
        for file in log_files(home):
            if arguments.what in file.name:
                text = file.read_text(errors="replace")
                for line in text[positions.get(file, 0) :].splitlines():
                    print(f"{file.stem}: {line}")
                positions[file] = len(text)
    return 0


def log_files(home: ClusterHome) -> list[Path]:
    """The logs people want: supervisor, edge, Serve's replicas and controller."""
    serve = home.ray / "session_latest" / "logs" / "serve"
    files = [home.log, *sorted(home.edge.glob("*.log")), *sorted(serve.glob("*.log"))]
    return [file for file in files if file.is_file()]
