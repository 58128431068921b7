"""Photographs in conversations: what reaches the model, what is refused, what is not done twice."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seom
from tests.integration.chat.replicas import Served

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

GREEDY: dict[str, Any] = {"temperature": 0.0, "max_tokens": 16}


def photo(seed: int, size: tuple[int, int] = (120, 90), form: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


async def test_another_photograph_another_answer(seeing: Served) -> None:
    first = await seeing.client.chat([photo(1), "What is it?"], **GREEDY)
    again = await seeing.client.chat([photo(1), "What is it?"], **GREEDY)
    other = await seeing.client.chat([photo(2), "What is it?"], **GREEDY)
    blind = await seeing.client.chat("What is it?", **GREEDY)
    assert first.text == again.text != other.text
    assert first.usage.prompt_tokens > blind.usage.prompt_tokens
    assert first.timing.decode_ms is not None and blind.timing.decode_ms is None


async def test_the_same_photograph_is_prepared_once(seeing: Served) -> None:
    seen = seeing.engine.progress
    hits = seen.image_hits
    await seeing.client.chat([photo(3), "What is it?"], **GREEDY)
    assert seen.image_hits == hits
    # Not the file but what is on it counts: a PNG of the same pixels is the same picture.
    pixels = np.asarray(Image.open(io.BytesIO(photo(3))).convert("RGB"))
    await seeing.client.chat([pixels, "And now?"], **GREEDY)
    assert seen.image_hits == hits + 1
    await seeing.client.chat(
        [photo(3), "What is it?"], **GREEDY, metadata={"x-seom-tenant": "another"}
    )
    assert seen.image_hits == hits + 1


async def test_streams_and_several_pictures(seeing: Served) -> None:
    prompt = [photo(1), "and", photo(2), "differ how?"]
    async with seeing.client.chat_stream(prompt, **GREEDY) as stream:
        text = "".join([delta.text async for delta in stream])
    assert text == (await seeing.client.chat(prompt, **GREEDY)).text


async def test_too_many_are_counted_before_any_is_decoded(seeing: Served) -> None:
    with pytest.raises(seom.InvalidArgument, match="at most 2 pictures") as caught:
        await seeing.client.chat([b"no picture", b"at all", b"three of them", "Which?"])
    assert [field for field, _ in caught.value.fields] == ["messages"]


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"GIF89a" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        photo(1)[:200],
        photo(1, (700, 700), "PNG"),
        bytes(2 * 2**20),
    ],
    ids=["empty", "gif", "svg", "cut", "pixels", "bytes"],
)
async def test_bad_pictures(seeing: Served, bad: bytes) -> None:
    with pytest.raises(seom.InvalidArgument) as caught:
        await seeing.client.chat(["Look:", bad, "What is it?"])
    (path,) = {field for field, _ in caught.value.fields}
    assert path.startswith("messages[0].parts[1].image")
    assert (await seeing.client.chat([photo(1), "What is it?"], **GREEDY)).text
