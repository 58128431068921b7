"""The command `seom`: ask a server from the shell.

Owns the client's own commands and how every command ends: 0 when all went well, 1 when
a call failed (its message on stderr), 2 when the command line is wrong. Installed
distributions add commands through the entry-point group `seom.commands`; each entry
is a function `add(subparsers)` whose parsers set the default `run`, a function of the
parsed arguments that returns the exit code.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from seom.channel import DEFAULT_ADDRESS, DEFAULT_TIMEOUT, VERSION
from seom.client import Client
from seom.detection import Detections
from seom.errors import SeomError
from seom.timing import Timing

GROUP = "seom.commands"

_EXAMPLES = """\
examples:
  seom ping                                     is the server there, and what does it serve?
  seom detect photo.jpg                         what is on this picture?
  seom detect *.jpg --min-score 0.6 --json      one JSON object a picture, for scripts
  SEOM_ADDRESS=vision.internal seom ping        another server

exit codes: 0 all went well, 1 a call failed, 2 the command line is wrong
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; argparse itself exits with 2."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        return 2
    try:
        return int(args.run(args))
    except SeomError as error:
        _complain(_words(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seom",
        description="Ask a seom model server for what it can do.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"seom {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_ping(commands)
    _add_detect(commands)
    for plugin in entry_points(group=GROUP):
        try:
            plugin.load()(commands)
        except Exception as error:  # whatever is wrong with it, ours still work
            _complain(f"the commands of {plugin.value} are left out: {error!r}")
    return parser


def _add_ping(commands: Any) -> None:
    parser = commands.add_parser(
        "ping",
        help="is the server there, and what does it serve?",
        description="Says whether the server answers, how fast, and what it serves; "
        "succeeds only if the server is ready.",
    )
    _add_connection(parser)
    parser.set_defaults(run=_ping)


def _ping(args: argparse.Namespace) -> int:
    with _connect(args) as seom:
        live = seom.live()  # connects; the trip measured next is a call's alone
        started = time.perf_counter()
        ready = seom.ready()
        trip = (time.perf_counter() - started) * 1e3
        server, models = seom.server_metadata(), seom.models()
    state = "ready" if ready else "live, but not ready" if live else "not live"
    print(f"{seom.address} is {state}: {server.name} {server.version}, {trip:.1f} ms round trip")
    rows = [(each.name, each.version, each.state, each.reason) for each in models]
    _print_table(("model", "version", "state", ""), rows)
    return 0 if live and ready else 1


def _add_detect(commands: Any) -> None:
    parser = commands.add_parser(
        "detect",
        help="what is on these pictures?",
        description="Finds objects on pictures and prints them, best first, with the time it took.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a JPEG, PNG or WebP file")
    parser.add_argument("--model", default="", help="a detection model (default: the server's)")
    parser.add_argument("--min-score", type=float, help="leave out what is below, 0 to 1")
    parser.add_argument("--json", action="store_true", help="one JSON object a picture")
    _add_connection(parser)
    parser.set_defaults(run=_detect)


def _detect(args: argparse.Namespace) -> int:
    """Every file is tried; one that fails does not keep the others from their answer."""
    code = 0
    with _connect(args) as seom:
        for file in args.files:
            try:
                found = seom.detect(file, model=args.model, min_score=args.min_score)
            except (SeomError, OSError) as error:
                reason = _words(error) if isinstance(error, SeomError) else error.strerror
                _complain(f"{file}: {reason}")
                code = 1
            else:
                print(_as_json(file, found) if args.json else _as_text(file, found), flush=True)
    return code


def _as_json(file: str, found: Detections) -> str:
    return json.dumps({"file": file, **asdict(found)}, ensure_ascii=False)


def _as_text(file: str, found: Detections) -> str:
    width, height = found.size
    head = (
        f"{file}  {width}×{height}  {len(found)} object{'s' * (len(found) != 1)} "
        f"by {found.model} v{found.version}"
    )
    rows = [
        (
            thing.label,
            f"{thing.score:.2f}",
            f"{thing.box.x_min:.0f}, {thing.box.y_min:.0f}",
            f"{thing.box.width:.0f}×{thing.box.height:.0f}",
        )
        for thing in found
    ]
    table = _table(("object", "score", "at x, y", "size"), rows)
    return "\n".join([head, *table, _spent(found.timing), ""])


def _spent(timing: Timing) -> str:
    """One line: the round trip and those stages of it that happened."""
    stages = {
        "network": timing.network_ms,
        "queue": timing.queue_ms,
        "batch wait": timing.batch_wait_ms,
        "decode": timing.decode_ms,
        "preprocess": timing.preprocess_ms,
        "to device": timing.host_to_device_ms,
        "device": timing.device_ms,
        "from device": timing.device_to_host_ms,
        "postprocess": timing.postprocess_ms,
    }
    parts = [f"{name} {spent:.1f}" for name, spent in stages.items() if spent is not None]
    return f"  {timing.round_trip_ms or 0:.1f} ms" + (f": {', '.join(parts)}" if parts else "")


def _add_connection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--address", help=f"host:port (default: SEOM_ADDRESS, or else {DEFAULT_ADDRESS})"
    )
    group.add_argument(
        "--token-file", type=Path, help="a file that holds the token (default: SEOM_TOKEN)"
    )
    group.add_argument(
        "--timeout", type=float, default=DEFAULT_TIMEOUT, help="seconds a call (%(default)g)"
    )
    group.add_argument("--tls", action="store_true", help="encrypt")
    group.add_argument(
        "--root-certificates", type=Path, metavar="PEM", help="encrypt, and trust these only"
    )
    group.add_argument(
        "--insecure", action="store_true", help="send the token unencrypted to another machine"
    )
    parser.set_defaults(usage_error=parser.error)


def _connect(args: argparse.Namespace) -> Client:
    """The client the arguments ask for; exits with 2 where there can be none."""
    roots: Path | None = args.root_certificates
    try:
        return Client(
            args.address,
            token=args.token_file.read_text().strip() if args.token_file else None,
            timeout=args.timeout,
            tls=args.tls,
            root_certificates=roots.read_bytes() if roots else None,
            insecure=args.insecure,
        )
    except (OSError, ValueError) as error:
        args.usage_error(str(error))
        raise  # unreachable: usage_error exits


def _words(error: SeomError) -> str:
    quoted = f" (request {error.request_id})" if error.request_id else ""
    return f"{error.message}{quoted}"


def _print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for line in _table(head, list(rows)):
        print(line)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned columns, indented by two; nothing at all without rows."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in (tuple(head), *rows)]


def _complain(words: str) -> None:
    print(f"seom: {words}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
