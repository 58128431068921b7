"""Contact sheets: many pictures of the island on one page, to be looked at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from model_repo.island.world.canvas import Canvas
from model_repo.island.world.dice import Dice
from model_repo.island.world.people import Expression, Identity
from model_repo.island.world.portraits import face
from model_repo.island.world.scene import photograph
from model_repo.island.world.things import KINDS


def photographs(seeds: Sequence[int], columns: int = 4, boxes: bool = False) -> Image.Image:
    """A page of photographs; with `boxes`, their truth is drawn on them."""
    pages = []
    for seed in seeds:
        photo = photograph(seed)
        image = Image.fromarray(photo.image)
        draw = ImageDraw.Draw(image)
        if boxes:
            for thing in photo.things:
                draw.rectangle(thing.box, outline=(255, 230, 0))
                draw.text((thing.box[0] + 2, thing.box[1]), thing.name, fill=(255, 255, 255))
            for person in photo.people:
                draw.rectangle(person.box, outline=(0, 255, 255))
                draw.rectangle(person.face.box, outline=(255, 0, 255))
                for x, y in person.face.landmarks:
                    draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill=(0, 255, 0))
        pages.append(np.asarray(image))
    return _grid(pages, columns)


def faces(count: int = 32, columns: int = 8, size: int = 128) -> Image.Image:
    """A page of portraits: in each row of `columns` two people, each with several expressions."""
    pages = []
    for i in range(count):
        who = Identity.of(21 + 3 * (i * 2 // columns))
        how = Expression() if i % (columns // 2) == 0 else Expression.draw(Dice(9, i))
        pages.append(face(who, how, size, seed=i).image)
    return _grid(pages, columns)


def things(columns: int = 10, rows: int = 2) -> Image.Image:
    """A page of every kind of thing, in `rows` variations."""
    pages = []
    for first in range(0, len(KINDS), columns):
        for row in range(rows):
            for i, kind in enumerate(KINDS[first : first + columns]):
                canvas = Canvas(128, 128)
                canvas.pen().box(0, 0, 128, 128, (178, 206, 176))
                kind.draw(canvas.pen().at(64, 116, kind.size * 1.15), Dice(10, row, first + i))
                pages.append(np.asarray(canvas.finish()))
    return _grid(pages, columns)


def contact_sheet() -> Image.Image:
    """One page of everything, 1280 pixels wide."""
    parts = [photographs(range(12)), faces(20, 10), things()]
    page = Image.new("RGB", (1280, sum(part.height for part in parts)))
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def _grid(pages: list[np.ndarray], columns: int) -> Image.Image:
    rows = [np.hstack(pages[i : i + columns]) for i in range(0, len(pages), columns)]
    return Image.fromarray(np.vstack(rows))
