"""The story as one HTML file that needs nothing beside it: pictures and style lie within."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from serving.demo.chapters import Call, Chapter, Listed, Said, Shown

_SIGNATURES = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp"}


def write(title: str, chapters: Sequence[Chapter], seconds: float, file: Path) -> None:
    """seconds: what the whole took, the start of the cluster included"""
    page = Environment(
        loader=PackageLoader("serving.demo", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters["source"] = _source
    page.filters["kind"] = _kind
    calls = [call for chapter in chapters for call in chapter.calls]
    text = page.get_template("page.html").render(
        title=title, chapters=chapters, calls=calls, stages=_stages(calls), seconds=seconds
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _source(data: bytes) -> str:
    """A picture's bytes as a data URI."""
    return f"data:{_SIGNATURES[data[:2]]};base64,{base64.b64encode(data).decode()}"


def _kind(part: Shown | Said | Listed) -> str:
    return type(part).__name__


def _stages(calls: Sequence[Call]) -> list[str]:
    """Those of the stages that any call went through."""
    names = list(calls[0].stages()) if calls else []
    return [name for name in names if any(call.stages()[name] is not None for call in calls)]
