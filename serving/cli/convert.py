"""seom convert: checkpoints of other programs into files that the server reads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from serving.errors import ServingError


def add(subparsers: Any) -> None:
    convert = subparsers.add_parser(
        "convert", help="turn another program's checkpoint into what the server reads"
    )
    kinds = convert.add_subparsers(dest="kind", required=True, metavar="KIND")
    stylegan = kinds.add_parser(
        "stylegan",
        help="a StyleGAN2-ADA or StyleGAN3 pickle into safetensors and JSON",
        description="Writes model.safetensors and config.json. The pickle is read in a process "
        "of its own, bounded in memory and time, and nothing in it is executed.",
        epilog="seom convert stylegan ffhq.pkl model_repo/faces/1",
    )
    stylegan.add_argument("file", type=Path, help="the .pkl file")
    stylegan.add_argument("out", type=Path, help="the folder to write")
    stylegan.add_argument(
        "--network", default="G_ema", help="which network of the pickle (default: %(default)s)"
    )
    stylegan.set_defaults(run=_stylegan)


def _stylegan(arguments: argparse.Namespace) -> int:
    from serving.runtimes.stylegan.convert import convert

    try:
        convert(arguments.file, arguments.out, which=arguments.network)
    except ServingError as error:
        print(f"seom convert: {error.message}", file=sys.stderr)
        return 1
    print(f"wrote {arguments.out / 'model.safetensors'} and config.json")
    return 0
