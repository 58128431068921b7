"""A real language model, small enough for a laptop: llama2.c's stories260K."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from seom.aio import AsyncClient
from serving.replica.bare import start
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository
from tests.conftest import ROOT

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

BEGINS = "Once upon a time, there was a little girl named Lily."


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def stories(
    data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[AsyncClient]:
    """The project's own entry, its weights from the folder beside the checkout."""
    root = tmp_path_factory.mktemp("r")
    without_weights = shutil.ignore_patterns("1")
    source = ROOT / "model_repo" / "cpu" / "stories"
    shutil.copytree(source, root / "cpu" / "stories", ignore=without_weights)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(action="ignore"):
        patch.setenv("SEOM_MIRROR", str(data / "models"))
        config = Repository(root, "cpu").find("stories")
        replica = Replica(config, load_model(config))
    try:
        await replica.check()
        server, port = await start(replica)
        async with AsyncClient(f"127.0.0.1:{port}") as client:
            yield client
        await server.stop(None)
    finally:
        await replica.close()


async def test_it_tells_the_story_it_was_trained_to_tell(stories: AsyncClient) -> None:
    reply = await stories.complete("Once upon a time", temperature=0.0, max_tokens=40)
    assert f"Once upon a time{reply.text}".startswith(BEGINS)


async def test_it_finds_its_own_story_likelier_than_nonsense(stories: AsyncClient) -> None:
    told = await stories.score(BEGINS)
    nonsense = await stories.score("Lily upon named a girl, time little there Once was a.")
    assert told.perplexity < nonsense.perplexity / 4
