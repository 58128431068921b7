"""Photographs of the island: the picture, and everything that is true of it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image

from model_repo.island.world.canvas import Box, Canvas, Pen
from model_repo.island.world.dice import Dice
from model_repo.island.world.faces import FaceTruth
from model_repo.island.world.figures import FEET, draw_figure
from model_repo.island.world.palette import SHADOW
from model_repo.island.world.people import Expression, Identity
from model_repo.island.world.places import draw_place
from model_repo.island.world.plans import PlacedPerson, PlacedThing, Plan, plan
from model_repo.island.world.skies import draw_fall, tint

_SHOWN: Final = 2 / 3  # what shows less of itself than this is taken out of the scene


@dataclass(frozen=True, slots=True)
class Thing:
    """box: the tight box of what shows of it, in pixels."""

    name: str
    box: Box


@dataclass(frozen=True, slots=True)
class Person:
    """box: all that shows of the person, hair included. holds: the name of a thing, or None."""

    who: Identity
    how: Expression
    action: str
    holds: str | None
    shirt: str
    box: Box
    face: FaceTruth


@dataclass(frozen=True, slots=True)
class Photograph:
    """image is RGB uint8 [height, width, 3]; things and people are in order of depth."""

    seed: int
    image: np.ndarray
    place: str
    weather: str
    time: str
    things: tuple[Thing, ...]
    people: tuple[Person, ...]

    def jpeg(self, quality: int = 85) -> bytes:
        """The picture as JPEG. Its bytes depend on the version of libjpeg."""
        out = io.BytesIO()
        Image.fromarray(self.image).save(out, "JPEG", quality=quality)
        return out.getvalue()


def photograph(seed: int, width: int = 320, cast: Sequence[Identity] | None = None) -> Photograph:
    """Take the photograph with this seed, `width` × ¾ `width` pixels.

    `cast` names the people in it, who else come from the seed's split.
    ValueError: a width that is no multiple of 4, or below 64; a cast of more than six; a seed
    outside every split.
    """
    if width < 64 or width % 4:
        raise ValueError(f"width must be a multiple of 4 of at least 64, not {width}")
    scene = plan(seed, cast)
    while True:
        photo, hidden = paint(scene, width)
        if not hidden:
            return photo
        scene = _without(scene, hidden)


def paint(scene: Plan, width: int = 320, leave_out: int = 0) -> tuple[Photograph, set[int]]:
    """Draw a plan; also the marks of what is hidden by more than a third.

    `leave_out` is the mark of a thing to leave undrawn, though its shadow stays.
    """
    canvas = Canvas(width, width * 3 // 4, marks=True)
    upright = canvas.pen().at(0.0, 0.0, width / 320)
    pen = upright.at(160.0, 120.0, 1.0, scene.tilt).at(-160.0, -120.0)
    draw_place(pen, Dice(5, scene.seed), scene.place, scene.time, scene.weather)
    full: dict[int, int] = {}
    faces: dict[int, FaceTruth] = {}
    items: list[PlacedThing | PlacedPerson] = [*scene.things, *scene.people]
    for item in sorted(items, key=lambda item: item.depth):
        _shadow(pen, item)
        if item.mark == leave_out:
            continue
        if isinstance(item, PlacedThing):
            at = pen.at(item.x, item.y, item.width).marked(item.mark)
            item.kind.draw(at, Dice(6, scene.seed, item.mark))
        else:
            at = pen.at(item.x, item.y, item.unit).marked(item.mark)
            face_mark = item.mark + 1
            faces[item.mark] = draw_figure(
                at, item.who, item.how, item.action, item.shirt, item.tilt, face_mark
            )
            full[face_mark] = canvas.seen(face_mark)[0]
        full[item.mark] = canvas.seen(item.mark)[0]
    if not scene.place.indoors:
        draw_fall(upright, Dice(7, scene.seed), scene.weather)
    hidden = {
        mark - (mark >= 100 and mark % 2)
        for mark, pixels in full.items()
        if canvas.seen(mark)[0] < _SHOWN * pixels or not pixels
    }
    photo = Photograph(
        scene.seed,
        _developed(canvas.finish(), scene),
        scene.place.name,
        scene.weather,
        scene.time,
        tuple(_things(canvas, scene, leave_out)),
        tuple(_people(canvas, scene, faces)),
    )
    return photo, hidden


def _without(scene: Plan, hidden: set[int]) -> Plan:
    """The plan without these, and without what they held or who held them."""
    gone = {(p.x, p.depth) for p in scene.people if p.mark in hidden} | {
        (t.x, t.depth - 0.01) for t in scene.things if t.mark in hidden
    }
    return replace(
        scene,
        things=tuple(
            t for t in scene.things if t.mark not in hidden and (t.x, t.depth - 0.01) not in gone
        ),
        people=tuple(
            p for p in scene.people if p.mark not in hidden and (p.x, p.depth) not in gone
        ),
    )


def _shadow(pen: Pen, item: PlacedThing | PlacedPerson) -> None:
    if isinstance(item, PlacedPerson):
        pen.oval(item.x, item.y + FEET * item.unit, item.unit * 1.15, item.unit * 0.22, SHADOW)
    elif not item.floating:
        pen.oval(item.x, item.y, item.width * 0.5, item.width * 0.07, SHADOW)


def _things(canvas: Canvas, scene: Plan, leave_out: int) -> list[Thing]:
    result = []
    for item in sorted(scene.things, key=lambda item: item.depth):
        box = canvas.seen(item.mark)[1]
        if item.mark != leave_out and box is not None:
            result.append(Thing(item.kind.name, box))
    return result


def _people(canvas: Canvas, scene: Plan, faces: dict[int, FaceTruth]) -> list[Person]:
    result = []
    for item in sorted(scene.people, key=lambda item: item.depth):
        box = canvas.seen(item.mark, item.mark + 1)[1]
        if box is not None:
            face = faces[item.mark]
            result.append(
                Person(item.who, item.how, item.action, item.holds, item.shirt, box, face)
            )
    return result


def _developed(image: Image.Image, scene: Plan) -> np.ndarray:
    """The light of the hour, a slow slope of light, and the sensor's noise."""
    dice = Dice(8, scene.seed)
    exposure = dice.whole(92, 108)
    table = [
        min(255, value * gain * exposure // 10_000)
        for gain in tint(scene.time, scene.weather, scene.place.indoors)
        for value in range(256)
    ]
    pixels = np.asarray(image.point(table)).astype(np.int16)
    slope = dice.whole(-12, 12)
    columns = (np.arange(image.width, dtype=np.int16) * 2 - image.width) * slope // image.width
    pixels += columns[None, :, None]
    noise = dice.bytes(pixels.size).reshape(pixels.shape)
    strength = dice.whole(0, 2)
    if strength:
        pixels += (noise & (4 * strength - 1)).astype(np.int16) - 2 * strength
    return np.clip(pixels, 0, 255).astype(np.uint8)
