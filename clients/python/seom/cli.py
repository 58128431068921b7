"""The command `seom`: ask a server from the shell.

Owns how every command ends: 0 when all went well, 1 when a call failed (its message on
stderr), 2 when the command line is wrong. The client's own commands are in `_commands`,
`_talk`, `_reading` and `_admin`; installed distributions add others through the entry-point group
`seom.commands`: each entry is a function `add(subparsers)` whose parsers set the default
`run`, a function of the parsed arguments that returns the exit code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

from seom import (
    _admin,
    _commands,
    _gallery_commands,
    _reading,
    _synthesis_commands,
    _talk,
)
from seom.channel import VERSION
from seom.errors import SeomError

GROUP = "seom.commands"

_EXAMPLES = """\
examples:
  seom ping                                     is the server there, and what does it serve?
  seom detect photo.jpg                         what is on this picture?
  seom detect *.jpg --min-score 0.6 --json      one JSON object a picture, for scripts
  seom faces people.jpg                         where are faces, and how good are they?
  seom faces *.jpg --embed --json               embeddings, for scripts
  seom verify badge.jpg gate.jpg                the same person?
  seom gallery enroll kim Mina a.jpg b.jpg      remember a face by a name
  seom gallery identify kim people.jpg          who is on this picture?
  seom synthesize --seed 5-9 --attribute smile=1.5 --out faces/
                                                make faces, and have them smile
  seom animate --seed 7 --keyframe 0 --keyframe 0.4:mouth=1 --out frames/
                                                open a mouth, frame by frame
  seom chat Plan a picnic.                      ask a language model
  seom chat --image photo.jpg                   talk about a photo
  seom embed "old cars" "a rusty van" "tea"     how alike in meaning?
  seom classify - < messages.txt                a mood, a topic … for each line
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
        _commands.complain(_commands.words(error))
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
    _commands.add_all(commands)
    _talk.add(commands)
    _reading.add(commands)
    _gallery_commands.add(commands)
    _synthesis_commands.add(commands)
    _admin.add(commands)
    for plugin in entry_points(group=GROUP):
        try:
            plugin.load()(commands)
        except Exception as error:  # whatever is wrong with it, ours still work
            _commands.complain(f"the commands of {plugin.value} are left out: {error!r}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
