"""What the corpus talks of: days and hours as they are said and as they are noted, places, titles
of events, and the people's things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from model_repo.island.chat.pen import Pen, Word
from model_repo.island.world import english, korean
from model_repo.island.world.things import KINDS

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_WEEKDAYS: Final = {
    "monday": "월요일",
    "tuesday": "화요일",
    "wednesday": "수요일",
    "thursday": "목요일",
    "friday": "금요일",
    "saturday": "토요일",
    "sunday": "일요일",
}
_NEAR: Final = {"today": "오늘", "tomorrow": "내일"}

PLACES: Final = tuple(english.PLACES)
HOMES: Final = tuple(name for name in PLACES if name != "kitchen")
ANIMALS: Final = tuple(kind.name for kind in KINDS if kind.group == "animal")
THINGS: Final = tuple(kind.name for kind in KINDS if kind.group != "animal")
KOREAN: Final = {kind.name: kind.korean for kind in KINDS} | korean.PLACES
COLOURS: Final = {
    "red": "빨간색", "blue": "파란색", "green": "초록색", "yellow": "노란색", "white": "흰색",
    "black": "검은색", "purple": "보라색", "orange": "주황색", "pink": "분홍색",
}  # fmt: skip
JOBS: Final = {
    "fisher": "어부", "baker": "제빵사", "teacher": "선생님", "gardener": "정원사",
    "doctor": "의사", "painter": "화가", "sailor": "선원", "cook": "요리사",
    "bus driver": "버스 기사", "farmer": "농부", "musician": "음악가", "carpenter": "목수",
}  # fmt: skip
OBJECTS: Final = {
    "umbrella": "우산", "hat": "모자", "scarf": "목도리", "bag": "가방", "bottle": "물병",
    "camera": "카메라", "kite": "연", "book": "책", "ball": "공", "cup": "컵", "watch": "시계",
    "lantern": "손전등",
}  # fmt: skip
_FIRST: Final = {
    "en": (
        "family", "beach", "birthday", "school", "summer", "island", "morning", "garden", "boat",
        "harbour", "forest", "music", "cooking", "swimming", "football", "winter", "street",
        "fishing", "painting", "evening", "spring", "market", "kite", "cake",
    ),
    "ko": (
        "가족", "해변", "생일", "학교", "여름", "섬", "아침", "정원", "항구", "숲", "음악", "요리",
        "수영", "축구", "겨울", "거리", "낚시", "그림", "저녁", "봄", "시장", "연날리기", "케이크",
    ),
}  # fmt: skip
_SECOND: Final = {
    "en": (
        "picnic", "party", "walk", "trip", "dinner", "lesson", "match", "concert", "breakfast",
        "class", "show", "meeting", "race", "lunch", "visit", "workshop", "dance", "camp",
    ),
    "ko": (
        "소풍", "잔치", "산책", "여행", "식사", "수업", "경기", "음악회", "모임", "공연", "회의",
        "대회", "점심", "방문", "체험", "캠프",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """note: "05-03", "saturday" or "today". spoken: as asked, with its preposition in English.
    plain: as answered; a date's other spelling is only asked with."""

    note: str
    spoken: Word
    plain: Word

    @property
    def bare(self) -> Word:
        """Without the preposition."""
        return Word(self.plain.removeprefix("on "))


@dataclass(frozen=True, slots=True)
class Clock:
    """note: "15:00". spoken: "3 pm", "오후 3시"."""

    note: str
    spoken: Word


def date(pen: Pen) -> Day:
    """A day of the year."""
    month, day = pen.dice.whole(1, 12), pen.dice.whole(1, 28)
    note = f"{month:02}-{day:02}"
    if pen.korean:
        return Day(note, Word(f"{month}월 {day}일"), Word(f"{month}월 {day}일"))
    usual = f"on {day} {MONTHS[month - 1]}"
    spoken = usual if pen.chance(0.6) else f"on {MONTHS[month - 1]} {day}"
    return Day(note, Word(spoken), Word(usual))


def day(pen: Pen) -> Day:
    """A date, or a day that is near."""
    if pen.chance(0.7):
        return date(pen)
    if pen.chance(0.5):
        note = pen.pick(list(_NEAR))
        word = Word(_NEAR[note] if pen.korean else note)
    else:
        note = pen.pick(list(_WEEKDAYS))
        word = Word(_WEEKDAYS[note] if pen.korean else f"on {note.capitalize()}")
    return Day(note, word, word)


def clock(pen: Pen) -> Clock:
    """A half or full hour of the day."""
    hour, half = pen.dice.whole(7, 21), pen.chance(0.3)
    note = f"{hour:02}:{'30' if half else '00'}"
    small = (hour - 1) % 12 + 1
    if pen.korean:
        minutes = " 30분" if half else ""
        return Clock(note, Word(f"{'오전' if hour < 12 else '오후'} {small}시{minutes}"))
    if pen.chance(0.2):
        return Clock(note, Word(note))
    return Clock(note, Word(f"{small}{':30' if half else ''} {'am' if hour < 12 else 'pm'}"))


def title(pen: Pen) -> Word:
    """What an event is called: "family picnic", "Mina's birthday"."""
    if pen.chance(0.15):
        return Word(f"{pen.name()} 생일" if pen.korean else f"{pen.name()}'s birthday")
    return pen.pair(_FIRST[pen.language], _SECOND[pen.language])


def place(pen: Pen, names: Sequence[str] = PLACES) -> tuple[str, Word]:
    """A place's name, and where that is: "at the harbour", "항구"."""
    name = pen.pick(names)
    return name, Word(korean.PLACES[name] if pen.korean else english.PLACES[name])


def thing(pen: Pen, names: tuple[str, ...] = THINGS) -> Word:
    name = pen.pick(names)
    return Word(KOREAN[name] if pen.korean else name)


def among(pen: Pen, words: dict[str, str]) -> Word:
    """One of the words, in the language at hand."""
    name = pen.pick(list(words))
    return Word(words[name] if pen.korean else name)
