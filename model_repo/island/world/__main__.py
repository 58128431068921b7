"""`python -m model_repo.island.world sheet out.png` draws a contact sheet of the island."""

import argparse
from pathlib import Path

from model_repo.island.world import sheet


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m model_repo.island.world")
    commands = parser.add_subparsers(dest="command", required=True)
    whole = commands.add_parser("sheet", help="a page of everything")
    whole.add_argument("out", type=Path)
    truth = commands.add_parser("truth", help="a page of photographs with their boxes")
    truth.add_argument("out", type=Path)
    truth.add_argument("--first", type=int, default=0, help="the first photograph's seed")
    chosen = parser.parse_args()
    if chosen.command == "sheet":
        page = sheet.contact_sheet()
    else:
        page = sheet.photographs(range(chosen.first, chosen.first + 12), boxes=True)
    page.save(chosen.out)


if __name__ == "__main__":
    main()
