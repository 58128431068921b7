"""seom up, seom status, seom down."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.cli.address import add_address, address, home_of
from serving.cluster.settings import DEFAULT_PROFILE, Settings
from serving.cluster.state import ClusterHome, Process, descendants, end, wait_until_gone
from serving.repository.config import PROFILES

_UP_PATIENCE_S = 600.0
_DOWN_PATIENCE_S = 30.0

console = Console(stderr=True)


def add(subparsers: Any) -> None:
    up = subparsers.add_parser(
        "up",
        help="start a cluster on this machine",
        description="Starts Ray Serve, the models of a repository and the edge. "
        "Stays in the foreground until Ctrl-C; with --detach it returns when every model is ready.",
        epilog="seom up --models island-detector --detach && seom ping && seom down",
    )
    up.add_argument("--repo", type=Path, default=Settings.repository, help="model repository")
    up.add_argument("--profile", choices=PROFILES, default=DEFAULT_PROFILE)
    up.add_argument("--models", default="", help="names, comma separated; all enabled ones else")
    up.add_argument("--detach", action="store_true", help="return when ready, leave it running")
    up.add_argument(
        "--http-address", type=address, metavar="HOST:PORT",
        help="speak OpenAI's API here too, as 127.0.0.1:8000",
    )  # fmt: skip
    up.add_argument("--tokens", type=Path, help="token file; needed off loopback")
    up.add_argument("--tls-certificate", type=Path, help="PEM chain; turns TLS on")
    up.add_argument("--tls-key", type=Path, help="PEM key, if not in the certificate file")
    up.add_argument("--no-reflection", action="store_true", help="hide the API from grpcurl")
    up.add_argument(
        "--drain", type=float, default=Settings.drain_s, metavar="SECONDS",
        help="how long a replaced replica stays for its last callers",
    )  # fmt: skip
    add_address(up)
    up.set_defaults(run=_up)

    status = subparsers.add_parser("status", help="what is running on this machine")
    add_address(status)
    status.set_defaults(run=_status)

    down = subparsers.add_parser("down", help="stop the cluster that `seom up` started")
    add_address(down)
    down.set_defaults(run=_down)


def settings_of(arguments: argparse.Namespace) -> Settings:
    return Settings(
        repository=arguments.repo.resolve(),
        profile=arguments.profile,
        models=tuple(name for name in arguments.models.split(",") if name),
        address=arguments.address,
        http_address=arguments.http_address,
        tokens=arguments.tokens and arguments.tokens.resolve(),
        tls_certificate=arguments.tls_certificate and arguments.tls_certificate.resolve(),
        tls_key=arguments.tls_key and arguments.tls_key.resolve(),
        reflection=not arguments.no_reflection,
        drain_s=arguments.drain,
    )


def _up(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    return start_detached(settings) if arguments.detach else _foreground(settings)


def _foreground(settings: Settings) -> int:
    from serving.cluster.supervisor import ClusterError, Supervisor

    starting = True
    with console.status("starting") as status:

        def report(line: str) -> None:
            nonlocal starting
            if line.startswith("ready"):
                starting = False
                status.stop()
                console.print(f"[green]{line}[/] (Ctrl-C ends it)")
            elif starting:
                status.update(escape(line))
            else:
                console.print(escape(line))

        try:
            Supervisor(settings, report).run()
        except ClusterError as error:
            return _complain(str(error))
    return 0


def _complain(words: str) -> int:
    console.print(f"[red]seom up:[/] {escape(words)}")
    return 1


def start_detached(settings: Settings) -> int:
    """Starts a supervisor of its own session and follows its progress until it is ready."""
    from serving.cluster.supervisor import encode

    home = ClusterHome(settings.port)
    try:
        home.create()
    except PermissionError as error:
        return _complain(str(error))
    if home.running():
        return _complain(f"a cluster is already up on port {settings.port}; `seom down` ends it")
    home.log.write_text("")
    # The supervisor opens its log a second time for tracebacks; both ends must append.
    with home.log.open("a") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "serving.cluster.supervisor", encode(settings)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = time.monotonic()
    with console.status("starting") as status, home.log.open() as log:
        while time.monotonic() - started < _UP_PATIENCE_S:
            ended = supervisor.poll() is not None
            for line in log:
                step = line.strip().partition(" ")[2]
                if step.startswith("ready"):
                    took = time.monotonic() - started
                    console.print(f"[green]{step}[/] after {took:.1f} s; `seom down` ends it")
                    return 0
                if line.startswith("failed:"):
                    supervisor.wait(_DOWN_PATIENCE_S)
                    return _complain((line + log.read()).removeprefix("failed:").strip())
                if step:
                    status.update(escape(step))
            if ended:
                return _complain(f"the supervisor ended; see {home.log}")
            time.sleep(0.05)
    stop(home)
    return _complain("not ready in time; `seom logs` says more")


def _status(arguments: argparse.Namespace) -> int:
    state = home_of(arguments).running()
    if state is None:
        console.print(f"nothing is up on {arguments.address}; `seom up` starts a cluster")
        return 1
    table = Table(title=f"seom on {state.address}: {state.phase}", title_justify="left")
    for column in ("process", "pid", "memory"):
        table.add_column(column, justify="left" if column == "process" else "right")
    for process in (state.supervisor, *descendants(state.supervisor.pid)):
        if found := process.find():
            memory = f"{found.memory_info().rss >> 20} MiB"
            table.add_row(_role(found.cmdline()), str(process.pid), memory)
    Console().print(table)
    Console().print(f"models: {state.repository} (profile {state.profile}); `seom ping` asks them")
    return 0


def _role(command: list[str]) -> str:
    """What a process is for: Ray's own title, the program, or the Python script."""
    program = Path(command[0]).name if command else "?"
    if program.startswith("python"):
        scripts = [word for word in command[1:] if not word.startswith("-")]
        program = Path(scripts[0]).stem if scripts and "/" in scripts[0] else "supervisor"
    program = program.removeprefix("ray::")
    if program.startswith("LedgerBook"):
        return "ledger"
    return program.replace("ServeReplica:", "replica of ").split(":")[0]


def _down(arguments: argparse.Namespace) -> int:
    home = home_of(arguments)
    if home.read() is None:
        console.print("nothing to stop")
        return 0
    with console.status("stopping"):
        left = stop(home)
    if left:
        names = ", ".join(f"{process.name} {process.pid}" for process in left)
        console.print(f"[red]seom down:[/] still running: {names}")
        return 1
    console.print("stopped")
    return 0


def stop(home: ClusterHome) -> list[Process]:
    """Ends a cluster and everything it started; returns what would not go."""
    state = home.read()
    if state is None:
        return []
    family = [state.supervisor, *state.children]
    if supervisor := state.supervisor.find():
        family += descendants(supervisor.pid)
        supervisor.terminate()
        wait_until_gone([state.supervisor], _DOWN_PATIENCE_S)
    end(family)
    home.remove_state()
    return wait_until_gone(family, 2.0)
