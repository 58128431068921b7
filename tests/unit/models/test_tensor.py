from __future__ import annotations

import numpy as np
import pytest

from serving.errors import InvalidArgument
from serving.models.base import Device
from serving.models.tensor import Model
from serving.repository.scan import Repository
from serving.timing import Timeline
from tests.small_models import write_repository


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    repository = Repository(write_repository(tmp_path_factory.mktemp("repository")), "cpu")

    def load(name, **options):
        config = repository.find(name)
        changed = type(config.options)(**options)
        model = Model(config.model_copy(update={"options": changed}), Device())
        model.load()
        return model

    return load


def rows(*values):
    return np.array([values], np.float32).T.repeat(3, axis=1)


def test_requests_of_any_number_of_rows_run_together(load):
    model = load("pair")
    items = [{"a": rows(1, 2), "b": rows(3, 4)}, {"b": rows(9), "a": rows(5)}]
    prepared = [model.prepare(model.parse(item, {}), Timeline()) for item in items]
    assert [model.rows(item) for item in prepared] == [2, 1]
    outputs = model.run(prepared, Timeline())
    results = [model.finish(p, o, Timeline()) for p, o in zip(prepared, outputs, strict=True)]
    assert results[0]["sum"].tolist() == rows(4, 6).tolist()
    assert results[1]["sum"].tolist() == rows(14).tolist()
    assert results[1]["difference"].tolist() == rows(-4).tolist()


def test_inputs_of_different_row_counts_are_refused(load):
    with pytest.raises(InvalidArgument, match="a 2, b 1"):
        load("pair").prepare({"a": rows(1, 2), "b": rows(3)}, Timeline())


def test_only_equal_shapes_share_a_batch(load):
    model = load("identity")
    keys = [model.batch_key({"input": np.zeros(s, np.float32)}) for s in [(1, 2), (5, 2), (1, 3)]]
    assert keys[0] == keys[1] != keys[2]


def test_a_file_without_batch_is_served_one_by_one(load):
    model = load("single")
    assert not model.batchable
    item = {"x": np.array([1, 2, 3], np.float32)}
    assert model.rows(model.prepare(item, Timeline())) == 1
    assert model.run([item], Timeline())[0]["y"].tolist() == [2, 4, 6]


def test_batching_can_be_forbidden(load):
    assert load("pair").batchable
    assert not load("pair", batchable="never").batchable


def test_it_never_needs_a_thread_to_prepare(load):
    assert not load("pair").threaded
