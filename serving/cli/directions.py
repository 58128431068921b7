"""seom directions: finds what pictures can be steered along, and shows what a folder has."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from serving.errors import ServingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from serving.runtimes.stylegan.fitting.fit import Fitted, Settings

_PAIRS = 20
# Of the written report, whose matrices have a column for each attribute.
_WIDTH = 160

_FIT = """\
Finds a direction for each attribute among a generator's latents, by a linear SVM between
those of the highest and those of the lowest scores (InterFaceGAN). You bring

  LATENTS  .npy, (n, dim): z as drawn, or w as mapped without truncation
  SCORES   .csv with a header, or .npz: a column for each attribute, a row for each latent,
           of what any classifier or measurement makes of the picture: more is more

A few thousand are a start, tens of thousands are good. OUT gets a <name>.npy for each
attribute, report.json and report.txt. The report speaks of latents that were held out:

  accuracy      of the ends of the scores, how many lie on the right side; 0.5 is chance
  all           the same of all held-out latents
  rank          Spearman's correlation of scores with the way along the direction
  entanglement  what a step of one standard deviation along a row's direction does to each
                score, in standard deviations of that; beside the diagonal, near 0 is good
"""
_EXAMPLES = """\
seom directions fit w.npy scores.csv --out model_repo/gpu/portraits/directions
seom directions fit z.npy scores.npz --space z --top 0.02 --attribute smile --attribute age
"""


def add(subparsers: Any) -> None:
    directions = subparsers.add_parser(
        "directions", help="what a StyleGAN's pictures can be steered along"
    )
    kinds = directions.add_subparsers(dest="kind", required=True, metavar="ACTION")
    _add_fit(kinds)
    show = kinds.add_parser(
        "show",
        help="what directions a folder has, and which resemble each other",
        epilog="seom directions show model_repo/gpu/portraits/directions",
    )
    show.add_argument("folder", type=Path, help="of .npy and .pt files")
    show.set_defaults(run=_show)


def _add_fit(kinds: Any) -> None:
    from serving.runtimes.stylegan.fitting.fit import Settings

    defaults = Settings()
    fit = kinds.add_parser(
        "fit",
        help="find directions from scored latents",
        description=_FIT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument("latents", type=Path, metavar="LATENTS", help="the .npy file")
    fit.add_argument("scores", type=Path, metavar="SCORES", help="the .csv or .npz file")
    fit.add_argument(
        "--out", type=Path, default=Path("directions"), help="the folder to write (%(default)s)"
    )
    fit.add_argument(
        "--space", choices=("z", "w"), default="w", help="what the latents are of (%(default)s)"
    )
    fit.add_argument(
        "--attribute", action="append", default=[], metavar="NAME",
        help="only this column of SCORES; may be repeated (all of them)",
    )  # fmt: skip
    fit.add_argument(
        "--holdout", type=_share(0.01, 0.9), default=defaults.holdout, metavar="SHARE",
        help="of the latents, to judge by and not to learn from (%(default)s)",
    )  # fmt: skip
    fit.add_argument(
        "--top", type=_share(0.0001, 0.5), default=defaults.top, metavar="SHARE",
        help="of the latents, at either end of the scores, to learn from: the fewer you have "
        "the more, from 0.02 of half a million to 0.5 (%(default)s)",
    )  # fmt: skip
    fit.add_argument(
        "--seed", type=_seed, default=defaults.seed, help="of what is held out (%(default)s)"
    )
    fit.add_argument("--force", action="store_true", help="replace what OUT has")
    fit.set_defaults(run=_fit)


def _share(least: float, most: float) -> Callable[[str], float]:
    def share(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least:g} to {most:g}, not {text}")
        return value

    return share


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError("must be from 0 to 4294967295")
    return value


def _fit(arguments: argparse.Namespace) -> int:
    from serving.runtimes.stylegan.fitting import report
    from serving.runtimes.stylegan.fitting.fit import Settings
    from serving.runtimes.stylegan.fitting.samples import Samples

    console = Console(stderr=True)
    settings = Settings(holdout=arguments.holdout, top=arguments.top, seed=arguments.seed)
    try:
        with console.status(f"reading {arguments.latents.name}"):
            samples = Samples.read(
                arguments.latents, arguments.scores, arguments.space, arguments.attribute
            )
        if not arguments.force:
            report.check_free(arguments.out, list(samples.scores))
        fitted = _fit_all(samples, settings, console)
        readable = io.StringIO()
        _print(fitted, Console(file=readable, width=_WIDTH))
        report.write(fitted, arguments.space, settings, arguments.out, readable.getvalue())
    except ServingError as error:
        print(f"seom directions: {error.message}", file=sys.stderr)
        return 1
    _print(fitted, Console())
    print(f"wrote {arguments.out}: {len(fitted.fits)} × .npy, {report.JSON} and {report.TEXT}")
    return 0


def _fit_all(samples: Any, settings: Settings, console: Console) -> Fitted:
    from serving.runtimes.stylegan.fitting.fit import fit

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(samples.scores))
        names = list(samples.scores)
        return fit(
            samples,
            settings,
            lambda name: progress.update(task, completed=names.index(name), description=name),
        )


def _print(fitted: Fitted, console: Console) -> None:
    from serving.runtimes.stylegan.fitting import report

    names = [each.name for each in fitted.fits]
    found = Table(title=f"{fitted.held_out:,} of {fitted.samples:,} latents held out", box=None)
    for column in ("attribute", "accuracy", "all", "rank", "std", "learnt from"):
        found.add_column(column, justify="left" if column == "attribute" else "right")
    for each in fitted.fits:
        shares = (each.accuracy, each.accuracy_all, each.rank_correlation, each.std)
        found.add_row(each.name, *(f"{share:.3f}" for share in shares), f"{each.trained:,}")
    console.print(found)
    console.print(_matrix("entanglement: a step along", names, fitted.entanglement))
    console.print(_matrix("cosine of", names, fitted.cosines))
    for remark in report.remarks(fitted):
        console.print(f"· {remark}", highlight=False, markup=False)


def _matrix(title: str, names: Sequence[str], numbers: NDArray[Any]) -> Table:
    table = Table(box=None)
    table.add_column(title)
    for name in names:
        table.add_column(name, justify="right")
    for name, row in zip(names, numbers, strict=True):
        table.add_row(name, *(f"{number:+.2f}" for number in row))
    return table


def _show(arguments: argparse.Namespace) -> int:
    from serving.runtimes.stylegan.fitting.report import closest, read_folder

    try:
        directions = read_folder(arguments.folder)
    except ServingError as error:
        print(f"seom directions: {error.message}", file=sys.stderr)
        return 1
    found = Table("direction", "space", "shape", box=None)
    for name, (space, rows) in directions.items():
        found.add_row(name, space or "–", " × ".join(map(str, rows.shape)))
    pairs = Table(box=None)
    pairs.add_column("most alike", overflow="fold")
    pairs.add_column(overflow="fold")
    pairs.add_column("cosine", justify="right")
    for cosine, one, other in closest(directions)[:_PAIRS]:
        pairs.add_row(one, other, f"{cosine:+.2f}")
    console = Console()
    console.print(found)
    if pairs.row_count:
        console.print(pairs)
    return 0
