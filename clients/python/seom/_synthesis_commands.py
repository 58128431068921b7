"""The commands `seom synthesize` and `seom animate`: pictures and moving pictures as files.

What was written goes to stdout; how far an animation is goes to stderr, and only where
somebody watches.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from seom._commands import add_connection, complain, connect
from seom._pictures import PictureStream
from seom._stopping import stoppable
from seom.looks import Format, Noise
from seom.pictures import ENDINGS, AnimationFrame
from seom.synthesis import STREAM_TIMEOUT, Keyframe

_MOST_SEEDS = 100_000  # of one range: more is a slip

_OF_SYNTHESIZE = """\
examples:
  seom synthesize --seed 7                             the face of seed 7, as 7.png
  seom synthesize --seed 1 --seed 5-9 --out faces/     six of them, in a folder
  seom synthesize --seed 7 --attribute smile=1.5       smiling: strengths are in standard
                                                       deviations over all faces
  seom synthesize --seed 7 --attribute smile=1.5 --attribute age=-1 --keep glasses
  seom synthesize --seed 0-99 --psi 0.7 --size 256 --format jpeg --out faces/
                                                       nearer to the mean face, and small
"""
_OF_ANIMATE = """\
examples:
  seom animate --seed 7 --keyframe 0:mouth=0 --keyframe 0.4:mouth=1 --out frames/
                                                       opens the mouth within 0.4 s
  seom animate --seed 7 --keyframe 0 --keyframe 0.1:eyes=-2 --keyframe 0.2 --out frames/
                                                       blinks; without a strength, it is 0
  seom animate --seed 7 --keyframe 0 --keyframe 2:smile=2,yaw=1 --fps 30 --out frames/
  ffmpeg -framerate 30 -i frames/%05d.jpg face.mp4     frames as a film
"""


def add(commands: Any) -> None:
    _add_synthesize(commands)
    _add_animate(commands)


def _add_synthesize(commands: Any) -> None:
    parser = commands.add_parser(
        "synthesize",
        help="make faces, and have them smile",
        description="Makes a picture from each seed and writes it to a file named after it.",
        epilog=_OF_SYNTHESIZE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seed",
        dest="seeds",
        action="append",
        type=_seeds,
        required=True,
        metavar="SEED",
        help="a number, or a range such as 5-9; may be repeated",
    )
    _add_look(parser, "png")
    parser.set_defaults(run=_synthesize)


def _synthesize(args: argparse.Namespace) -> int:
    seeds = [seed for each in args.seeds for seed in each]

    def told(picture: Any, path: Path) -> None:
        made_by = f"{picture.model} v{picture.version}"
        print(f"{path}  {picture.width}×{picture.height} by {made_by}", flush=True)

    with connect(args) as seom:
        try:
            pictures = seom.synthesize(seeds, **_look(args), timeout=args.timeout)
        except (TypeError, ValueError) as error:
            args.usage_error(str(error))
            raise  # unreachable: usage_error exits
        return _written(args, pictures, lambda picture: str(picture.seed), told)


def _add_animate(commands: Any) -> None:
    parser = commands.add_parser(
        "animate",
        help="move a face from one expression to the next",
        description="Moves the face of a seed between keyframes and writes every frame to a "
        "numbered file.",
        epilog=_OF_ANIMATE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, required=True, help="whose face it is")
    parser.add_argument(
        "--keyframe",
        dest="keyframes",
        action="append",
        type=_keyframe,
        required=True,
        metavar="TIME:NAME=STRENGTH",
        help="how strong attributes are at a time in seconds; two or more, the first at 0",
    )
    parser.add_argument(
        "--fps", type=float, default=25, help="frames per second (default: %(default)g)"
    )
    _add_look(parser, "jpeg")
    parser.set_defaults(run=_animate)


def _animate(args: argparse.Namespace) -> int:
    watched, count = sys.stderr.isatty(), 0
    last: Keyframe = args.keyframes[-1]

    def told(frame: AnimationFrame, path: Path) -> None:
        nonlocal count
        count += 1
        if watched:
            print(f"\r{path}  {frame.time:.2f} of {last[0]:.2f} s", end="", file=sys.stderr)

    try:
        with connect(args) as seom:
            try:
                frames = seom.animate(
                    args.seed,
                    keyframes=args.keyframes,
                    fps=args.fps,
                    pace="every_frame",
                    timeout=args.timeout,
                    **_look(args),
                )
            except (TypeError, ValueError) as error:
                args.usage_error(str(error))
                raise  # unreachable: usage_error exits
            return _written(args, frames, lambda frame: f"{frame.number:05}", told)
    finally:
        if watched and count:
            print(file=sys.stderr)
        if count:
            print(f"{count} frame{'s' * (count != 1)} in {args.out}, {args.fps:g} a second")


def _written(
    args: argparse.Namespace,
    pictures: PictureStream[Any],
    name: Callable[[Any], str],
    told: Callable[[Any, Path], None],
) -> int:
    """Writes each picture as it comes, under its name; 1 where there can be no file."""
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        with stoppable(pictures):
            for picture in pictures:
                path: Path = args.out / (name(picture) + ENDINGS[args.format][0])
                picture.save(path)
                told(picture, path)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return 1
    return 0


def _add_look(parser: argparse.ArgumentParser, format: Format) -> None:
    """The arguments that say how pictures are to look, and what they come as."""
    parser.add_argument("--model", default="", help="a synthesis model (default: the server's)")
    parser.add_argument(
        "--attribute",
        dest="attributes",
        action="append",
        type=_strength,
        default=[],
        metavar="NAME=STRENGTH",
        help="moves what the model has a direction for; may be repeated",
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="NAME",
        help="an attribute that is to stay as it is meanwhile; may be repeated",
    )
    parser.add_argument(
        "--psi", type=float, help="1 as it is, 0 the mean face (default: the model's)"
    )
    parser.add_argument("--cutoff", type=int, help="truncate only so many layers, the coarsest")
    parser.add_argument(
        "--class", dest="class_id", type=int, metavar="NUMBER", help="for a model with classes"
    )
    parser.add_argument(
        "--noise", choices=get_args(Noise), help="of the fine details (default: const)"
    )
    parser.add_argument(
        "--size", type=int, help="width and height in pixels (default: the generator's)"
    )
    parser.add_argument(
        "--format",
        choices=get_args(Format),
        default=format,
        help="of the files; raw is .ppm (default: %(default)s)",
    )
    parser.add_argument("--quality", type=int, help="of jpeg and webp, 1 to 100 (default: 90)")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="for the files (default: here)"
    )
    add_connection(parser, STREAM_TIMEOUT)


def _look(args: argparse.Namespace) -> dict[str, Any]:
    names = ("model", "keep", "psi", "cutoff", "class_id", "noise", "size", "format", "quality")
    return {name: getattr(args, name) for name in names} | {"attributes": dict(args.attributes)}


def _seeds(text: str) -> range:
    """`7`, or `5-9` with both ends."""
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a seed (7) nor a range (5-9)")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 0 <= last - first < _MOST_SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of 1 to {_MOST_SEEDS} seeds")
    return range(first, last + 1)


def _strength(text: str) -> tuple[str, float]:
    """`smile=1.5`"""
    name, _, strength = text.partition("=")
    try:
        return name, float(strength if name else "")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no attribute with a strength, such as smile=1.5"
        ) from None


def _keyframe(text: str) -> Keyframe:
    """`0.4:mouth=1,smile=0.5`, or a time alone."""
    time, _, strengths = text.partition(":")
    try:
        return float(time), dict(map(_strength, filter(None, strengths.split(","))))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time with strengths, such as 0.4:mouth=1,smile=0.5"
        ) from None
