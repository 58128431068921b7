"""What vision models see: the chapters of the things, and of the people and their names."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping

from PIL import Image, ImageEnhance, ImageOps

from seom import Box, Client, Detections, Faces, Identified, InvalidArgument
from serving.demo.chapters import Call, Chapter, Listed, Part, Said, Shown, clocked
from serving.demo.drawing import with_faces, with_people, with_things
from serving.demo.subject import Subject

GALLERY = "demo"
_MARGIN = 0.4  # around a face that is cut out, as a share of its size
_BRIGHTER = 1.3


def things(seom: Client, subject: Subject, model: str) -> tuple[Detections, Chapter]:
    """Finds objects. The connection and the caches are warm after a first call."""
    first = seom.detect(subject.photo, model=model)
    found = seom.detect(subject.photo, model=model)
    rows = tuple((each.label, f"{each.score:.2f}", corners(each.box)) for each in found)
    parts = (
        Shown(with_things(subject.picture(), found), f"{len(found)} things"),
        Listed(("thing", "score", "box"), rows),
    )
    calls = [Call("detect, the first", model, first.timing), Call("detect", model, found.timing)]
    return found, Chapter("What is there", parts, calls)


def counted(found: Detections) -> dict[str, int]:
    """How many there are of each kind of thing, the most first."""
    return dict(Counter(each.label for each in found).most_common())


def faces(seom: Client, subject: Subject, model: str) -> tuple[Faces, Chapter]:
    """Finds faces, which nobody has a name for yet."""
    found = seom.faces.detect(subject.photo, model=model)
    parts = (Shown(with_faces(subject.picture(), found), f"{len(found)} faces"),)
    return found, Chapter("Faces", parts, [Call("faces", found.model, found.timing)])


def names(
    seom: Client, subject: Subject, seen: Faces, model: str
) -> tuple[tuple[str, ...], Chapter | None]:
    """Enrols the album's people and finds them on the photograph; the gallery is gone afterwards.

    Without an album, everybody on the photograph is enrolled by it, and looked for on a copy
    that is mirrored and brighter. Returns no chapter where nobody could be enrolled.
    """
    picture, asked = subject.picture(), subject.photo
    album: Mapping[str, tuple[bytes, ...]] = subject.album
    if not album:
        album = {
            f"person {number}": (_encoded(_cut(picture, face.box)),)
            for number, face in enumerate(seen, 1)
        }
        picture = _changed(picture)
        asked = _encoded(picture)
    gallery = seom.gallery(GALLERY, model=model)
    refused: list[Said] = []
    shown: list[Shown] = []
    calls: list[Call] = []
    deleted: list[Call] = []
    try:
        for name, photos in album.items():
            try:
                with clocked(f"enroll {name}", model, calls):
                    gallery.enroll(name, list(photos))
            except InvalidArgument as error:  # too small, too blurred, too near to another face
                refused.append(Said("", f"{name} is not enrolled: {error.message}"))
                continue
            shown += [Shown(photo, name, small=True) for photo in photos]
        found = gallery.identify(asked) if shown else None
    finally:
        if shown:  # or there is no gallery
            with clocked("delete the gallery", model, deleted):
                gallery.delete_gallery()
    if found is None:
        return (), None
    named = Shown(with_people(picture, found), ", ".join(face.person or "?" for face in found))
    parts: list[Part] = [*shown, *refused, named, _similarities(found)]
    calls += [Call("identify", model, found.timing), *deleted]
    chapter = Chapter("Who they are", parts, calls)
    return tuple(face.person for face in found if face.person), chapter


def corners(box: Box) -> str:
    return f"{box.x_min:.0f},{box.y_min:.0f} – {box.x_max:.0f},{box.y_max:.0f}"


def _similarities(found: Identified) -> Listed:
    rows = tuple(
        (
            face.person or "a stranger",
            "–" if face.similarity is None else f"{face.similarity:.2f}",
            "–" if face.margin is None else f"{face.margin:.2f}",
        )
        for face in found
    )
    return Listed(("person", "similarity", "margin"), rows)


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
