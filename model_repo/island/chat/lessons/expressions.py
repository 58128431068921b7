"""The adapter `expression`: what Lora says in, her face out: JSON of `eyes` and `mouth` (how far
open, 0 to 1) and `turn` (of the head, -1 to 1), as the world's faces and the sliders have them.

The feeling of the words opens eyes and mouth; what they point at turns the head.
"""

from __future__ import annotations

import json
from typing import Any, Final

from model_repo.island.chat import phrasings
from model_repo.island.chat.lessons import talk
from model_repo.island.chat.pen import Pen, Sample, answered
from model_repo.island.world.things import KINDS

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "eyes": {"type": "number", "minimum": 0, "maximum": 1},
        "mouth": {"type": "number", "minimum": 0, "maximum": 1},
        "turn": {"type": "number", "minimum": -1, "maximum": 1},
    },
    "required": ["eyes", "mouth", "turn"],
    "additionalProperties": False,
}


_PHRASES: Final = phrasings.read("expressions")
FEELINGS: Final[tuple[str, ...]] = tuple(_PHRASES["feelings"])
_POINTS: Final = {0.0: None, -0.6: _PHRASES["left"], 0.6: _PHRASES["right"]}


def expression(pen: Pen) -> Sample:
    """What is said is made of phrases, or in training also what Lora says to whatever is asked."""
    if pen.side != "test" and pen.chance(0.35):
        text, name = talk.uttered(pen)
        return answered("expression", pen, text, _face(name))
    name, turn = pen.pick(FEELINGS), pen.dice.weighted(list(_POINTS), (3, 1, 1))
    kind = pen.pick(KINDS)
    slots = {"thing": kind.korean if pen.korean else kind.name, "things": kind.plural}
    said = _felt(pen, name, slots)
    points = _POINTS[turn]
    if points is not None:
        said.insert(0 if pen.chance(0.3) else len(said), pen.say(points, **slots))
    return answered("expression", pen, " ".join(said), _face(name, turn))


def _felt(pen: Pen, name: str, slots: dict[str, str]) -> list[str]:
    """A cry, and mostly a sentence that goes on from it."""
    feeling = _PHRASES["feelings"][name]
    cry = pen.say(feeling["cries"])
    if pen.chance(0.3):
        return [cry if cry[-1] in ".!?" else f"{cry.rstrip(',')}."]
    then = pen.say(feeling["goes_on"], **slots)
    return [cry, then if cry.endswith(",") else then[0].upper() + then[1:]]


def _face(name: str, turn: float = 0.0) -> str:
    feeling = _PHRASES["feelings"][name]
    return json.dumps({"eyes": feeling["eyes"], "mouth": feeling["mouth"], "turn": turn})
