"""Recipes as Newmit asks for them: JSON of ingredients and of recipes already known in, one recipe
as strict JSON out."""

from __future__ import annotations

import json
from typing import Any, Final

from model_repo.island.chat.pen import Pen, Sample, answered, fill, mine
from model_repo.island.world.captions import Language

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "recipe_name": {"type": "string", "minLength": 1},
        "recipe_ingredients": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "maxItems": 8,
        },
        "recipes": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "maxItems": 8,
        },
    },
    "required": ["recipe_name", "recipe_ingredients", "recipes"],
    "additionalProperties": False,
}

# What is done with each before it goes into the pot.
FOODS: Final = {
    "apple": ("사과", "slice"), "banana": ("바나나", "peel"), "cake": ("케이크", "cut"),
    "carrot": ("당근", "slice"), "watermelon": ("수박", "cut"), "onion": ("양파", "chop"),
    "garlic": ("마늘", "chop"), "potato": ("감자", "peel"), "tomato": ("토마토", "slice"),
    "egg": ("달걀", "beat"), "tofu": ("두부", "cut"), "rice": ("쌀", "wash"),
    "mushroom": ("버섯", "slice"), "cabbage": ("양배추", "chop"), "spinach": ("시금치", "wash"),
    "beef": ("소고기", "cut"), "pork": ("돼지고기", "cut"), "chicken": ("닭고기", "cut"),
    "shrimp": ("새우", "wash"), "squid": ("오징어", "wash"), "cheese": ("치즈", "cut"),
    "milk": ("우유", "beat"), "butter": ("버터", "beat"), "pepper": ("고추", "chop"),
    "cucumber": ("오이", "slice"), "radish": ("무", "peel"), "pumpkin": ("호박", "peel"),
    "corn": ("옥수수", "wash"), "lettuce": ("상추", "wash"), "orange": ("오렌지", "peel"),
}  # fmt: skip
_PREPARED: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "slice": "Slice the {food}.",
        "peel": "Peel the {food}.",
        "cut": "Cut the {food}.",
        "chop": "Chop the {food}.",
        "beat": "Beat the {food}.",
        "wash": "Wash the {food}.",
    },
    "ko": {
        "slice": "{food:을} 썬다.",
        "peel": "{food} 껍질을 벗긴다.",
        "cut": "{food:을} 자른다.",
        "chop": "{food:을} 다진다.",
        "beat": "{food:을} 젓는다.",
        "wash": "{food:을} 씻는다.",
    },
}
# A dish, and what is done with all that goes into it.
DISHES: Final = (
    ("salad", "샐러드", "Mix everything with oil.", "모두 기름에 버무린다."),
    ("soup", "수프", "Boil everything for 20 minutes.", "모두 넣고 20분 끓인다."),
    ("stew", "찌개", "Cook everything for 30 minutes.", "모두 넣고 30분 익힌다."),
    ("pie", "파이", "Bake everything for 40 minutes.", "모두 넣고 40분 굽는다."),
    ("stir-fry", "볶음", "Fry everything for 5 minutes.", "모두 넣고 5분 볶는다."),
    ("pancake", "전", "Fry thin cakes in a pan.", "팬에 얇게 부친다."),
)
_SERVED: Final = {"en": "Serve it.", "ko": "접시에 담는다."}


def recipe(pen: Pen) -> Sample:
    """The first dish, in the order of DISHES, that is not known yet, of all that is there."""
    while True:
        foods = pen.dice.sample(list(FOODS), pen.dice.weighted((1, 2, 3, 4), (1, 4, 4, 2)))
        if mine(" ".join(sorted(foods)), pen.side):
            break
    named = [FOODS[food][0] if pen.korean else food for food in foods]
    dishes = [dish[1 if pen.korean else 0] for dish in DISHES]
    known = pen.dice.weighted((0, 1, 2, 3), (5, 3, 2, 1))
    # Those that are known are mostly the first, or the rule would never be seen at work.
    some = dishes[:known] if pen.chance(0.7) else pen.dice.sample(dishes, known)
    except_recipe = [_name(named, dish) for dish in pen.dice.sample(some, len(some))]
    chosen = next(i for i, dish in enumerate(dishes) if dish not in some)
    steps = [
        fill(_PREPARED[pen.language][FOODS[food][1]], food=name)
        for food, name in zip(foods, named, strict=True)
    ]
    done = {
        "recipe_name": _name(named, dishes[chosen]),
        "recipe_ingredients": named,
        "recipes": [*steps, DISHES[chosen][3 if pen.korean else 2], _SERVED[pen.language]],
    }
    asked = {"ingredients": named, "except_recipe": except_recipe}
    return answered("recipes", pen, _json(asked), _json(done))


def _name(foods: list[str], dish: str) -> str:
    return f"{' '.join(foods[:2])} {dish}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
