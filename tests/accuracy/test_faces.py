"""The real networks on real photographs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from serving.errors import FailedPrecondition, InvalidArgument
from serving.images.decode import decode
from serving.images.picture import Picture
from serving.models.base import Device
from serving.models.face import Model
from serving.models.face.types import Query
from serving.timing import Timeline

ANY = {"max_bytes": 2**30, "max_pixels": 2**30, "max_seconds": 60}


def ask(model, *pictures, **wish):
    prepared = model.prepare(Query(pictures, **wish), Timeline())
    (output,) = model.run([prepared], Timeline())
    return model.finish(prepared, output, Timeline())


def overlap(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = np.prod(np.maximum(high - low, 0))
    areas = [np.prod(box[2:] - box[:2]) for box in (one, other)]
    return shared / (sum(areas) - shared)


@pytest.fixture(scope="module")
def expected(data):
    return json.loads((data / "expected.json").read_text())


@pytest.fixture(scope="module")
def photo(data):
    return lambda name: Picture(encoded=(data / "images" / name).read_bytes())


@pytest.mark.parametrize("task", ["detect", "embed"])
def test_yunet_finds_what_the_reference_found(faces, expected, photo, task):
    """56 faces on 18 photographs, none more; the reference decodes every pixel, takes means
    over areas where it shrinks, and leaves boxes unclipped."""
    overlaps, differences = [], []
    for name, image in expected["images"].items():
        (found,) = ask(faces, photo(name), task=task, min_size=0).pictures
        wanted = image["yunet_n"]["boxes_xyxy_score"]
        assert found.size == tuple(image["size"])
        assert len(found.boxes) == len(wanted), name
        assert (found.boxes >= 0).all()
        assert (found.boxes <= found.size * 2).all()
        assert (np.diff(found.scores) <= 0).all()
        free = set(range(len(wanted)))
        for *box, score in wanted:
            box = np.clip(box, 0, found.size * 2)
            best = max(free, key=lambda i, box=box: overlap(found.boxes[i], box))
            free.remove(best)
            overlaps.append(overlap(found.boxes[best], box))
            differences.append(abs(found.scores[best] - score))
    assert len(overlaps) == 56
    assert min(overlaps) > 0.98
    assert max(differences) < 0.006


def test_rfb_finds_as_many_faces_as_the_reference(rfb, expected, photo):
    for name, image in expected["images"].items():
        (found,) = ask(rfb, photo(name)).pictures
        assert len(found.boxes) == image["rfb320_faces_thr0.7"], name
        assert found.landmarks is None
        assert found.sharpness is None
        assert found.angles is None


@pytest.fixture(scope="module")
def embeddings(faces, expected, photo):
    """`picture#face` → embedding, the faces of a picture numbered left to right."""
    result = {}
    for name in expected["images"]:
        if name.startswith("faces/"):
            (found,) = ask(faces, photo(name), task="embed", mirror=True, min_size=0).pictures
            assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
            for number, index in enumerate(found.boxes[:, 0].argsort()):
                result[f"{name.removeprefix('faces/')}#{number}"] = found.embeddings[index]
    return result


def test_cosines_are_the_references(embeddings, expected):
    pairs = expected["face_pairs"]
    rows = [*pairs["same"], *pairs["different_top20"]]
    assert len(rows) == 9
    for cosine, one, other in rows:
        assert embeddings[one] @ embeddings[other] == pytest.approx(cosine, abs=0.03), (one, other)


def test_the_threshold_lies_between_strangers_and_one_person(faces, embeddings):
    threshold = faces.config.options.embedder.threshold
    names = list(embeddings)
    same = embeddings["obama.jpg#0"] @ embeddings["obama3.jpg#0"]
    strangers = [
        embeddings[one] @ embeddings[other]
        for index, one in enumerate(names)
        for other in names[:index]
        if not one.startswith("obama") or not other.startswith("obama")
    ]
    assert len(strangers) == 65
    assert same > threshold + 0.3
    assert max(strangers) < threshold - 0.15


def test_two_photographs_are_compared(faces, photo):
    same = ask(
        faces, photo("faces/obama.jpg"), photo("faces/obama3.jpg"), task="verify", choice="only"
    )
    assert same.same_person
    assert same.similarity == pytest.approx(0.766, abs=0.03)
    other = ask(
        faces, photo("faces/obama.jpg"), photo("faces/biden.jpg"), task="verify", choice="only"
    )
    assert not other.same_person


def test_strangers_too_small_to_tell_apart_are_left_out(faces, photo):
    crowd = photo("coco/000000005001.jpg")
    (detected,) = ask(faces, crowd).pictures
    (embedded,) = ask(faces, crowd, task="embed").pictures
    assert len(detected.boxes) == 18
    assert 2 < len(embedded.boxes) < 10
    cosines = embedded.embeddings @ embedded.embeddings.T
    assert np.triu(cosines, 1).max() < faces.config.options.embedder.threshold
    with pytest.raises(InvalidArgument) as caught:
        ask(faces, photo("coco/000000252219.jpg"), task="embed", choice="largest")
    assert caught.value.reason == "FACE_TOO_SMALL"


def test_a_mirrored_photograph_shows_the_same_person_looking_the_other_way(faces, photo):
    pixels = decode(
        photo("faces/obama3.jpg"), max_bytes=2**30, max_pixels=2**30, max_seconds=60
    ).pixels
    (one,) = ask(faces, Picture(pixels=pixels), task="embed", mirror=True).pictures
    flipped = Picture(pixels=np.ascontiguousarray(pixels[:, ::-1]))
    (other,) = ask(faces, flipped, task="embed", mirror=True).pictures
    assert one.embeddings[0] @ other.embeddings[0] > 0.95
    assert one.angles[0, 0] > 5  # he looks to his left
    assert np.allclose(one.angles[0] * [-1, 1, -1], other.angles[0], atol=5)


@pytest.mark.parametrize("degrees", [-20, 20])
def test_a_photograph_turned_clockwise_rolls_its_face_clockwise(faces, photo, degrees):
    """YuNet's landmarks follow only part of the turn, eyes and mouth alike."""
    pixels = decode(
        photo("faces/astronaut.png"), max_bytes=2**30, max_pixels=2**30, max_seconds=60
    ).pixels
    turned = Image.fromarray(pixels).rotate(-degrees, Image.Resampling.BILINEAR)
    (straight,) = ask(faces, Picture(pixels=pixels)).pictures
    (found,) = ask(faces, Picture(pixels=np.asarray(turned)), choice="largest").pictures
    assert 0.3 < (found.angles[0, 2] - straight.angles[0, 2]) / degrees < 1.2


def test_pixels_are_as_good_as_a_file(faces, photo):
    picture = photo("faces/face_openimages.jpg")
    pixels = decode(picture, **ANY).pixels
    encoded = ask(faces, picture, task="embed").pictures[0]
    raw = ask(faces, Picture(pixels=pixels), task="embed").pictures[0]
    assert np.array_equal(encoded.boxes, raw.boxes)
    assert np.array_equal(encoded.embeddings, raw.embeddings)


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (2000, 3), (3, 2000)])
def test_pictures_of_any_shape_are_looked_at(faces, rfb, size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    for model in (faces, rfb):
        found = ask(model, Picture(pixels=pixels), min_score=0.0).pictures[0]
        assert found.size == size
        assert (found.boxes <= size * 2).all()
        assert len(found.boxes) <= 100


def test_pictures_of_several_shapes_share_a_request(faces, photo):
    names = ["faces/astronaut.png", "coco/000000547503.jpg", "faces/three_people.jpg"]
    together = ask(faces, *map(photo, names), task="embed").pictures
    for name, one in zip(names, together, strict=True):
        (alone,) = ask(faces, photo(name), task="embed").pictures
        assert np.allclose(one.boxes, alone.boxes, atol=1e-2)
        assert np.allclose(one.embeddings, alone.embeddings, atol=1e-4)


def test_drawn_faces_are_found(faces, rfb):
    for seed in range(5):
        (found,) = ask(faces, *faces.example(seed).pictures).pictures
        assert len(found.boxes) == 1
        assert len(ask(rfb, *rfb.example(seed).pictures).pictures[0].boxes) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "scrfd"},
        {"kind": "rfb"},
    ],
)
def test_weights_of_another_kind_are_refused(repository, change):
    config = repository.find("faces")
    options = config.options
    detector = options.detector.model_copy(update=change)
    with pytest.raises(FailedPrecondition) as caught:
        Model(
            config.model_copy(
                update={"options": options.model_copy(update={"detector": detector})}
            ),
            Device(),
        ).load()
    assert caught.value.reason == "WEIGHTS"


@pytest.mark.parametrize(
    ("name", "size", "resize"),
    [("faces-rfb-320", (640, 480), "stretch"), ("faces-rfb-320", (320, 240), "fit")],
)
def test_an_input_the_weights_do_not_take_is_refused(repository, name, size, resize):
    config = repository.find(name)
    taken = config.options.detector.input.model_copy(update={"size": size, "resize": resize})
    detector = config.options.detector.model_copy(update={"input": taken})
    options = config.options.model_copy(update={"detector": detector})
    with pytest.raises(FailedPrecondition, match=r"input\.size"):
        Model(config.model_copy(update={"options": options}), Device()).load()
