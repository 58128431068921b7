"""Bodies that are no JSON object, or one that hides something."""

from __future__ import annotations

import pytest

from serving.errors import InvalidArgument
from serving.openai import document


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff{}", "not Unicode"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": Infinity}', "not valid JSON"),
        (b'{"model": "a", "model": "b"}', "a key twice"),
        (b'{"x": {"a": 1, "a": 1}}', "a key twice"),
        (b"[1]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b'{"a": "\\ud800"}', "not Unicode"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
)
def test_no_document(body, problem):
    with pytest.raises(InvalidArgument, match=problem) as refused:
        document.read(body)
    assert refused.value.reason == "BODY_MALFORMED"
    assert len(refused.value.message) < 80  # nothing of the body is in it


def test_a_pair_of_surrogates_is_text():
    assert document.read(b'{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


def test_what_nobody_takes_is_refused():
    problems: list[str] = []
    reader = document.Reader(
        {"a": 1, "b": None, "c": True, "d": {}, "e": 1},
        lambda path, problem: problems.append(f"{path} {problem}"),
        "outer.",
    )
    assert reader.take("a", int) == 1
    assert reader.take("c", int) is None  # true is no number
    assert reader.take("d", list) is None
    assert reader.need("missing", str) is None
    reader.end()
    assert problems == [
        "outer.c must be an integer",
        "outer.d must be a list",
        "outer.missing is missing",
        "outer.e is unknown, or not offered here",
    ]
