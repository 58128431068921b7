"""The twenty kinds: each is drawn within its nominal size, and no two look alike."""

import numpy as np
import pytest

from model_repo.island.world.canvas import Canvas
from model_repo.island.world.dice import Dice
from model_repo.island.world.things import KINDS, Kind


def drawn(kind: Kind, key: int) -> tuple[Canvas, np.ndarray]:
    canvas = Canvas(96, 128, marks=True)
    pen = canvas.pen()
    pen.box(0, 0, 96, 128, (128, 128, 128))
    kind.draw(pen.at(48, 116, 60).marked(1), Dice(60, key))
    return canvas, np.asarray(canvas.finish()).astype(float)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_fills_the_size_it_claims(kind: Kind) -> None:
    for key in range(8):
        box = drawn(kind, key)[0].seen(1)[1]
        assert box is not None
        left, top, right, bottom = box
        assert 0.78 * 60 <= right - left <= 1.12 * 60, (key, box)
        assert 0.66 <= (bottom - top) / (60 * kind.height) <= 1.15, (key, box)
        assert abs(bottom - 116) <= 4 or kind.name in ("carrot", "watermelon"), (key, box)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_two_of_a_kind_need_be_alike(kind: Kind) -> None:
    pictures = {drawn(kind, key)[1].tobytes() for key in range(12)}
    assert len(pictures) >= 4


def test_outlines_tell_the_kinds_apart() -> None:
    """A nearest neighbour on coarse grey outlines names most things: none is another's twin."""

    def shape(kind: Kind, key: int) -> np.ndarray:
        image = drawn(kind, key)[1]
        unlike = np.abs(image - 128).max(axis=2)
        return np.asarray((unlike > 16).reshape(32, 4, 24, 4).mean(axis=(1, 3))).ravel()

    known = [(kind.name, shape(kind, key)) for kind in KINDS for key in range(12)]
    wrong = []
    for kind in KINDS:
        for key in range(100, 104):
            new = shape(kind, key)
            name = min(known, key=lambda item: float(np.abs(item[1] - new).sum()))[0]
            if name != kind.name:
                wrong.append((kind.name, name))
    assert len(wrong) <= 4, wrong
