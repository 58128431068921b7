"""What language models say: the photograph described, a memo, a recipe, and the calendar."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from seom import Client, Reply
from serving.demo.chapters import Call, Chapter, Said
from serving.demo.subject import Subject

DATE: Final = "3 May"
DESCRIBE: Final = {"English": "Describe the photo.", "Korean": "사진을 설명해 줘."}
WISH: Final = "Put a family picnic on 10 May at 15:00 in the calendar."
_FOODS: Final = frozenset({"apple", "banana", "cake", "carrot", "watermelon", "orange"})
_PANTRY: Final = ("milk", "egg")
_LONGEST: Final = 160  # tokens

Filled = Annotated[str, Field(min_length=1)]


class Recipe(BaseModel, extra="forbid"):
    recipe_name: Filled
    recipe_ingredients: list[Filled] = Field(min_length=1, max_length=8)
    recipes: list[Filled] = Field(min_length=1, max_length=8)  # its steps, in order


def description(seom: Client, subject: Subject, model: str) -> tuple[str, Chapter]:
    """A sentence or two in English, and the same question in Korean."""
    said, calls = [], []
    for language, question in DESCRIBE.items():
        reply = _ask(seom, [subject.photo, question], model)
        said.append(Said(reply.model, reply.text))
        calls += _calls(f"describe, {language}", reply)
    return said[0].text, Chapter("What the picture tells", said, calls)


def memo(seom: Client, description: str, names: Sequence[str], model: str) -> Chapter:
    """For the family's album: date, people and description in, the album's style out."""
    people = ", ".join(names) or "none"
    asked = f"Write a memo. Date: {DATE}. People: {people}. Photo: {description}"
    reply = _ask(seom, asked, model)
    parts = [Said("we", asked), Said(reply.model, reply.text)]
    return Chapter("A memo for the album", parts, _calls("memo", reply))


def recipe(seom: Client, things: dict[str, int], model: str) -> Chapter:
    """From the foods on the photograph, as JSON under a schema."""
    foods = [name for name in things if name in _FOODS][:2]
    asked = {"ingredients": [*foods, *_PANTRY][:4], "except_recipe": []}
    reply = _ask(seom, json.dumps(asked), model, schema=Recipe)
    written = reply.parsed.model_dump_json(indent=2)
    parts = [Said("we", json.dumps(asked), code=True), Said(reply.model, written, code=True)]
    return Chapter("A recipe, as JSON under a schema", parts, _calls("recipe", reply))


def calendar(seom: Client, model: str) -> Chapter:
    """The model calls a function of ours, and puts into words what that returns."""
    events: list[dict[str, str]] = []

    def add_event(title: str, date: str, time: str = "", who: str = "") -> str:
        """Adds an event."""
        given = {"title": title, "date": date, "time": time, "who": who}
        events.append({name: value for name, value in given.items() if value})
        return json.dumps({"ok": True})

    reply = _ask(seom, WISH, model, tools=[add_event])
    called = [
        Said("add_event", json.dumps(event, ensure_ascii=False), code=True) for event in events
    ]
    parts = [Said("we", WISH), *called, Said(reply.model, reply.text)]
    return Chapter("The calendar, by a tool call", parts, _calls("calendar", reply))


def _ask(seom: Client, prompt: Any, model: str, **settings: Any) -> Reply:
    return seom.chat(prompt, model=model, temperature=0.0, max_tokens=_LONGEST, **settings)


def _calls(asked: str, reply: Reply) -> list[Call]:
    """One for each round: what a tool returns is another call's question."""
    return [Call(asked, reply.model, spent) for spent in reply.rounds]
