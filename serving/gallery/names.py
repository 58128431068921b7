"""What may be a name: of a gallery, a person, a photograph, a request.

Owns the alphabets, so that nothing else of a name ever reaches a database, a log or a path.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

LONGEST_PERSON = 64

_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_GALLERY = re.compile(rf"(?:(?P<tenant>{_WORD}[A-Za-z0-9._-]?)/)?(?P<name>{_WORD})")
_PHOTOGRAPH = re.compile(r"[0-9a-f]{32}")
_REQUEST = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ETAG = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
# What may stand between letters and digits, never twice, first or last.
_BETWEEN = frozenset(" .-_'’·")
_TOGETHER = (". ",)  # the initials of J. R. Doe


def gallery(text: str) -> tuple[str, str]:
    """The tenant that is written before the gallery ("" if none is) and the gallery.

    Raises ValueError.
    """
    match = _GALLERY.fullmatch(text)
    if match is None:
        raise ValueError(
            "must have 1 to 63 letters (a to z), digits, '.', '_' or '-', a letter or digit first"
        )
    return match["tenant"] or "", match["name"]


def person(text: str) -> str:
    """The name in Unicode's composed form (NFC), in which equal names are equal.

    Raises ValueError for what is no name: empty, long, of control or direction characters,
    quotes, brackets, slashes.
    """
    if len(text) > 4 * LONGEST_PERSON:
        raise ValueError(f"has {len(text)} characters; at most {LONGEST_PERSON} are allowed")
    name = unicodedata.normalize("NFC", text)
    if not 1 <= len(name) <= LONGEST_PERSON:
        raise ValueError(f"must have 1 to {LONGEST_PERSON} characters")
    words = [_of_word(character) for character in name]
    edges = _starts_word(name[0]) and words[-1]
    if not edges or not all(w or c in _BETWEEN for w, c in zip(words, name, strict=True)):
        raise ValueError(_PERSON)
    if any(one + other not in _TOGETHER for one, other in pairwise(name) if _between(one, other)):
        raise ValueError(_PERSON)
    return name


def photograph(text: str) -> str:
    """Raises ValueError for what the server has never made."""
    if not _PHOTOGRAPH.fullmatch(text):
        raise ValueError("is no photograph's id; GetPerson tells them")
    return text


def request_id(text: str) -> str:
    """Raises ValueError."""
    if not _REQUEST.fullmatch(text):
        raise ValueError("must have 1 to 64 letters, digits, '.', '_' or '-'")
    return text


def etag(text: str) -> str:
    """Raises ValueError for what the server has never made."""
    if not _ETAG.fullmatch(text):
        raise ValueError("is no etag; GetPerson tells it")
    return text


_PERSON = (
    "must be letters and digits of any script, with single spaces, points, hyphens, "
    "apostrophes or underscores between them"
)


def _between(one: str, other: str) -> bool:
    return one in _BETWEEN and other in _BETWEEN


def _of_word(character: str) -> bool:
    """Letters, digits and the marks that complete them; no number like ½."""
    kind = unicodedata.category(character)
    return kind[0] == "L" or kind in ("Nd", "Mn", "Mc")


def _starts_word(character: str) -> bool:
    return _of_word(character) and unicodedata.category(character)[0] != "M"
