"""What is asked of a photograph and what is true: the world's questions, captions, memos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from model_repo.island.chat import words
from model_repo.island.chat.lessons import pictures
from model_repo.island.chat.pen import KEYS, LANGUAGES, Pen, Said, Sample, Side
from model_repo.island.world.captions import Answered, Language, ask, describe
from model_repo.island.world.dice import Dice
from model_repo.island.world.scene import Photograph

_CAPTION: Final[dict[Language, Said]] = {
    "en": Said(
        "Describe the photo.",
        "Describe this picture.",
        "Describe the image.",
        "Write a caption.",
        "Write a caption for the picture.",
        "What does this show?",
        "What does the picture show?",
        "What can you see?",
        "What do you see in the picture?",
        "Tell me what you see.",
        held=(
            "Describe this photo.",
            "What does the photo show?",
            "What can you see in the photo?",
        ),
    ),
    "ko": Said(
        "사진을 설명해 줘.",
        "사진을 설명해 주세요.",
        "그림을 설명해 주세요.",
        "설명을 써 줘.",
        "사진 설명을 써 주세요.",
        "무슨 사진이야?",
        "무슨 사진인가요?",
        "무엇이 보이나요?",
        "사진에 무엇이 있나요?",
        held=("이 사진을 설명해 주세요.", "설명을 써 주세요.", "사진에 무엇이 보이나요?"),
    ),
}
_MEMO: Final[dict[Language, Said]] = {
    "en": Said(
        "Write a memo. Date: {date}. People: {people}.",
        "Memo, please. Date: {date}. People: {people}.",
        "Make a memo of this photo. Date: {date}. People: {people}.",
        "Date: {date}. People: {people}. Write a memo.",
        held=("Write a memo of this photo. Date: {date}. People: {people}.",),
    ),
    "ko": Said(
        "메모를 써 줘. 날짜: {date}. 사람: {people}.",
        "메모 부탁해요. 날짜: {date}. 사람: {people}.",
        "사진 메모를 만들어 줘. 날짜: {date}. 사람: {people}.",
        "날짜: {date}. 사람: {people}. 메모를 써 주세요.",
        held=("사진 메모를 써 줘. 날짜: {date}. 사람: {people}.",),
    ),
}
# Of the world's questions, those that are hardest to answer are asked in every round, others in
# the first and at times.
_ALWAYS: Final = ("presence", "count")
_ROUNDS: Final = 3
_ASKED, _CHAINED, _MEMOS = 0.5, 0.25, 0.3


def lessons(photo: Photograph, number: int, side: Side) -> list[Sample]:
    """Conversations about one photograph, each of which begins with it; the number draws them."""
    made = []
    for language in LANGUAGES:
        pen = pen_of(photo, number, side, language)
        asked = [
            question(each, language)
            for turn in range(_ROUNDS)
            for each in ask(photo, language, _ROUNDS * number + turn)
            if each.topic in _ALWAYS or (turn == 0 and pen.chance(_ASKED))
        ]
        while asked:
            first = asked.pop()
            if asked and pen.chance(_CHAINED):
                first = chained(first, asked.pop())
            made.append(first)
        made.append(caption(photo, pen))
        if pen.chance(_MEMOS):
            made.append(memo(photo, pen))
    return made


def pen_of(photo: Photograph, number: int, side: Side, language: Language) -> Pen:
    key = LANGUAGES.index(language)
    return Pen(Dice(23, KEYS[side], photo.seed, number, key), side, language)


def question(asked: Answered, language: Language) -> Sample:
    return shown(asked.topic, language, asked.question, asked.answer)


def caption(photo: Photograph, pen: Pen) -> Sample:
    """In one of the world's nine phrasings; in the test, all of them are right."""
    variants = range(40) if pen.side == "test" else (pen.dice.whole(0, 10**6),)
    said = [describe(photo, pen.language, variant) for variant in variants]
    return shown("caption", pen.language, pen.say(_CAPTION), *said)


def memo(photo: Photograph, pen: Pen) -> Sample:
    """The memo that the chat model's lessons make of a caption, made of the photograph."""
    date, latin = words.date(pen), pen.chance(0.3)
    names = [pen.name(latin=latin) for _ in range(pen.dice.whole(0, 3))]
    people = ", ".join(names) or pictures.NOBODY[pen.language]
    said = pictures.remembered(photo, date, names, pen)
    return shown("memo", pen.language, pen.say(_MEMO, date=date.bare, people=people), said)


def shown(task: str, language: Language, question: str, *answers: str) -> Sample:
    """A picture with a question, and the answers that are right, of which the first is given."""
    parts = [{"type": "image"}, {"type": "text", "text": question}]
    messages: tuple[dict[str, Any], ...] = (
        {"role": "user", "content": parts},
        {"role": "assistant", "content": answers[0]},
    )
    return Sample(task, language, messages, frozenset(answers))


def chained(first: Sample, then: Sample) -> Sample:
    """One conversation of two; the picture stands in its first message alone."""
    opening = {"role": "user", "content": text_of(then)}
    return replace(then, messages=(*first.messages, opening, *then.messages[1:]))


def text_of(sample: Sample) -> str:
    """What is asked first, without the picture."""
    parts: Sequence[Any] = sample.messages[0]["content"]
    return str(parts[1]["text"])
