"""Regular expressions: which are cheap for xgrammar however long the answer, and which are not."""

from __future__ import annotations

import pytest

from serving.models.chat.expressions import Characters, Repeat, tokens
from serving.models.chat.patterns import LONGEST, Costly, check, within


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{3}-\d{4}",
        "(foo|bar)+",
        "(foo|far)+",
        "(dad|day)+",
        "[a-z]+(,[a-z]+)*",
        "([a-z]+,)*",
        "[가-힣]+(、[가-힣]+)*",
        "([^·]*·)*",
        "(ab+)?",
        "(ab+)?c",
        "(ab)+?c",
        "((a+,)+;)+",
        "(Mon|Monday|Tue)(,(Mon|Monday|Tue))*",
        '("([^"\\\\]|\\\\.)*",)*',
        r"([A-Z][a-z]+ ?)+",
        r"((\w+ )*\w+\. )+",
        r"(\s*\w+\s*,)*",
        r"([a-z]+ ?){3}",
        r"(\d{1,3}){3}",
        r"((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)",
        r"[\w.+-]+@[\w-]+\.[\w.-]+",
        r"https?://[^\s/]+(/[^\s]*)?",
        r"-?\d+(\.\d+)?([eE][+-]?\d+)?",
        r"^(\+?\d{1,3}[- ]?)?\(?\d{3}\)?[- ]?\d{3}[- ]?\d{4}$",
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ".*foo.*bar.*",
        ".{1,1000}",
        r"(?<day>\d+)(?:\.|/)(?P<month>\d+)",
        "[+*(]+[)?{]+",
        r"\(\+\)\*",
        "",
        # Malformed: the engine's to refuse.
        "[a-",
        "((",
        "a)",
        "a{x}",
        "\\",
    ],
)
def test_what_is_cheap_passes(pattern: str) -> None:
    check(pattern)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a+)+b", "cannot be told"),
        ("(?:a+)*", "cannot be told"),
        ("(?<n>a+?)+", "cannot be told"),
        ("(((a+)))+", "cannot be told"),
        ("((b+)+)+c", "cannot be told"),
        (r"(\w+\s?)*", "cannot be told"),
        (r"(\d+|\d+,)*", "cannot be told"),
        ("(ab*|a*c)+", "cannot be told"),
        ("(a{2,3})+", "cannot be told"),
        ("(a|aa)+b", "cannot be told"),
        ("(Monday|Mon|day)+", "cannot be told"),
        (r"(\x61+[a])+", "cannot be told"),
        (r"([^\W]+_)*", "cannot be told"),
        ("a++", "cannot be told"),
        ("(b{0,500}){0,500}c", "may be empty"),
        ("([^~]{0,500}){0,500}~", "may be empty"),
        ("(a*)*", "may be empty"),
        ("(a|)+", "may be empty"),
        ("(a?){0,500}b", "may be empty"),
        ("(b{1,20}){1,20}c", "in a row"),
        ("(a{1,30}){30}b", "in a row"),
        ("((a|aa){300})b", "in a row"),
        ("a*" * 16, "in a row"),
        ("a{0,300}a{0,300}", "in a row"),
        ("(a+(a+(a+)?)?)?b", "in a row"),
        ("(a|)" * 300, "in a row"),
        ("a?" * 300, "200 quantifiers"),
        ("a{0,100000}", "1000"),
        ("a{99999999999}", "1000"),
        ("(a{100}){100}", "1000"),
        ("(a{2}){600}", "1000"),
        ("a" * (LONGEST + 1), "4096"),
        ("(?=a)b", "another kind"),
        ("(?i)a", "another kind"),
        ("*a", "repeats nothing"),
    ],
)
def test_what_is_costly_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(Costly, match=why):
        check(pattern)


@pytest.mark.parametrize(
    "piece",
    ["(", "[", "{", "(a", "\\", "a|", "(|", ")", "a{9", "[a-\\d", "[^", "{1,", "(?:", "\\u{"],
)
def test_no_length_of_nonsense_exhausts_anything(piece: str) -> None:
    check(piece * (LONGEST // len(piece)))


def test_counts_are_added_up() -> None:
    assert check("abc") == 0
    assert check("a{10}") == 9
    assert check("(ab){10}c{5}") == 18 + 4


def test_characters() -> None:
    def ranges(pattern: str) -> list[str]:
        found = [token for token in tokens(pattern) if isinstance(token, Characters)]
        return ["".join(chr(c) for low, high in f.ranges for c in range(low, high)) for f in found]

    assert ranges(r"a\n\x41\u00b7\u{1F600}\cJ\.") == ["a", "\n", "A", "·", "😀", "\n", "."]
    assert ranges(r"[a-c-][\d][]") == ["abc-", "0123456789", ""]
    assert ranges(r"[\]\\]")[0] == "]\\"
    assert len(ranges("[^a]")[0]) == len(ranges(".")[0]) - 1


def test_quantifiers() -> None:
    found = [
        token for token in tokens("a*a+?a??a{2}a{2,}a{2,3}?a{,3}a{}") if isinstance(token, Repeat)
    ]
    assert found == [
        Repeat(0, None), Repeat(1, None), Repeat(0, 1), Repeat(2, 2), Repeat(2, None), Repeat(2, 3),
        Repeat(0, 3),
    ]  # fmt: skip


def test_the_expressions_of_a_schema() -> None:
    schema = {
        "properties": {"a": {"pattern": "x"}, "pattern": {"anyOf": [{"pattern": "y"}]}},
        "patternProperties": {"z": {"type": "string"}},
        "$defs": {"deep": {"items": {"propertyNames": {"pattern": "w"}}}},
        "required": ["pattern"],
    }
    assert sorted(within(schema)) == ["w", "x", "y", "z"]
