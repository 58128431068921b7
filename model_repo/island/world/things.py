"""The twenty kinds of things on the island: their names, their sizes, and who draws them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from model_repo.island.world import animals, foods, furniture, vehicles
from model_repo.island.world.canvas import Pen
from model_repo.island.world.dice import Dice

Group = Literal["food", "furniture", "animal", "vehicle"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of things. `size` is its usual width in pixels of a 320-pixel-wide photograph,
    `height` its height as a share of the width."""

    name: str
    plural: str
    korean: str
    counter: str
    group: Group
    size: int
    height: float
    draw: Callable[[Pen, Dice], None]


# The order is the detector's class order: never change it without training anew.
KINDS: Final[tuple[Kind, ...]] = (
    Kind("apple", "apples", "사과", "개", "food", 30, 1.05, foods.apple),
    Kind("banana", "bananas", "바나나", "개", "food", 40, 0.62, foods.banana),
    Kind("cake", "cakes", "케이크", "개", "food", 42, 0.95, foods.cake),
    Kind("carrot", "carrots", "당근", "개", "food", 42, 0.52, foods.carrot),
    Kind("watermelon", "watermelons", "수박", "통", "food", 44, 0.86, foods.watermelon),
    Kind("chair", "chairs", "의자", "개", "furniture", 42, 1.4, furniture.chair),
    Kind("table", "tables", "탁자", "개", "furniture", 74, 0.6, furniture.table),
    Kind("lamp", "lamps", "전등", "개", "furniture", 34, 1.75, furniture.lamp),
    Kind("sofa", "sofas", "소파", "개", "furniture", 80, 0.56, furniture.sofa),
    Kind("bookshelf", "bookshelves", "책장", "개", "furniture", 54, 1.3, furniture.bookshelf),
    Kind("cat", "cats", "고양이", "마리", "animal", 46, 1.0, animals.cat),
    Kind("dog", "dogs", "강아지", "마리", "animal", 56, 0.9, animals.dog),
    Kind("duck", "ducks", "오리", "마리", "animal", 44, 0.9, animals.duck),
    Kind("rabbit", "rabbits", "토끼", "마리", "animal", 36, 1.4, animals.rabbit),
    Kind("turtle", "turtles", "거북이", "마리", "animal", 52, 0.6, animals.turtle),
    Kind("car", "cars", "자동차", "대", "vehicle", 76, 0.52, vehicles.car),
    Kind("bus", "buses", "버스", "대", "vehicle", 88, 0.56, vehicles.bus),
    Kind("bicycle", "bicycles", "자전거", "대", "vehicle", 66, 0.64, vehicles.bicycle),
    Kind("boat", "boats", "배", "척", "vehicle", 72, 0.95, vehicles.boat),
    Kind("airplane", "airplanes", "비행기", "대", "vehicle", 76, 0.5, vehicles.airplane),
)
NAMES: Final[tuple[str, ...]] = tuple(kind.name for kind in KINDS)
BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in KINDS}
