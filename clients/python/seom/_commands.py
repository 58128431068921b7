"""The client's own commands: what each asks, and of which server."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seom import _show
from seom.channel import DEFAULT_ADDRESS, DEFAULT_TIMEOUT
from seom.client import Client
from seom.errors import SeomError


def add_all(commands: Any) -> None:
    for add in (_add_ping, _add_detect, _add_faces, _add_verify):
        add(commands)


def complain(words: str) -> None:
    print(f"seom: {words}", file=sys.stderr)


def words(error: SeomError) -> str:
    quoted = f" (request {error.request_id})" if error.request_id else ""
    return f"{error.message}{quoted}"


def _add_ping(commands: Any) -> None:
    parser = commands.add_parser(
        "ping",
        help="is the server there, and what does it serve?",
        description="Says whether the server answers, how fast, and what it serves; "
        "succeeds only if the server is ready.",
    )
    add_connection(parser)
    parser.set_defaults(run=_ping)


def _ping(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        live = seom.live()  # connects; the trip measured next is a call's alone
        started = time.perf_counter()
        ready = seom.ready()
        trip = (time.perf_counter() - started) * 1e3
        server, models = seom.server_metadata(), seom.models()
    state = "ready" if ready else "live, but not ready" if live else "not live"
    print(f"{seom.address} is {state}: {server.name} {server.version}, {trip:.1f} ms round trip")
    rows = [(each.name, each.version, each.state, each.reason) for each in models]
    for line in _show.table(("model", "version", "state", ""), rows):
        print(line)
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
    add_connection(parser)
    parser.set_defaults(run=_detect)


def _detect(args: argparse.Namespace) -> int:
    with connect(args) as seom:

        def answer(file: str) -> str:
            found = seom.detect(file, model=args.model, min_score=args.min_score)
            return _show.json_of(file, found) if args.json else _show.detections(file, found)

        return _each(args.files, answer)


def _add_faces(commands: Any) -> None:
    parser = commands.add_parser(
        "faces",
        help="what faces are on these pictures, and how good are they?",
        description="Finds faces on pictures and prints them, best first, with what speaks "
        "for and against trusting them: size in pixels, sharpness (blurred below 50), and "
        "where the head is turned, in degrees.",
    )
    parser.add_argument("files", nargs="+", metavar="PHOTO", help="a JPEG, PNG or WebP file")
    parser.add_argument("--model", default="", help="a face model (default: the server's)")
    parser.add_argument("--min-score", type=float, help="leave out what is below, 0 to 1")
    parser.add_argument("--min-size", type=float, help="leave out faces of fewer pixels")
    parser.add_argument(
        "--embed", action="store_true", help="also what tells them apart; --json shows it all"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a picture")
    add_connection(parser)
    parser.set_defaults(run=_faces)


def _faces(args: argparse.Namespace) -> int:
    options = {"model": args.model, "min_score": args.min_score, "min_size": args.min_size}
    with connect(args) as seom:

        def answer(file: str) -> str:
            if args.embed:
                (found,) = seom.faces.embed([file], **options)
            else:
                found = seom.faces.detect(file, sharpness=True, **options)
            return _show.json_of(file, found) if args.json else _show.faces(file, found)

        return _each(args.files, answer)


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="do these two pictures show the same person?",
        description="Compares the faces of two pictures. Each must show one person, unless "
        "--largest is given. Says yes or no; both are answers, so the exit code is 0.",
    )
    parser.add_argument("first", metavar="PHOTO", help="a JPEG, PNG or WebP file")
    parser.add_argument("second", metavar="OTHER", help="the photo to compare it with")
    parser.add_argument("--model", default="", help="a face model (default: the server's)")
    parser.add_argument("--threshold", type=float, help="similarity that makes one person, -1 to 1")
    parser.add_argument(
        "--largest", action="store_true", help="of several faces, compare the largest"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object")
    add_connection(parser)
    parser.set_defaults(run=_verify)


def _verify(args: argparse.Namespace) -> int:
    with connect(args) as seom:

        def answer(file: str) -> str:
            found = seom.faces.verify(
                file,
                args.second,
                model=args.model,
                threshold=args.threshold,
                choice="largest" if args.largest else "only",
            )
            if args.json:
                return _show.json_of(file, found, other=args.second)
            return _show.verification(file, args.second, found)

        return _each([args.first], answer)


def _each(files: list[str], answer: Callable[[str], str]) -> int:
    """Every file is tried; one that fails does not keep the others from their answer."""
    code = 0
    for file in files:
        try:
            print(answer(file), flush=True)
        except SeomError as error:
            complain(f"{file}: {words(error)}")
            code = 1
        except OSError as error:
            complain(f"{error.filename or file}: {error.strerror}")
            code = 1
    return code


def add_connection(parser: argparse.ArgumentParser, timeout: float = DEFAULT_TIMEOUT) -> None:
    """The arguments that say which server is asked, and how."""
    group = parser.add_argument_group("connection")
    group.add_argument(
        "--address", help=f"host:port (default: SEOM_ADDRESS, or else {DEFAULT_ADDRESS})"
    )
    group.add_argument(
        "--token-file", type=Path, help="a file that holds the token (default: SEOM_TOKEN)"
    )
    group.add_argument(
        "--timeout", type=float, default=timeout, help="seconds a call (%(default)g)"
    )
    group.add_argument("--tls", action="store_true", help="encrypt")
    group.add_argument(
        "--root-certificates", type=Path, metavar="PEM", help="encrypt, and trust these only"
    )
    group.add_argument(
        "--insecure", action="store_true", help="send the token unencrypted to another machine"
    )
    parser.set_defaults(usage_error=parser.error)


def connect(args: argparse.Namespace) -> Client:
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
