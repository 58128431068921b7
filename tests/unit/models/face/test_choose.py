"""What a request may ask for and which faces it gets, on a detector whose faces are known."""

from __future__ import annotations

import numpy as np
import pytest

from serving.errors import FailedPrecondition, Internal, InvalidArgument
from serving.images.picture import Picture
from serving.models.face.types import Query
from serving.timing import Stage, Timeline
from tests.unit.models.face.small import Planted, landmarks_of, small_faces

# On a picture of 640×640, ten times the input.
LARGE = Planted(20.5, 36, 20, score=0.8)
BEST = Planted(48, 44, 12, score=0.95)
SMALL = Planted(44, 12, 6, score=0.7)
PICTURE = np.random.default_rng(0).integers(0, 256, (640, 640, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return small_faces([LARGE, BEST, SMALL])


def photo(field="image", pixels=PICTURE):
    return Picture(pixels=pixels, field=field)


def run(model, *items):
    """The items as one batch: a result or the refusal for each."""
    prepared = [model.prepare(item, Timeline()) for item in items]
    outputs = model.run(prepared, Timeline())
    results = []
    for one, output in zip(prepared, outputs, strict=True):
        try:
            results.append(model.finish(one, output, Timeline()))
        except InvalidArgument as error:
            results.append(error)
    return results


def ask(model, pictures=1, **wish):
    (result,) = run(model, Query(tuple(photo(f"images[{i}]") for i in range(pictures)), **wish))
    if isinstance(result, InvalidArgument):
        raise result
    return result


def test_faces_come_best_first_in_pixels_of_the_original(model):
    (found,) = ask(model, sharpness=True).pictures
    assert found.size == (640, 640)
    assert np.allclose(found.scores, [0.95, 0.8, 0.7])
    assert np.allclose(found.boxes[1], [105, 240, 305, 480], atol=0.01)
    expected = [landmarks_of(face) * 10 for face in (BEST, LARGE, SMALL)]
    assert np.allclose(found.landmarks, expected, atol=0.01)
    assert found.sharpness.shape == (3,)
    assert (found.sharpness > 0).all()
    assert found.angles.shape == (3, 3)
    assert found.embeddings is None


def test_an_embedding_is_of_the_pixels_where_the_face_is(model):
    pixels = np.zeros((640, 640, 3), np.uint8)
    pixels[240:480, 105:305] = (10, 20, 200)
    (result,) = run(model, Query((photo(pixels=pixels),), "embed", choice="largest"))
    (vector,) = result.pictures[0].embeddings
    assert vector.shape == (12,)
    assert np.isclose(np.linalg.norm(vector), 1)
    red, green, blue = vector.reshape(3, 4)
    assert np.allclose(green, 2 * red, rtol=1e-3)
    assert np.allclose(blue, 20 * red, rtol=1e-3)


def test_the_mirror_image_counts_half(model):
    plain = ask(model, task="embed", mirror=False).pictures[0].embeddings
    both = ask(model, task="embed", mirror=True).pictures[0].embeddings
    quarters = plain.reshape(3, 3, 2, 2)  # face, channel, row, column
    mean = (quarters + quarters[..., ::-1]).reshape(3, 12)
    assert np.allclose(both, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)
    assert not np.allclose(both, plain, atol=1e-4)


def test_a_choice_of_faces(model):
    assert len(ask(model, task="embed").pictures[0].embeddings) == 3
    (largest,) = ask(model, task="embed", choice="largest").pictures
    assert np.allclose(largest.scores, [0.8])
    assert len(largest.embeddings) == len(largest.landmarks) == len(largest.sharpness) == 1
    (only,) = ask(model, task="embed", choice="only", min_score=0.9).pictures
    assert np.allclose(only.scores, [0.95])
    (only,) = ask(model, choice="only", min_size=150).pictures
    assert np.allclose(only.scores, [0.8])


def test_small_faces_are_left_out_and_results_bounded(model):
    assert np.allclose(ask(model, min_size=60.1).pictures[0].scores, [0.95, 0.8])
    assert np.allclose(ask(model, min_size=59.9).pictures[0].scores, [0.95, 0.8, 0.7])
    assert np.allclose(ask(model, max_results=1).pictures[0].scores, [0.95])
    assert np.allclose(ask(model, max_results=1, min_size=150).pictures[0].scores, [0.8])
    assert ask(model, min_size=1000).pictures[0].boxes.shape == (0, 4)
    nothing = ask(model, task="embed", min_score=0.99).pictures[0]
    assert nothing.embeddings.shape == (0, 12)
    assert nothing.landmarks.shape == (0, 5, 2)


@pytest.mark.parametrize("choice", ["largest", "only"])
@pytest.mark.parametrize("task", ["detect", "embed"])
def test_where_a_face_is_needed_none_is_an_error(model, task, choice):
    with pytest.raises(InvalidArgument) as caught:
        ask(model, task=task, choice=choice, min_score=0.99)
    assert caught.value.reason == "NO_FACE"
    assert caught.value.fields[0][0] == "images[0]"
    with pytest.raises(InvalidArgument, match=r"200 pixels.* 201 are needed") as caught:
        ask(model, task=task, choice=choice, min_size=201)
    assert caught.value.reason == "FACE_TOO_SMALL"


def test_only_means_only(model):
    with pytest.raises(InvalidArgument, match="2 faces") as caught:
        ask(model, choice="only", min_size=100)
    assert caught.value.reason == "SEVERAL_FACES"
    with pytest.raises(InvalidArgument, match="3 faces"):
        ask(model, choice="only", max_results=1)


def test_two_faces_are_compared(model):
    same = ask(model, pictures=2, task="verify", choice="largest")
    assert same.similarity == pytest.approx(1)
    assert same.threshold == 0.4
    assert same.same_person
    assert [len(faces.boxes) for faces in same.pictures] == [1, 1]
    left, right = (np.zeros((640, 640, 3), np.uint8) for _ in range(2))
    left[..., 0], right[..., 2] = 200, 200
    pictures = (photo("first", left), photo("second", right))
    (other,) = run(model, Query(pictures, "verify", choice="largest", threshold=0.1))
    assert other.similarity == pytest.approx(0, abs=1e-6)
    assert other.threshold == 0.1
    assert not other.same_person


def test_one_refusal_leaves_its_batch_alone(model):
    fine = Query((photo(), photo()), "embed")
    alone = run(model, fine)[0]
    mixed = run(
        model,
        Query((photo("a"),), "embed", choice="only"),
        fine,
        Query((photo("b"),), "detect"),
        Query((photo("c"), photo("d")), "verify", choice="largest", mirror=True),
        Query((photo("e"),), "embed", choice="largest", min_score=0.99),
    )
    assert [type(result).__name__ for result in mixed] == [
        "InvalidArgument", "Found", "Found", "Found", "InvalidArgument",
    ]  # fmt: skip
    assert mixed[0].fields[0][0] == "a"
    assert mixed[4].fields[0][0] == "e"
    for one, other in zip(mixed[1].pictures, alone.pictures, strict=True):
        assert np.array_equal(one.embeddings, other.embeddings)
        assert np.array_equal(one.sharpness, other.sharpness)
    assert mixed[2].pictures[0].embeddings is None
    assert mixed[3].similarity == pytest.approx(1)


def test_detection_and_embedding_measure_the_same_sharpness(model):
    one, other = ask(model, sharpness=True).pictures[0], ask(model, task="embed").pictures[0]
    assert np.allclose(one.sharpness, other.sharpness)
    assert ask(model).pictures[0].sharpness is None


def test_more_pictures_than_rows_are_one_full_batch(model):
    prepared = model.prepare(Query((photo(),) * 6), Timeline())
    assert model.rows(prepared) == 4
    assert model.rows(model.prepare(Query((photo(),) * 2), Timeline())) == 2
    (output,) = model.run([prepared], Timeline())
    assert len(model.finish(prepared, output, Timeline()).pictures) == 6


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"min_score": 1.5}, "min_score"),
        ({"min_score": float("nan")}, "min_score"),
        ({"max_overlap": -0.1}, "max_overlap"),
        ({"min_size": -1}, "min_size"),
        ({"min_size": float("inf")}, "min_size"),
        ({"threshold": 1.1}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"max_results": -1}, "max_results"),
        ({"choice": "best"}, "choice"),
        ({"task": "verify", "choice": "only"}, "images"),
        ({"task": "verify", "pictures": 3, "choice": "only"}, "images"),
        ({"task": "verify", "pictures": 2}, "choice"),
        ({"pictures": 17}, "images"),
        ({"pictures": 0}, "images"),
    ],
)
def test_impossible_wishes_are_refused_before_decoding(model, wish, field):
    pictures = (Picture(encoded=b"no picture"),) * wish.get("pictures", 1)
    rest = {name: value for name, value in wish.items() if name != "pictures"}
    with pytest.raises(InvalidArgument) as caught:
        model.prepare(Query(pictures, **rest), Timeline())
    assert caught.value.fields[0][0] == field


def test_each_picture_and_all_together_are_limited(model):
    with pytest.raises(InvalidArgument) as caught:
        model.prepare(Query((photo(), Picture(encoded=b"\xff\xd8\xff" + bytes(2**22)))), Timeline())
    assert caught.value.reason == "IMAGE_TOO_LARGE"
    thrifty = small_faces([LARGE], more="max_pixels: 1M")
    thrifty.prepare(Query((photo(), photo())), Timeline())
    with pytest.raises(InvalidArgument, match="1000000 pixels together") as caught:
        thrifty.prepare(Query((photo("x"), photo("y"), photo("z"))), Timeline())
    assert caught.value.reason == "IMAGE_TOO_MANY_PIXELS"
    assert caught.value.fields[0][0] == "z"


def test_a_request_embeds_so_many_faces_and_no_more():
    model = small_faces([LARGE, BEST, SMALL], more="embedder: {max_faces: 16}")
    assert len(ask(model, pictures=5, task="embed").pictures) == 5
    with pytest.raises(InvalidArgument, match="18 faces") as caught:
        ask(model, pictures=6, task="embed")
    assert caught.value.reason == "TOO_MANY_FACES"
    ask(model, pictures=6, task="embed", max_results=2)
    ask(model, pictures=6)


def test_blurred_faces_can_be_refused():
    model = small_faces([LARGE], more="embedder: {min_sharpness: 50}")
    sharp = ask(model, task="embed", choice="only").pictures[0].sharpness[0]
    assert sharp > 50
    even = photo("image", np.full((640, 640, 3), 99, np.uint8))
    (refused,) = run(model, Query((even,), "embed", choice="largest"))
    assert refused.reason == "FACE_BLURRED"
    (kept,) = run(model, Query((even,), "embed"))
    assert kept.pictures[0].sharpness[0] < 50


def test_embedding_may_ask_for_larger_faces_than_detection():
    model = small_faces([LARGE, SMALL], more="embedder: {min_size: 100}\nmin_size: 10")
    assert len(ask(model).pictures[0].boxes) == 2
    assert len(ask(model, task="embed").pictures[0].boxes) == 1
    assert len(ask(model, task="embed", min_size=0).pictures[0].boxes) == 2


@pytest.mark.parametrize("task", ["embed", "verify"])
def test_a_model_without_an_embedder_says_so(task):
    model = small_faces([LARGE], embedder=False)
    with pytest.raises(FailedPrecondition, match="only finds faces") as caught:
        model.prepare(Query((photo(), photo()), task, choice="largest"), Timeline())
    assert caught.value.reason == "NO_EMBEDDER"
    assert ask(model, sharpness=True).pictures[0].sharpness.size == 1
    assert {spec.name for spec in model.signature.outputs} == {"boxes", "scores", "landmarks"}
    assert "embed" not in {spec.name for spec in model.signature.inputs}


def test_wild_landmarks_and_broken_embeddings_do_no_harm():
    model = small_faces([BEST, Planted(20, 36, 20, landmarks=float("nan"))])
    assert len(ask(model, task="embed").pictures[0].boxes) == 1
    far = small_faces([Planted(20, 36, 20, landmarks=9e3)])
    assert np.isfinite(ask(far, sharpness=True).pictures[0].sharpness).all()
    broken = small_faces([BEST], broken=True)
    prepared = [broken.prepare(Query((photo(),), t), Timeline()) for t in ("embed", "detect")]
    outputs = broken.run(prepared, Timeline())
    with pytest.raises(Internal):
        broken.finish(prepared[0], outputs[0], Timeline())
    assert len(broken.finish(prepared[1], outputs[1], Timeline()).pictures[0].boxes) == 1


def test_a_black_picture_has_no_direction(model):
    """A face without any light embeds to nothing, which has no length to divide by."""
    prepared = model.prepare(
        Query((photo(pixels=np.zeros((640, 640, 3), np.uint8)),), "embed"), Timeline()
    )
    (output,) = model.run([prepared], Timeline())
    with pytest.raises(Internal):
        model.finish(prepared, output, Timeline())


def test_every_stage_is_timed(model):
    timeline = Timeline()
    prepared = model.prepare(Query((photo(),), "embed"), timeline)
    (output,) = model.run([prepared], timeline)
    model.finish(prepared, output, timeline)
    for stage in (Stage.DECODE, Stage.PREPROCESS, Stage.DEVICE, Stage.POSTPROCESS):
        assert (timeline.spent[stage] or 0) > 0


def test_requests_come_as_tensors_too(model):
    def one(value, dtype=np.float32):
        return np.array([value], dtype=dtype)

    image = one(b"jpeg", object)
    assert model.parse({"image": image}, {}) == Query((Picture(encoded=b"jpeg"),))
    query = model.parse(
        {
            "image": image,
            "min_score": one(0.5),
            "max_overlap": one(0.25),
            "min_size": one(20),
            "max_results": one(7, np.int32),
            "embed": one(True, bool),
        },
        {},
    )
    assert query == Query((Picture(encoded=b"jpeg"),), "embed", 0.5, 0.25, 20, 7)
    tensors = model.tensors(ask(model))
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        "boxes": (3, 4),
        "scores": (3,),
        "landmarks": (3, 5, 2),
        "embeddings": (0, 12),
    }
    assert model.tensors(ask(model, task="embed"))["embeddings"].shape == (3, 12)


@pytest.mark.parametrize(
    "more",
    ["embedder: {size: 96}", "detector_is_unknown: 1"],
)
def test_a_model_yaml_that_does_not_fit_the_weights_is_refused(more):
    from serving.repository.config import ConfigError

    with pytest.raises((FailedPrecondition, ConfigError)):
        small_faces([LARGE], more=more)


def test_an_embedder_needs_its_weights_and_its_key():
    with pytest.raises(FailedPrecondition, match="go together"):
        small_faces([LARGE], embedder=False, more="embedder: {}")
