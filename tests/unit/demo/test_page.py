"""The story's page: all parts of all chapters, and nothing that a model could smuggle in."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from seom import InvalidArgument
from seom.timing import GenerationTiming, Timing
from serving.demo import page
from serving.demo.chapters import Call, Chapter, Listed, Said, Shown, clocked
from serving.demo.subject import island

FOUND = Call("detect", "finder", Timing(device_ns=4_200_000, round_trip_ns=9_000_000))
WRITTEN = Call("memo", "writer", GenerationTiming(ttft_ns=31_400_000, round_trip_ns=80_000_000))


def written(tmp_path: Path, *chapters: Chapter) -> str:
    page.write("A day", chapters, 12.3, tmp_path / "out" / "story.html")
    return (tmp_path / "out" / "story.html").read_text()


def test_every_kind_of_part(tmp_path: Path) -> None:
    photo = island().photo
    text = written(
        tmp_path,
        Chapter("Seen", [Shown(photo, "a family"), Listed(("thing",), (("cake",),))], [FOUND]),
        Chapter("Said", [Said("writer", "안녕"), Said("json", '{"a": 1}', code=True)], [WRITTEN]),
    )
    for words in ("a family", "<td>cake</td>", "안녕", "<pre>{&#34;a&#34;: 1}</pre>", "12 s"):
        assert words in text
    assert 'src="data:image/jpeg;base64,/9j/' in text


def test_what_a_model_says_is_no_markup(tmp_path: Path) -> None:
    text = written(tmp_path, Chapter("Said", [Said("w", "<script>alert(1)</script>")]))
    assert "<script" not in text and "&lt;script&gt;" in text


def test_the_times_of_all_calls(tmp_path: Path) -> None:
    """A stage that no call went through has no column; one that some did, a dash in the others."""
    text = written(tmp_path, Chapter("a", [], [FOUND]), Chapter("b", [], [WRITTEN]))
    heads = re.findall(r'<th class="n">([^<]*)</th>', text)
    assert heads == ["model", "first token", "round trip"]
    rows = [re.findall(r'<td class="n">([^<]*)</td>', row) for row in text.split("<tr>")]
    assert [row for row in rows if row] == [
        ["4.2", "–", "9.0"],
        ["–", "31.4", "80.0"],
    ]


def test_a_call_that_tells_no_time_is_clocked_even_where_it_is_refused() -> None:
    calls: list[Call] = []
    with pytest.raises(InvalidArgument), clocked("enroll Mina", "faces", calls):
        time.sleep(0.02)
        raise InvalidArgument("too small")
    (call,) = calls
    assert call.asked == "enroll Mina" and call.timing.total_ms is None
    assert (call.timing.round_trip_ms or 0) >= 20


def test_many_calls_of_a_chapter_are_one_line(tmp_path: Path) -> None:
    """In the table at the end, each is there."""
    many = Chapter("Faces", [], [FOUND] * 6)
    assert many.spent() == ["6 calls · finder · 54 ms together"]
    assert Chapter("a", [], [FOUND]).spent() == ["detect · finder · 9 ms"]
    assert written(tmp_path, many).count("<td>detect</td>") == 6


def test_nothing_to_tell(tmp_path: Path) -> None:
    assert "Where the time went" not in written(tmp_path, Chapter("The photograph", []))
