"""What every model of every family keeps to; families and models are found by name.

The models are the project's own, where their weights are at hand, and the small ones the
tests make. GPU models wait for a GPU.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import serving.models
from serving.models.base import DTYPES, Model
from serving.replica.load import load_model
from serving.repository.config import family_module
from serving.repository.scan import Repository
from serving.scheduling.batcher import Batcher
from serving.timing import Stage, Timeline
from tests.small_models import write_repository
from tests.synthesis_models.repository import write_synthesis_model

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("reference", "cpu")
# What answers bit by bit has an engine to be started; its tests are with its engine.
OURS = {
    model.name: model.profile
    for model in Repository(ROOT / "model_repo", PROFILES).models()
    if issubclass(importlib.import_module(family_module(model.family)).Model, Model)
}
FETCHED = shutil.ignore_patterns("*.onnx")
SMALL = ["identity", "words", "flags", "pair", "single"]
DRAWING = ["stylegan2", "stylegan2-resid", "stylegan3-t"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Repository:
    root = write_repository(tmp_path_factory.mktemp("model_repo"))
    for name in DRAWING:
        write_synthesis_model(root, name, "batching: {max_batch_size: 4}\n")
    for profile in PROFILES:  # weights that were fetched are fetched again
        ignored = shutil.ignore_patterns() if profile == "reference" else FETCHED
        shutil.copytree(
            ROOT / "model_repo" / profile, root / profile, ignore=ignored, dirs_exist_ok=True
        )
    return Repository(root, PROFILES)


@pytest.fixture(scope="module", params=[*OURS, *SMALL, *DRAWING])
def model(request, repository) -> Iterator[Model]:
    with pytest.MonkeyPatch.context() as patch:
        if OURS.get(request.param, "reference") != "reference":
            patch.setenv("SEOM_MIRROR", str(request.getfixturevalue("data") / "models"))
        yield load_model(repository.find(request.param))


def run(model, item):
    timeline = Timeline()
    prepared = model.prepare(item, timeline)
    (output,) = model.run([prepared], timeline)
    return model.finish(prepared, output, timeline), timeline


def alike(one, other):
    """Equal, numbers within 1e-4."""
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].shape == other[name].shape, name
        if one[name].dtype.kind == "f":
            assert np.allclose(one[name], other[name], rtol=1e-4, atol=1e-4), name
        else:
            assert one[name].tolist() == other[name].tolist(), name


def test_every_family_has_a_model_here():
    families = {
        folder.name
        for place in serving.models.__path__
        for folder in Path(place).iterdir()
        if (folder / "__init__.py").exists()
    }
    served = {model.family for model in Repository(ROOT / "model_repo").models()}
    assert families <= served, "a family no model of the repository belongs to"


def test_the_signature_can_be_served(model):
    signature = model.signature
    assert signature.inputs
    assert signature.outputs
    assert signature.platform
    for specs in (signature.inputs, signature.outputs):
        assert len({spec.name for spec in specs}) == len(specs)
        for spec in specs:
            assert spec.datatype in DTYPES
            assert all(size == -1 or size > 0 for size in spec.shape)
            if signature.batched:
                assert spec.shape[0] == -1
    if signature.batched:
        assert model.batchable


def test_the_example_gives_what_the_signature_says(model):
    result, timeline = run(model, model.example())
    tensors = model.tensors(result)
    assert set(tensors) == {spec.name for spec in model.signature.outputs}
    for spec in model.signature.outputs:
        tensor = tensors[spec.name]
        assert tensor.dtype == DTYPES[spec.datatype], spec
        assert len(tensor.shape) == len(spec.shape), spec
        assert all(b in (-1, a) for a, b in zip(tensor.shape, spec.shape, strict=True)), spec
        if spec.datatype == "BYTES":
            assert all(isinstance(element, bytes) for element in tensor.ravel())
    assert (timeline.spent[Stage.DEVICE] or 0) > 0


def test_a_model_does_the_same_twice(model):
    item = model.example()
    first, _ = run(model, item)
    second, _ = run(model, item)
    alike(model.tensors(first), model.tensors(second))


def test_a_batch_gives_what_its_items_give_alone(model):
    if not model.batchable:
        pytest.skip("this model takes one item at a time")
    items = [model.prepare(model.example(seed), Timeline()) for seed in range(3)]
    assert len({model.batch_key(item) for item in items}) == 1
    assert all(model.rows(item) >= 1 for item in items)
    outputs = model.run(items, Timeline())
    assert len(outputs) == 3
    seen = []
    for item, output in zip(items, outputs, strict=True):
        together = model.finish(item, output, Timeline())
        (single,) = model.run([item], Timeline())
        alone = model.finish(item, single, Timeline())
        alike(model.tensors(together), model.tensors(alone))
        seen.append({name: t.tolist() for name, t in model.tensors(together).items()})
    assert any(one != seen[0] for one in seen), "all examples alike: a mix-up would go unseen"


async def test_it_works_behind_the_batcher(model):
    batcher = Batcher(model, max_batch_size=4, max_queue_delay=0.0, queue=8)
    timeline = Timeline()
    result = await batcher.submit(model.example(), deadline=None, timeline=timeline)
    await batcher.close()
    expected, _ = run(model, model.example())
    alike(model.tensors(result), model.tensors(expected))
    assert timeline.batch_size >= 1
    spent = sum(nanoseconds or 0 for nanoseconds in timeline.spent)
    assert spent == timeline.last - timeline.arrived


def test_options_are_closed_and_frozen(model):
    options = importlib.import_module(family_module(model.config.family)).Options
    assert issubclass(options, BaseModel)
    assert options.model_config.get("frozen")
    assert options.model_config.get("extra") == "forbid"
