"""The commands `seom gallery …`: enrol people, learn who is on a picture, forget them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from seom import _show
from seom._commands import _each, add_connection, connect
from seom.gallery import ExportedPhotograph, Identified

Run = Callable[[argparse.Namespace], int]


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "gallery",
        help="who is this? enrol people and find them again",
        description="Keeps people by name in galleries of your own, and finds them on pictures.",
    )
    asked = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    enroll = _command(asked, "enroll", _enroll, "add a person by photographs of one face each")
    enroll.add_argument("person", help="the name")
    enroll.add_argument("files", nargs="+", metavar="PHOTO", help="a JPEG, PNG or WebP file")
    enroll.add_argument("--add", action="store_true", help="to a person who is there already")
    enroll.add_argument("--keep", action="store_true", help="keep the pictures, for export")

    identify = _command(asked, "identify", _identify, "tell who is on these pictures")
    identify.add_argument("files", nargs="+", metavar="PHOTO", help="a JPEG, PNG or WebP file")
    identify.add_argument("--threshold", type=float, help="similarity of a person, -1 to 1")
    identify.add_argument("--json", action="store_true", help="one JSON object a picture")

    verify = _command(asked, "verify", _verify, "tell whether a picture shows a person")
    verify.add_argument("person", help="the name")
    verify.add_argument("file", metavar="PHOTO", help="a JPEG, PNG or WebP file")
    verify.add_argument("--threshold", type=float, help="similarity of a person, -1 to 1")

    _command(asked, "list", _list, "list the people of a gallery, or the galleries", optional=True)

    rename = _command(asked, "rename", _rename, "give a person another name")
    rename.add_argument("person", help="the name")
    rename.add_argument("new_name", help="the new one")

    delete = _command(asked, "delete", _delete, "erase a person, a photograph or all, for good")
    what = delete.add_mutually_exclusive_group(required=True)
    what.add_argument("person", nargs="?", help="the name")
    what.add_argument("--everybody", action="store_true", help="the gallery with all its people")
    delete.add_argument("--photograph", metavar="ID", help="only this one of the person's")

    export = _command(asked, "export", _export, "print all that is kept, one JSON object a line")
    export.add_argument("--pictures", type=Path, metavar="FOLDER", help="save kept pictures here")


def _command(
    asked: Any, name: str, run: Run, words: str, *, optional: bool = False
) -> argparse.ArgumentParser:
    description = f"{words[0].upper()}{words[1:]}."
    parser: argparse.ArgumentParser = asked.add_parser(name, help=words, description=description)
    parser.add_argument("gallery", nargs="?" if optional else None, help="the gallery's name")
    parser.add_argument("--model", default="", help="a face model (default: the server's)")
    add_connection(parser)
    parser.set_defaults(run=run)
    return parser


def _enroll(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        gallery = seom.gallery(args.gallery, model=args.model)

        def answer(person: str) -> str:
            keep = gallery.add if args.add else gallery.enroll
            try:
                found = keep(person, args.files, keep_images=args.keep)
            except ValueError as error:
                args.usage_error(str(error))
                raise  # unreachable: usage_error exits
            photographs = f"{found.count} photograph{'s' * (found.count != 1)}"
            return f"{found.name} is in {gallery.name} with {photographs}"

        return _each([args.person], answer)


def _identify(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        gallery = seom.gallery(args.gallery, model=args.model)

        def answer(file: str) -> str:
            found = gallery.identify(file, threshold=args.threshold)
            return _show.json_of(file, found) if args.json else _people(file, found)

        return _each(args.files, answer)


def _verify(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        gallery = seom.gallery(args.gallery, model=args.model)

        def answer(file: str) -> str:
            found = gallery.verify(args.person, file, threshold=args.threshold)
            says, sign = ("shows", "≥") if found.same_person else ("does not show", "<")
            similarity = f"similarity {found.similarity:.3f} {sign} {found.threshold:g}"
            return f"{file} {says} {args.person}: {similarity}"

        return _each([args.file], answer)


def _list(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        if args.gallery is None:
            found = list(seom.galleries(model=args.model))
            rows = [
                (each.name, str(each.persons), str(each.photographs), _day(each.updated))
                for each in found
            ]
            lines = _show.table(("gallery", "people", "photographs", "changed"), rows)
        else:
            people = seom.gallery(args.gallery, model=args.model).persons()
            shown = [(each.name, str(each.count), _day(each.updated)) for each in people]
            lines = _show.table(("person", "photographs", "changed"), shown)
    for line in lines:
        print(line)
    return 0


def _rename(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        seom.gallery(args.gallery, model=args.model).rename(args.person, args.new_name)
    return 0


def _delete(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        gallery = seom.gallery(args.gallery, model=args.model)
        if args.everybody:
            gallery.delete_gallery()
        elif args.photograph:
            gallery.delete_photograph(args.person, args.photograph)
        else:
            gallery.delete(args.person)
    return 0


def _export(args: argparse.Namespace) -> int:
    with connect(args) as seom:
        for each in seom.gallery(args.gallery, model=args.model).export():
            print(json.dumps(_told(each), ensure_ascii=False))
            if args.pictures and each.image:
                args.pictures.mkdir(parents=True, exist_ok=True)
                (args.pictures / each.photograph.id).write_bytes(each.image)
    return 0


def _told(exported: ExportedPhotograph) -> dict[str, Any]:
    photograph = exported.photograph
    return {
        "person": exported.person,
        "photograph": photograph.id,
        "model": photograph.model,
        "quality": asdict(photograph.quality),
        "created": photograph.created.isoformat(),
        "kept": photograph.kept,
        "embedding": exported.embedding.tolist(),
    }


def _people(file: str, found: Identified) -> str:
    titles = ("person", "similarity", "margin", "at x, y", "size")
    rows = [
        (
            each.person or "–",
            "–" if each.similarity is None else f"{each.similarity:.3f}",
            "–" if each.margin is None else f"{each.margin:.3f}",
            f"{each.box.x_min:.0f}, {each.box.y_min:.0f}",
            f"{each.box.width:.0f}×{each.box.height:.0f}",
        )
        for each in found
    ]
    known = sum(each.person is not None for each in found)
    head = f"{file}  {len(found)} face{'s' * (len(found) != 1)}, {known} known"
    return "\n".join([head, *_show.table(titles, rows), ""])


def _day(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
