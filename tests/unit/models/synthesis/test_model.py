"""Pictures of the small generators: where they lie, what moves them, what must not matter."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from serving.errors import FailedPrecondition
from serving.models.base import Device
from serving.models.synthesis import Model
from serving.models.synthesis.types import (
    Drawing,
    Drawn,
    Encoding,
    Latent,
    Look,
    Mixing,
    Origin,
)
from serving.repository.config import ConfigError
from serving.repository.scan import Repository
from serving.timing import Stage, Timeline
from tests.synthesis_models import MODELS
from tests.synthesis_models.repository import write_synthesis_model
from tests.unit.models.synthesis.conftest import Load

PLAIN = Look(psi=1)


def draw(model: Model, *drawings: Drawing) -> list[Drawn]:
    """All of them in one batch."""
    prepared = [model.prepare(drawing, Timeline()) for drawing in drawings]
    assert len({model.batch_key(each) for each in prepared}) == 1
    outputs = model.run(prepared, Timeline())
    pairs = zip(prepared, outputs, strict=True)
    return [model.finish(one, output, Timeline()) for one, output in pairs]


def one(model: Model, origin: Origin, **look: object) -> Drawn:
    (drawn,) = draw(model, Drawing(origin, Look(**look)))  # type: ignore[arg-type]
    return drawn


def w_of(model: Model, seed: int) -> np.ndarray:
    generator = model._generator
    classes = np.eye(generator.c_dim, dtype=np.float32)[:1] if generator.c_dim else None
    return generator.map(generator.latent(seed), classes)[0]


def class_of(model: Model) -> int | None:
    return 0 if model._generator.c_dim else None


# What is drawn ----------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_draws_the_generators_own_picture(load: Load, name: str) -> None:
    model = load(name)
    drawn = one(model, Origin(seed=3), class_id=class_of(model))
    w = w_of(model, 3)
    np.testing.assert_allclose(drawn.latent, w, rtol=1e-5, atol=1e-5)
    image = model._generator.synthesize(w[None])[0]
    wanted = np.clip(image.transpose(1, 2, 0) * 127.5 + 128, 0, 255)
    assert drawn.pixels is not None
    assert np.abs(drawn.pixels - wanted).max() < 1.01
    assert drawn.pixels.shape == (drawn.size, drawn.size, 3)
    assert drawn.pixels.std() > 5


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_is_the_pictures_in_it(load: Load, name: str) -> None:
    """Not nearly: a picture asked for again has the same bytes, whatever else is going on."""
    model = load(name)
    generator, class_id = model._generator, class_of(model)
    in_w = Latent("w", w_of(model, 5)[0])
    looks = [
        Look(class_id=class_id),
        Look(class_id=class_id, psi=0.4, cutoff=3),
        Look(class_id=class_id, attributes={"smile": 2, "glasses": -1}),
        Look(class_id=class_id, attributes={"age": 1}, mixing=Mixing(Origin(seed=8), 2, 0)),
    ]
    drawings = [Drawing(Origin(seed=n), look) for n, look in enumerate(looks)]
    drawings.append(Drawing(Origin(latent=in_w)))
    together = draw(model, *drawings)
    for several in (drawings[::-1], drawings[:3], drawings[1:3]):
        for drawing, drawn in zip(several, draw(model, *several), strict=True):
            same_as(drawn, together[drawings.index(drawing)])
    for drawing, drawn in zip(drawings, together, strict=True):
        same_as(*draw(model, drawing), drawn)
    assert len({drawn.pixels.tobytes() for drawn in together if drawn.pixels is not None}) == 5
    assert generator.num_ws == len(together[0].latent)


def same_as(one: Drawn, other: Drawn) -> None:
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.latent, other.latent)


@pytest.mark.parametrize("name", ["stylegan2", "stylegan3-t"])
@pytest.mark.parametrize("look", [{"psi": 0.5}, {"psi": -1, "cutoff": 2}, {"psi": 0, "cutoff": 0}])
def test_truncation(load: Load, name: str, look: dict[str, float]) -> None:
    model = load(name)
    drawn = one(model, Origin(seed=3), **look)
    w, mean = w_of(model, 3), model._generator.w_avg
    cutoff = int(look.get("cutoff", len(w)))
    w[:cutoff] = mean + look["psi"] * (w[:cutoff] - mean)
    np.testing.assert_allclose(drawn.latent, w, rtol=1e-5, atol=1e-5)


def test_the_models_own_psi(load: Load) -> None:
    model = load("stylegan2-orig", "psi: 0.5\n")
    half, whole = one(model, Origin(seed=1)), one(model, Origin(seed=1), psi=1)
    mean = model._generator.w_avg
    np.testing.assert_allclose(half.latent - mean, (whole.latent - mean) / 2, atol=1e-5)


def test_a_latent_makes_its_picture_again(load: Load) -> None:
    """In W+ as it was told, truncated no further."""
    model = load("stylegan2")
    first = one(model, Origin(seed=3), psi=0.5, attributes={"age": 2, "smile": 1})
    again = one(model, Origin(latent=Latent("w+", first.latent)), psi=0.5)
    same_as(again, first)


def test_latents_of_every_space(load: Load) -> None:
    model = load("stylegan2")
    w, z = w_of(model, 3), model._generator.latent(3)
    seed = one(model, Origin(seed=3))
    same_as(one(model, Origin(latent=Latent("z", z))), seed)
    in_w = one(model, Origin(latent=Latent("w", w[0])), psi=0.1)
    np.testing.assert_allclose(in_w.latent, w, atol=1e-5)


# Steering ---------------------------------------------------------------------------


def test_directions_in_w_move_what_was_truncated(load: Load) -> None:
    model = load("stylegan2")
    age, glasses = (model._attributes[name] for name in ("age", "glasses"))
    plain = one(model, Origin(seed=3), psi=0.5).latent
    moved = one(model, Origin(seed=3), psi=0.5, attributes={"age": 2, "glasses": -1}).latent
    step = np.zeros_like(plain)
    step[2:6] += 2 * age.std * age.direction
    step[:3] -= 1.5 * glasses.direction[:3]
    np.testing.assert_allclose(moved - plain, step, atol=1e-5)


def test_directions_in_z_move_latents_before_they_are_mapped(load: Load) -> None:
    model = load("stylegan2")
    smile, z = model._attributes["smile"], model._generator.latent(3)
    moved = one(model, Origin(seed=3), attributes={"smile": 2})
    latent = Latent("z", z + 2 * smile.direction)
    np.testing.assert_allclose(moved.latent, one(model, Origin(latent=latent)).latent, atol=1e-5)
    # And what is mixed in with it.
    mixing = Mixing(Origin(seed=3), 0, 0)
    mixed = one(model, Origin(seed=4), attributes={"smile": 2}, mixing=mixing)
    np.testing.assert_allclose(mixed.latent, moved.latent, atol=1e-5)


def test_what_is_kept_is_kept(load: Load) -> None:
    model = load("stylegan2")
    age = model._attributes["age"]
    plain = one(model, Origin(seed=3)).latent
    own = one(model, Origin(seed=3), attributes={"young": 2}).latent - plain
    assert np.abs(own[2:6] @ age.direction).max() < 1e-4  # by model.yaml
    asked = one(model, Origin(seed=3), attributes={"glasses": 2}, keep=("age",)).latent - plain
    free = one(model, Origin(seed=3), attributes={"glasses": 2}).latent - plain
    assert np.abs(asked[2] @ age.direction) < 1e-4 < np.abs(free[2] @ age.direction)


def test_mixing(load: Load) -> None:
    model = load("stylegan2")
    first, second = w_of(model, 3), w_of(model, 4)
    mixed = one(model, Origin(seed=3), mixing=Mixing(Origin(seed=4), 2, 5)).latent
    np.testing.assert_allclose(mixed[[0, 1, 5, 9]], first[[0, 1, 5, 9]], atol=1e-5)
    np.testing.assert_allclose(mixed[2:5], second[2:5], atol=1e-5)
    rest = one(model, Origin(seed=3), mixing=Mixing(Origin(seed=4), 2, 0), psi=0.0, cutoff=3).latent
    mean = model._generator.w_avg
    np.testing.assert_allclose(rest[2], mean, atol=1e-5)  # truncated like the first
    np.testing.assert_allclose(rest[3:], second[3:], atol=1e-5)


def test_classes(load: Load) -> None:
    model = load("stylegan2-resid")
    found = {one(model, Origin(seed=3), class_id=n).pixels.tobytes() for n in range(5)}
    assert len(found) == 5
    one(model, Origin(latent=Latent("w", w_of(model, 3)[0])))  # needs none


# Noise ------------------------------------------------------------------------------


def test_noise_is_a_matter_of_the_batch(load: Load) -> None:
    model = load("stylegan2")
    keys = [
        model.batch_key(model.prepare(Drawing(Origin(seed=3), Look(noise=noise)), Timeline()))
        for noise in (None, "const", "random", "none")
    ]
    assert keys == ["const", "const", "random", "none"]
    three = load("stylegan3-t")
    drawings = [Drawing(Origin(seed=3), Look(noise=noise)) for noise in ("const", "random")]
    same_as(*draw(three, *drawings))


def test_random_noise_is_the_seeds(load: Load) -> None:
    model = load("stylegan2")
    random = Look(noise="random")
    third, fourth = draw(model, *(Drawing(Origin(seed=n), random) for n in (3, 4)))
    same_as(one(model, Origin(seed=4), noise="random"), fourth)
    same_as(one(model, Origin(seed=3), noise="random"), third)
    pixels = [one(model, Origin(seed=3), noise=n).pixels.tobytes() for n in ("const", "none")]
    assert len({*pixels, third.pixels.tobytes()}) == 3


# Results ----------------------------------------------------------------------------


def test_stages_are_told(load: Load) -> None:
    model, timeline = load("stylegan2"), Timeline()
    prepared = model.prepare(Drawing(Origin(seed=3), encoding=Encoding("png")), timeline)
    timeline.mark(Stage.PREPROCESS)
    (output,) = model.run([prepared], timeline)
    drawn = model.finish(prepared, output, timeline)
    assert drawn.pixels is None and drawn.encoded
    for stage in (Stage.DEVICE, Stage.POSTPROCESS, Stage.ENCODE):
        assert (timeline.spent[stage] or 0) > 0


def test_the_json_may_be_among_the_weights(tmp_path: Path, load: Load) -> None:
    folder = write_synthesis_model(tmp_path, "stylegan2-orig")
    shutil.move(folder / "1" / "config.json", folder / "1" / "arguments.json")
    text = (folder / "model.yaml").read_text()
    weights = "weights: [{file: 1/model.safetensors}, {part: generator, file: 1/arguments.json}]"
    text = text.replace("weights: {file: 1/model.safetensors}", weights)
    with pytest.raises(FailedPrecondition, match=r"config\.json"):
        Model(Repository(tmp_path, "cpu").find("stylegan2-orig"), Device()).load()
    (folder / "model.yaml").write_text(text)
    model = Model(Repository(tmp_path, "cpu").find("stylegan2-orig"), Device())
    model.load()
    same_as(one(model, Origin(seed=1)), one(load("stylegan2-orig"), Origin(seed=1)))


def test_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_synthesis_model(tmp_path, "stylegan2-orig")
    monkeypatch.setitem(sys.modules, "serving.runtimes.stylegan.checkpoint", None)
    with pytest.raises(FailedPrecondition, match="needs PyTorch"):
        Model(Repository(tmp_path, "cpu").find("stylegan2-orig"), Device()).load()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("psi: 3\n", "psi"),
        ("noise: loud\n", "noise"),
        ("max_images: 0\n", "max_images"),
        ("generator: ../config.json\n", "generator"),
        ("beard: {}\n", "beard"),
    ],
)
def test_wrong_options(tmp_path: Path, settings: str, said: str) -> None:
    write_synthesis_model(tmp_path, "stylegan2-orig", settings)
    with pytest.raises(ConfigError, match=said):
        Repository(tmp_path, "cpu").find("stylegan2-orig")


@pytest.mark.parametrize(
    "direction",
    [
        "{file: a.npy, space: x}",
        "{file: ../a.npy, space: w}",
        "{file: a.npy, space: w, bounds: [1, 1]}",
        "{file: a.npy, space: w, bounds: [.nan, 1]}",
        "{file: a.npy, space: w, layers: [3, 3]}",
        "{file: a.npy, space: z, layers: [0, 3]}",
        "{file: a.npy, space: w, std: 0}",
        "{file: a.npy, space: w, keep: [Beard]}",
    ],
)
def test_wrong_attributes(tmp_path: Path, direction: str) -> None:
    folder = write_synthesis_model(tmp_path, "stylegan2-orig")
    text = (folder / "model.yaml").read_text() + f"  beard: {direction}\n"
    (folder / "model.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"attributes\.beard"):
        Repository(tmp_path, "cpu").find("stylegan2-orig")
