"""Attributes move a small generator's latents, as far as was asked and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.errors import FailedPrecondition, InvalidArgument
from serving.models.base import Device
from serving.models.synthesis.conditional import without
from serving.models.synthesis.directions import Attributes
from serving.models.synthesis.options import Direction
from serving.runtimes.stylegan.checkpoint import read_generator
from serving.runtimes.stylegan.generator import Generator
from tests.synthesis_models import write_models

LAYERS = 10


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Generator]:
    root = write_models(tmp_path_factory.mktemp("models"), "stylegan2", "stylegan2-resid")
    return {
        folder.name: read_generator(
            folder / "model.safetensors", folder / "config.json", Device(threads=1)
        )
        for folder in root.iterdir()
    }


@pytest.fixture(scope="module")
def generator(generators: dict[str, Generator]) -> Generator:
    assert generators["stylegan2"].num_ws == LAYERS
    return generators["stylegan2"]


def unit(seed: int, *shape: int) -> Any:
    values = np.random.RandomState(seed).randn(*(shape or (32,)))
    return values / np.linalg.norm(values)


@pytest.fixture
def load(tmp_path: Path, generator: Generator) -> Any:
    """Attributes of a name → (direction, keys of model.yaml)."""

    def attributes(given: dict[str, Any], of: Generator = generator) -> Attributes:
        options = {}
        for name, (direction, keys) in given.items():
            np.save(tmp_path / f"{name}.npy", direction)
            options[name] = Direction(file=f"{name}.npy", **{"space": "w", **keys})
        return Attributes.load(options, tmp_path, of)

    return attributes


def latents(generator: Generator, count: int = 4000, seed: int = 99) -> Any:
    """Others than those that strengths are measured on."""
    z = np.random.RandomState(seed).randn(count, generator.z_dim)
    return generator.map(z)[:, 0].astype(np.float64)


def test_z(load: Any) -> None:
    direction = unit(1)
    attributes = load({"smile": (3 * direction, {"space": "z"})})
    assert attributes["smile"].std == 1
    offset = attributes.offset_z({"smile": -1.5})
    assert offset.dtype == np.float32
    np.testing.assert_allclose(offset, -1.5 * direction, atol=1e-6)
    assert attributes.offset_w({"smile": -1.5}) is None


def test_w_is_measured(load: Any, generator: Generator) -> None:
    direction = unit(2)
    attributes = load({"smile": (direction[None], {})})
    deviation = (latents(generator) @ direction).std()
    assert attributes["smile"].std == pytest.approx(deviation, rel=0.08)
    assert attributes["smile"].direction.shape == (32,)
    offset = attributes.offset_w({"smile": 2.0})
    assert offset.shape == (LAYERS, 32)
    assert offset.dtype == np.float32
    wanted = 2 * attributes["smile"].std * direction
    np.testing.assert_allclose(offset, np.tile(wanted, (LAYERS, 1)), atol=1e-6)
    assert attributes.offset_z({"smile": 2.0}) is None
    again = load({"smile": (direction, {})})
    assert again["smile"].std == attributes["smile"].std


def test_w_by_model_yaml(load: Any) -> None:
    direction = unit(3)
    attributes = load({"smile": (direction, {"std": 0.25, "layers": (2, 5)})})
    wanted = np.zeros((LAYERS, 32))
    wanted[2:5] = 0.75 * direction
    np.testing.assert_allclose(attributes.offset_w({"smile": 3.0}), wanted, atol=1e-6)


@pytest.mark.parametrize("layers", [None, (0, 4), (7, 10)])
def test_rows_alike_in_w_plus_are_w(load: Any, layers: Any) -> None:
    direction = unit(4)
    attributes = load(
        {
            "one": (direction, {"layers": layers}),
            "rows": (np.tile(direction, (LAYERS, 1)), {"space": "w+", "layers": layers}),
        }
    )
    one, rows = (attributes.offset_w({name: 1.0}) for name in ("one", "rows"))
    np.testing.assert_allclose(one, rows, atol=1e-5)
    assert np.linalg.norm(attributes["rows"].direction) == pytest.approx(1, abs=1e-5)


def test_a_strength_in_w_plus_moves_the_projection(load: Any, generator: Generator) -> None:
    rows = unit(5, LAYERS, 32)
    attributes = load({"age": (rows, {"space": "w+"})})
    w = generator.map(np.random.RandomState(1).randn(3000, 32)).astype(np.float64)
    deviation = np.einsum("nld,ld->n", w, rows).std()
    moved = (attributes.offset_w({"age": 1.0}) * rows).sum()
    assert moved == pytest.approx(deviation, rel=0.08)


def test_classes_count_alike(load: Any, generators: dict[str, Generator]) -> None:
    resid, direction = generators["stylegan2-resid"], unit(6)
    attributes = load({"smile": (direction, {})}, resid)
    z = np.random.RandomState(7).randn(5, 600, 32)
    w = [resid.map(z[c], np.eye(5)[[c] * 600])[:, 0] for c in range(5)]
    deviation = (np.concatenate(w).astype(np.float64) @ direction).std()
    assert attributes["smile"].std == pytest.approx(deviation, rel=0.08)


def test_strengths_add_up(load: Any) -> None:
    attributes = load(
        {"a": (unit(1), {}), "b": (unit(2), {"layers": (0, 3)}), "z": (unit(3), {"space": "z"})}
    )
    together = attributes.offset_w({"z": 1.0, "b": -1.0, "a": 0.3})
    alone = attributes.offset_w({"a": 0.3}) + attributes.offset_w({"b": -1.0})
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert np.array_equal(together, attributes.offset_w({"a": 0.3, "b": -1.0, "z": 1.0}))
    assert attributes.offset_w({"a": 0.0, "z": 1.0}) is None
    assert attributes.offset_w({}) is None
    assert attributes.offset_z({"a": 1.0, "z": -0.0}) is None


def test_what_is_kept_does_not_move(load: Any) -> None:
    a, b, c = unit(1), unit(2), unit(3)
    attributes = load(
        {"a": (a, {}), "b": (a + b, {}), "c": (a - 2 * c, {}), "mix": (2 * a + b - 2 * c, {})}
    )
    free = attributes.offset_w({"a": 2.0})
    assert abs(free[0] @ (a + b)) > 0.1
    kept = attributes.offset_w({"a": 2.0}, ["b", "c"])
    for other in (a + b, a - 2 * c):
        np.testing.assert_allclose(kept @ other, 0, atol=1e-5)
    # As far as before, and still towards a.
    np.testing.assert_allclose(
        np.linalg.norm(kept, axis=1), np.linalg.norm(free, axis=1), rtol=1e-5
    )
    step = np.linalg.norm(free[0])
    sine = np.sqrt(1 - np.linalg.norm(np.linalg.qr(np.stack((a + b, a - 2 * c), 1))[0].T @ a) ** 2)
    np.testing.assert_allclose(kept[0] @ a, step * sine, rtol=1e-4)
    # Keeping one twice, or what those before already keep, changes nothing.
    again = attributes.offset_w({"a": 2.0}, ["c", "b", "c"])
    assert np.array_equal(again, kept)
    mixed = attributes.offset_w({"a": 2.0}, ["b", "c", "mix"])
    np.testing.assert_allclose(mixed, kept, atol=1e-6)


def test_what_moves_by_itself_can_be_kept_from_others(load: Any) -> None:
    a, b = unit(1), unit(2) + unit(1)
    attributes = load({"a": (a, {}), "b": (b, {})})
    both = attributes.offset_w({"a": 1.0, "b": 1.0}, ["a"])
    own = attributes.offset_w({"a": 1.0})
    np.testing.assert_allclose((both - own) @ a, 0, atol=1e-5)


def test_keep_of_model_yaml(load: Any) -> None:
    a, b = unit(1), unit(2) + unit(1)
    always = load({"a": (a, {"keep": ("b",)}), "b": (b, {})})
    asked = load({"a": (a, {}), "b": (b, {})})
    np.testing.assert_array_equal(always.offset_w({"a": 1.0}), asked.offset_w({"a": 1.0}, ["b"]))
    assert always["a"].keep == ("b",)


def test_only_layers_in_which_it_lives_are_kept(load: Any) -> None:
    a, b = unit(1), unit(2) + unit(1)
    attributes = load({"a": (a, {"std": 1.0, "layers": (0, 6)}), "b": (b, {"layers": (4, 10)})})
    offset = attributes.offset_w({"a": 1.0}, ["b"])
    np.testing.assert_allclose(offset[4:6] @ b, 0, atol=1e-5)
    cosine = offset[:4] @ a / np.linalg.norm(offset[:4], axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-5)
    assert not offset[6:].any(), "no layer moves that did not"
    assert np.linalg.norm(offset) == pytest.approx(np.sqrt(6), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(0, 5))
def test_without(seed: int, layers: int, count: int) -> None:
    """Against least squares, layer by layer; among those kept are some that depend on others."""
    random = np.random.RandomState(seed)
    rows = random.randn(layers, 12)
    kept = [random.randn(layers, 12) * (random.rand(layers, 1) > 0.3) for _ in range(count)]
    if count > 2:
        kept[2] = kept[0] - 3 * kept[1]
    rest = without(rows, kept)
    assert rest is not None
    wanted = np.empty_like(rows)
    for layer in range(layers):
        span = np.array([each[layer] for each in kept]).reshape(count, 12).T
        fitted = np.linalg.lstsq(span, rows[layer], rcond=1e-10)[0] if count else np.zeros(0)
        wanted[layer] = rows[layer] - span @ fitted
    wanted *= np.linalg.norm(rows) / np.linalg.norm(wanted)
    np.testing.assert_allclose(rest, wanted, atol=1e-8)


def test_nothing_left(load: Any) -> None:
    a, b = unit(1), unit(2)
    attributes = load({"a": (a + 0.01 * unit(3), {}), "b": (b, {}), "both": (a + b, {})})
    attributes.check({"a": 1.0}, ["both"])
    with pytest.raises(InvalidArgument, match="nothing is left of a where b, both") as raised:
        attributes.check({"a": 1.0}, ["both", "b"])
    assert raised.value.reason == "CANNOT_KEEP"
    assert raised.value.fields[0][0] == "keep"
    # Where it does not move, nothing is asked of it.
    attributes.check({"a": 0.0}, ["both", "b"])
    with pytest.raises(FailedPrecondition, match=r"attributes\.a: nothing is left"):
        load({"a": (a, {"keep": ("b",)}), "b": (-3 * a, {})})


def test_spaces_do_not_mix(load: Any) -> None:
    attributes = load({"age": (unit(1), {"space": "z"}), "smile": (unit(2), {})})
    with pytest.raises(InvalidArgument, match="only what is of the same space") as raised:
        attributes.check({"age": 1.0}, ["smile"])
    assert raised.value.reason == "CANNOT_KEEP"
    with pytest.raises(FailedPrecondition, match=r"attributes\.age: smile is of w"):
        load({"age": (unit(1), {"space": "z", "keep": ("smile",)}), "smile": (unit(2), {})})


@pytest.mark.parametrize(
    ("strengths", "keep", "field", "problem", "reason"),
    [
        ({"grin": 1.0}, [], "attributes[grin]", "attributes: smile, age", "UNKNOWN_ATTRIBUTE"),
        ({"grin": 0.0}, [], "attributes[grin]", "attributes: smile, age", "UNKNOWN_ATTRIBUTE"),
        ({"smile": 1.0}, ["age", "x"], "keep[1]", "smile, age", "UNKNOWN_ATTRIBUTE"),
        ({"smile": float("nan")}, [], "attributes[smile]", "finite", "NOT_FINITE"),
        ({"smile": float("inf")}, [], "attributes[smile]", "finite", "NOT_FINITE"),
        ({"smile": 3.01}, [], "attributes[smile]", "from -3 to 3", "OUT_OF_BOUNDS"),
        ({"age": -0.6}, [], "attributes[age]", "from -0.5 to 2.25", "OUT_OF_BOUNDS"),
    ],
)
def test_bad_requests(
    load: Any, strengths: Any, keep: Any, field: str, problem: str, reason: str
) -> None:
    attributes = load({"smile": (unit(1), {}), "age": (unit(2), {"bounds": (-0.5, 2.25)})})
    attributes.check({"smile": 3.0, "age": -0.5}, ["age"])
    with pytest.raises(InvalidArgument) as raised:
        attributes.check(strengths, keep)
    assert raised.value.reason == reason
    ((path, text),) = raised.value.fields
    assert path == field
    assert problem in text


def test_every_bad_field_is_named_up_to_some(load: Any) -> None:
    attributes = load({"smile": (unit(1), {})})
    with pytest.raises(InvalidArgument) as raised:
        attributes.check({"smile": 9.0, "x" * 10**6: 1.0}, ["y"])
    paths = [path for path, _ in raised.value.fields]
    assert paths == ["keep[0]", "attributes[smile]", f"attributes[{'x' * 64}]"]
    with pytest.raises(InvalidArgument) as raised:
        attributes.check({f"x{number}": 1.0 for number in range(10**5)})
    assert len(raised.value.fields) < 20


def test_no_attributes(load: Any) -> None:
    attributes = load({})
    assert attributes.names == ()
    attributes.check({}, [])
    assert attributes.offset_z({}) is None
    with pytest.raises(InvalidArgument, match="it has none"):
        attributes.check({"smile": 1.0})


@pytest.mark.parametrize(
    ("direction", "keys", "problem"),
    [
        (np.ones(31), {}, r"\(1, 31\) is its shape, and \(1, 32\)"),
        (np.ones((LAYERS, 32)), {}, r"\(10, 32\) is its shape"),
        (np.ones(32), {"space": "w+"}, r"and \(10, 32\) that of w\+"),
        (np.ones((9, 32)), {"space": "w+"}, r"\(9, 32\) is its shape"),
        (np.ones(33), {"space": "z"}, r"that of z"),
        (np.ones(32), {"layers": (4, 11)}, "layers must be"),
        (np.eye(LAYERS, 32), {"space": "w+", "keep": ("grin",)}, "keep has grin"),
        (np.pad(np.ones((2, 32)), ((0, 8), (0, 0))), {"space": "w+", "layers": (2, 10)}, "zero"),
        (np.array([[1.0], [-1.0], *[[0.0]] * 8]) * np.ones(32), {"space": "w+"}, "say its std"),
        (np.zeros(32), {}, "smile.npy is zero"),
    ],
)
def test_directions_that_do_not_fit(load: Any, direction: Any, keys: Any, problem: str) -> None:
    with pytest.raises(FailedPrecondition, match=problem) as raised:
        load({"smile": (direction, keys)})
    assert raised.value.reason == "DIRECTION"


def test_what_latents_do_not_vary_along_moves_by_its_std(load: Any) -> None:
    rows = np.array([[1.0], [-1.0], *[[0.0]] * 8]) * unit(1)
    attributes = load({"smile": (rows, {"space": "w+", "std": 2.0})})
    offset = attributes.offset_w({"smile": 1.0})
    np.testing.assert_allclose(offset, 2 * rows / np.sqrt(2), atol=1e-6)
