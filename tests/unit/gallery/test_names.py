"""Names: what may be one, and what may not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gallery import names

HOSTILE = {
    "path": "../x",
    "absolute": "/etc/passwd",
    "backslash": "..\\x",
    "nul": "Mina\0",
    "direction": "Mina\u202egnp",
    "zero width": "Mi\u200bna",
    "newline": "Mina\n",
    "long": "x" * 10_000,
    "quote": "x' OR '1'='1",
    "sql": "x; DROP TABLE person; --",
    "html": "<b>Mina</b>",
    "escaped": "%2e%2e",
    "template": "${x}",
    "empty": "",
    "space": " ",
    "spaces": "Mina  Kim",
    "ends": "Mina ",
    "comment": "admin'--",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_names(case: str) -> None:
    for read in (names.person, names.gallery, names.photograph, names.etag):
        with pytest.raises(ValueError) as caught:
            read(HOSTILE[case])
        assert len(str(caught.value)) < 200
    with pytest.raises(ValueError):
        names.request_id(HOSTILE[case])


@pytest.mark.parametrize(
    "name",
    ["Mina", "김민아", "O'Brien", "Anne-Marie d’Arc", "J. R. Doe", "मीना", "7", "أمينة", "x_1"],
)
def test_peoples_names(name: str) -> None:
    assert names.person(name) == name


def test_composed_and_decomposed_are_one_name() -> None:
    assert names.person(unicodedata.normalize("NFD", "민아")) == "민아"


@pytest.mark.parametrize("name", ["kim", "Kim-2", "a.b_c", "0", "x" * 63])
def test_galleries(name: str) -> None:
    assert names.gallery(name) == ("", name)
    assert names.gallery(f"acme/{name}") == ("acme", name)


@pytest.mark.parametrize("name", ["x" * 64, "../kim", "a/b/c", "/kim", "kim/", ".kim", "김"])
def test_no_galleries(name: str) -> None:
    with pytest.raises(ValueError):
        names.gallery(name)


@given(st.text(max_size=80))
def test_a_name_that_passes_is_harmless(text: str) -> None:
    try:
        name = names.person(text)
    except ValueError:
        return
    assert names.person(name) == name
    assert name.isprintable()
    assert 1 <= len(name) <= 64
    assert not set(name) & set('/\\"<>;%$`(){}[]=|&*?#@:\0')
