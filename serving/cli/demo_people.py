"""The demo's people: enrolled by some photographs, found again on others, and then erased."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps
from rich.table import Table

from seom import Box, Client, Faces, Gallery, Identified, InvalidArgument

_GALLERY = "demo"
_MOST = 16  # people of one photograph, photographs of one person
_MARGIN = 0.4  # around a face that is cut out, as a share of its size
_BRIGHTER = 1.3


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture on which people were looked for, and who was found."""

    title: str
    picture: Image.Image
    found: Identified


def meet(
    seom: Client, photo: Path, faces: Faces, names: Sequence[str], folder: Path | None
) -> list[Scene]:
    """Enrols people, finds them on pictures that are not those they were enrolled by.

    faces, names: of the photograph; each is cut out of it, and looked for on a copy that is
        mirrored and brighter
    folder: of folders, each with a person's name and photographs of that person alone: the
        last of several is looked at, the others are enrolled

    Returns nothing where nobody could be enrolled; the gallery is gone afterwards.
    """
    gallery = seom.gallery(_GALLERY)
    picture = opened(photo)
    albums = {
        name: [_encoded(_cut(picture, face.box))]
        for name, face in zip(names[:_MOST], faces, strict=False)
    }
    asked = {f"{photo.name}, mirrored": _changed(picture)}
    for person in sorted(folder.glob("*/")) if folder is not None else ():
        known = sorted(person.iterdir())[:_MOST]
        if len(known) > 1:
            last = known.pop()
            asked[last.name] = opened(last)
        albums[person.name] = [file.read_bytes() for file in known]
    if not sum(_enrolled(gallery, name, photos) for name, photos in albums.items()):
        return []
    try:
        return [
            Scene(title, seen, gallery.identify(_encoded(seen))) for title, seen in asked.items()
        ]
    finally:
        gallery.delete_gallery()


def table(scenes: Sequence[Scene]) -> Table:
    shown = Table("picture", title="who is this?", title_justify="left")
    shown.add_column("person")
    for column in ("similarity", "margin", "time"):
        shown.add_column(column, justify="right")
    for scene in scenes:
        for face in scene.found:
            shown.add_row(
                scene.title,
                face.person or "a stranger",
                "–" if face.similarity is None else f"{face.similarity:.2f}",
                "–" if face.margin is None else f"{face.margin:.2f}",
                f"{scene.found.timing.round_trip_ms:.0f} ms",
            )
    return shown


def opened(photo: Path) -> Image.Image:
    """The picture as one looks at it, upright and in RGB."""
    return ImageOps.exif_transpose(Image.open(photo)).convert("RGB")


def _enrolled(gallery: Gallery, name: str, photos: list[bytes]) -> bool:
    try:
        gallery.enroll(name, photos)
    except InvalidArgument as error:  # too small, too blurred, too near to another face
        print(f"{name} is not enrolled: {error.message}")
        return False
    return True


def _cut(picture: Image.Image, box: Box) -> Image.Image:
    margin = _MARGIN * max(box.width, box.height)
    left, top = max(0, box.x_min - margin), max(0, box.y_min - margin)
    right, bottom = min(picture.width, box.x_max + margin), min(picture.height, box.y_max + margin)
    return picture.crop((round(left), round(top), round(right), round(bottom)))


def _changed(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(ImageOps.mirror(picture)).enhance(_BRIGHTER)


def _encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()
