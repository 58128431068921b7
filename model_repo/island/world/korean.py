"""What is said of a photograph in Korean, with the particle each word asks for and native
numerals before counters."""

from collections.abc import Sequence
from typing import Final

from model_repo.island.world.scene import Person, Photograph
from model_repo.island.world.things import BY_NAME

NUMERALS: Final = ("영", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열")
PLACES: Final = {
    "beach": "해변",
    "harbour": "항구",
    "garden": "정원",
    "street": "거리",
    "forest": "숲",
    "kitchen": "부엌",
}
TIMES: Final = {"morning": "아침", "noon": "한낮", "evening": "저녁", "night": "밤"}
WEATHERS: Final = {"clear": "맑은", "cloudy": "흐린", "rainy": "비 오는", "snowy": "눈 오는"}
COLOURS: Final = {
    "black": "검은",
    "brown": "갈색",
    "blond": "금발",
    "red": "빨간",
    "grey": "회색",
    "blue": "파란",
    "green": "초록색",
    "purple": "보라색",
    "yellow": "노란",
    "white": "흰",
}
_DOING: Final = {
    "standing": "서 있습니다",
    "waving": "손을 흔들고 있습니다",
    "cheering": "두 팔을 들고 있습니다",
}
_AFTER_VOWEL: Final = {"은": "는", "이": "가", "을": "를", "과": "와"}


def with_particle(word: str, particle: str) -> str:
    """`word` with the form of 은/는, 이/가, 을/를 or 과/와 that its last syllable asks for.

    `particle` is the form after a consonant; KeyError for another one.
    """
    other = _AFTER_VOWEL[particle]
    has_final = (ord(word[-1]) - 0xAC00) % 28 != 0
    return word + (particle if has_final else other)


def counted(name: str, number: int) -> str:
    """고양이 두 마리: a kind with a native numeral, 1 to 10, and its counter."""
    kind = BY_NAME[name]
    return f"{kind.korean} {NUMERALS[number]} {kind.counter}"


def joined(phrases: Sequence[str]) -> str:
    """사과 한 개, 배 두 척과 오리 한 마리"""
    if len(phrases) == 1:
        return phrases[0]
    *first, before, last = phrases
    return ", ".join([*first, f"{with_particle(before, '과')} {last}"])


def scene(photo: Photograph) -> Sequence[str]:
    """The place, weather and hour, in each phrasing."""
    where, sky, when = PLACES[photo.place], WEATHERS[photo.weather], TIMES[photo.time]
    return (
        f"{sky} {when}의 {where}입니다.",
        f"{where}의 {sky} {when}입니다.",
        f"{sky} {when}에 {where}에서 찍은 사진입니다.",
    )


def things(found: dict[str, int]) -> Sequence[str]:
    """What is there, in each phrasing; at least one thing must be."""
    listed = with_particle(joined([counted(name, n) for name, n in found.items()]), "이")
    return f"{listed} 있습니다.", f"{listed} 보입니다.", f"사진에 {listed} 있습니다."


def person(who: Person) -> str:
    return f"{COLOURS[who.shirt]} 옷을 입은 {_hair(who)}의 사람이 {_doing(who)}."


def presence(name: str, number: int) -> tuple[Sequence[str], str]:
    what = with_particle(BY_NAME[name].korean, "이")
    questions = (f"사진에 {what} 있나요?", f"{what} 보이나요?", f"{what} 있습니까?")
    return questions, f"네, {what} 있습니다." if number else f"아니요, {what} 없습니다."


def count(name: str, number: int) -> tuple[Sequence[str], str]:
    kind = BY_NAME[name]
    questions = (
        f"{with_particle(kind.korean, '은')} 몇 {kind.counter} 있나요?",
        f"{with_particle(kind.korean, '이')} 몇 {kind.counter} 보이나요?",
    )
    return questions, f"{with_particle(counted(name, number), '이')} 있습니다."


def people(number: int) -> tuple[Sequence[str], str]:
    questions = ("사람은 몇 명 있나요?", "사람이 몇 명 보이나요?")
    if not number:
        return questions, "사람이 없습니다."
    return questions, f"사람 {NUMERALS[number]} 명이 있습니다."


def place(name: str) -> tuple[Sequence[str], str]:
    return ("여기는 어디인가요?", "어디에서 찍은 사진인가요?"), f"{PLACES[name]}입니다."


def weather(name: str) -> tuple[Sequence[str], str]:
    return ("날씨가 어떤가요?", "어떤 날씨인가요?"), f"{WEATHERS[name]} 날씨입니다."


def time(name: str) -> tuple[Sequence[str], str]:
    questions = ("하루 중 언제인가요?", "아침, 한낮, 저녁, 밤 중 언제인가요?")
    return questions, f"{TIMES[name]}입니다."


def action(who: Person) -> tuple[Sequence[str], str]:
    whom = f"{COLOURS[who.shirt]} 옷을 입은 사람"
    questions = (f"{whom}은 무엇을 하고 있나요?", f"{whom}이 무엇을 하는지 알려 주세요.")
    return questions, f"{whom}은 {_doing(who)}."


def hair(who: Person) -> tuple[Sequence[str], str]:
    whom = f"{COLOURS[who.shirt]} 옷을 입은 사람"
    questions = (f"{whom}은 무슨 색 머리인가요?", f"{whom}의 머리는 무슨 색인가요?")
    return questions, f"{whom}은 {_hair(who)}입니다."


def _hair(who: Person) -> str:
    return f"{COLOURS[who.who.hair]} 머리"


def _doing(who: Person) -> str:
    if who.holds:
        return f"{with_particle(BY_NAME[who.holds].korean, '을')} 들고 있습니다"
    return _DOING[who.action]
