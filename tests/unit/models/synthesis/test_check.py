"""What a generator cannot draw: each field by its name, in either protocol."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from serving.errors import InvalidArgument
from serving.models.synthesis.types import Drawing, Encoding, Latent, Look, Mixing, Origin
from serving.timing import Timeline
from tests.unit.models.synthesis.conftest import Load

NAN = float("nan")
SEED = Origin(seed=1)


def latent(space: Any, count: int, value: float = 0.0) -> Origin:
    return Origin(latent=Latent(space, np.full(count, value, np.float32)))


def refused(load: Load, drawing: Drawing, name: str = "stylegan2") -> dict[str, str]:
    model = load(name)
    with pytest.raises(InvalidArgument) as raised:
        model.check(drawing)
    with pytest.raises(InvalidArgument):
        model.prepare(drawing, Timeline())
    return dict(raised.value.fields)


@pytest.mark.parametrize("seed", [-1, 2**32, -(2**63), 2**63 - 1])
def test_seeds(load: Load, seed: int) -> None:
    found = refused(load, Drawing(Origin(seed=seed)))
    assert found == {"origin.seed": "must be from 0 to 4294967295"}


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_seeds_at_the_bounds(load: Load, seed: int) -> None:
    load("stylegan2").check(Drawing(Origin(seed=seed)))


@pytest.mark.parametrize(
    "origin",
    [
        latent("z", 31), latent("z", 0), latent("w", 320), latent("w+", 32), latent("w+", 319),
        latent("z", 32, NAN), latent("w", 32, float("inf")), latent("w+", 320, 1e7),
    ],
)  # fmt: skip
def test_latents(load: Load, origin: Origin) -> None:
    assert set(refused(load, Drawing(origin))) == {"origin.latent.values"}


def test_both_and_neither_origin(load: Load) -> None:
    both = Origin(1, Latent("z", np.zeros(32, np.float32)))
    assert refused(load, Drawing(both)) == {
        "origin": "has both of seed and latent; give one of them"
    }
    assert set(refused(load, Drawing(Origin()))) == {"origin"}


@pytest.mark.parametrize(
    ("look", "named"),
    [
        ({"psi": NAN}, "psi"),
        ({"psi": 2.1}, "psi"),
        ({"psi": -2.1}, "psi"),
        ({"cutoff": 11}, "cutoff"),
        ({"class_id": 0}, "class_id"),
        ({"attributes": {"beard": 1.0}}, "attributes[beard]"),
        ({"attributes": {"smile": NAN}}, "attributes[smile]"),
        ({"attributes": {"smile": 3.1}}, "attributes[smile]"),
        ({"attributes": {"age": -2.1}}, "attributes[age]"),
        ({"keep": ("beard",)}, "keep[0]"),
        ({"mixing": Mixing(Origin(seed=-1, field="look.mixing.origin"))}, "mixing.origin.seed"),
        ({"mixing": Mixing(SEED, 3, 3)}, "mixing.first"),
        ({"mixing": Mixing(SEED, 10, 0)}, "mixing.first"),
        ({"mixing": Mixing(SEED, 0, 11)}, "mixing.end"),
    ],
)
def test_looks(load: Load, look: dict[str, Any], named: str) -> None:
    assert set(refused(load, Drawing(SEED, Look(**look)))) == {f"look.{named}"}


def test_errors_list_what_there_is(load: Load) -> None:
    found = refused(load, Drawing(SEED, Look(attributes={"beard": 1.0})))
    assert "smile, age, glasses, young" in found["look.attributes[beard]"]
    found = refused(load, Drawing(SEED, Look(attributes={"age": 3.0})))
    assert "-2 to 2.5" in found["look.attributes[age]"]


@pytest.mark.parametrize("class_id", [None, 5, 2**32 - 1])
def test_classes(load: Load, class_id: int | None) -> None:
    drawing = Drawing(SEED, Look(class_id=class_id))
    assert set(refused(load, drawing, "stylegan2-resid")) == {"look.class_id"}


def test_a_class_is_needed_where_something_is_mapped(load: Load) -> None:
    in_w = latent("w", 32)
    load("stylegan2-resid").check(Drawing(in_w))
    mixed = Drawing(in_w, Look(mixing=Mixing(SEED)))
    assert set(refused(load, mixed, "stylegan2-resid")) == {"look.class_id"}


def test_nothing_moves_in_z_that_lies_in_w(load: Load) -> None:
    drawing = Drawing(latent("w", 32), Look(attributes={"smile": 1.0, "age": 1.0}))
    assert set(refused(load, drawing)) == {"look.attributes[smile]"}
    load("stylegan2").check(Drawing(latent("w", 32), Look(attributes={"smile": 0.0, "age": 1.0})))


def test_sizes(load: Load) -> None:
    assert set(refused(load, Drawing(SEED, encoding=Encoding(size=65)))) == {"encoding.size"}
    load("stylegan2").check(Drawing(SEED, encoding=Encoding(size=64)))


def test_all_that_is_wrong_is_named(load: Load) -> None:
    look = Look(psi=NAN, cutoff=99, class_id=1, attributes={"beard": 1}, mixing=Mixing(SEED, 9, 2))
    drawing = Drawing(Origin(seed=-1), look, Encoding(size=1000))
    assert set(refused(load, drawing)) == {
        "origin.seed", "look.psi", "look.cutoff", "look.class_id", "look.attributes[beard]",
        "look.mixing.first", "encoding.size",
    }  # fmt: skip


# As tensors -------------------------------------------------------------------------


def words(*texts: str) -> np.ndarray:
    return np.array([text.encode() for text in texts], object)


def number(value: float, dtype: Any = np.int32) -> np.ndarray:
    return np.array([value], dtype)


def test_tensors_are_read(load: Load) -> None:
    drawing = load("stylegan2").parse(
        {
            "seed": number(7, np.int64),
            "psi": number(0.5, np.float32),
            "cutoff": number(3),
            "noise": words("random"),
            "attributes": words("age", "glasses"),
            "strengths": np.array([1.5, -1], np.float32),
            "keep": words("young"),
            "mix_seed": number(9, np.int64),
            "mix_layers": np.array([2, 5], np.int32),
            "size": number(32),
        },
        {},
    )
    assert drawing == Drawing(
        Origin(seed=7),
        Look(
            psi=0.5,
            cutoff=3,
            attributes={"age": 1.5, "glasses": -1},
            keep=("young",),
            noise="random",
            mixing=Mixing(Origin(seed=9, field="look.mixing.origin"), 2, 5),
        ),
        Encoding("raw", size=32),
    )


def test_latents_come_as_tensors_too(load: Load) -> None:
    rows = np.arange(320, dtype=np.float32).reshape(10, 32)
    drawing = load("stylegan2").parse({"latent": rows, "latent_space": words("w+")}, {})
    assert drawing.origin.latent is not None
    assert drawing.origin.latent.space == "w+"
    np.testing.assert_array_equal(drawing.origin.latent.values, rows)


LATENT = np.zeros((1, 32), np.float32)


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({}, "seed"),
        ({"seed": number(-1, np.int64)}, "seed"),
        ({"seed": number(1, np.int64), "latent": LATENT, "latent_space": words("z")}, "seed"),
        ({"latent": LATENT}, "latent_space"),
        ({"latent": LATENT, "latent_space": words("x")}, "latent_space"),
        ({"latent": LATENT, "latent_space": words("w+")}, "latent"),
        ({"latent": LATENT * NAN, "latent_space": words("w")}, "latent"),
        ({"latent_space": words("w")}, "latent_space"),
        ({"psi": number(NAN, np.float32)}, "psi"),
        ({"cutoff": number(-1)}, "cutoff"),
        ({"class_id": number(0)}, "class_id"),
        ({"noise": words("loud")}, "noise"),
        ({"noise": np.array([b"\xff"], object)}, "noise"),
        ({"attributes": words("age")}, "strengths"),
        ({"strengths": number(1, np.float32)}, "strengths"),
        (
            {"attributes": words("age", "age"), "strengths": np.ones(2, np.float32)},
            "attributes",
        ),
        (
            {"attributes": words("beard"), "strengths": np.ones(1, np.float32)},
            "attributes[beard]",
        ),
        ({"keep": words("beard")}, "keep[0]"),
        ({"mix_layers": np.array([0, 1], np.int32)}, "mix_seed"),
        (
            {"mix_seed": number(1, np.int64), "mix_layers": np.array([-1, 1], np.int32)},
            "mix_layers",
        ),
        (
            {"mix_seed": number(1, np.int64), "mix_layers": np.array([5, 2], np.int32)},
            "mix_layers",
        ),
        ({"mix_seed": number(-1, np.int64)}, "mix_seed"),
        ({"size": number(0)}, "size"),
        ({"size": number(65)}, "size"),
    ],
)
def test_wrong_tensors(load: Load, tensors: dict[str, Any], named: str) -> None:
    origin = {} if {"seed", "latent", "latent_space"} & set(tensors) else {"seed": number(1)}
    if not tensors:
        origin = {}
    with pytest.raises(InvalidArgument) as raised:
        load("stylegan2").parse(origin | tensors, {})
    assert [path for path, _ in raised.value.fields] == [named]
