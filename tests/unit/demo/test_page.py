"""The story's page: all parts of all chapters, and nothing that a model could smuggle in."""

from __future__ import annotations

import re
from pathlib import Path

from seom.timing import GenerationTiming, Timing
from serving.demo import page
from serving.demo.chapters import Call, Chapter, Listed, Said, Shown
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
    assert heads == ["wait", "model", "first token", "round trip"]
    rows = [re.findall(r'<td class="n">([^<]*)</td>', row) for row in text.split("<tr>")]
    assert [row for row in rows if row] == [
        ["0.0", "4.2", "–", "9.0"],
        ["0.0", "–", "31.4", "80.0"],
    ]


def test_nothing_to_tell(tmp_path: Path) -> None:
    assert "Where the time went" not in written(tmp_path, Chapter("The photograph", []))
