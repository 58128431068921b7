from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from benchmarks.load.workload import Window
from benchmarks.peers import loop
from benchmarks.scenarios import pictures, vision
from benchmarks.scenarios.scenario import TargetError
from seom.pb.v1 import detection_pb2, face_pb2


def test_made_pictures_are_photographs_to_a_decoder() -> None:
    from PIL import Image

    made = pictures.synthetic(2)
    assert made == pictures.synthetic(2) != pictures.synthetic(2, seed=9)
    for picture in made:
        with Image.open(io.BytesIO(picture)) as image:
            assert (image.format, image.size) == ("JPEG", (640, 480))
        assert 40_000 < len(picture) < 250_000


def test_pictures_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"b")
    (tmp_path / "a.jpeg").write_bytes(b"a")
    (tmp_path / "c.png").write_bytes(b"c")
    assert pictures.from_folder(tmp_path) == [b"a", b"b"]


def test_both_targets_get_the_same_requests(tmp_path: Path) -> None:
    built = vision.build(tmp_path, [b"one", b"two"], models=["m", "faces-m"])
    requests = {"m": detection_pb2.DetectRequest, "faces-m": face_pb2.DetectFacesRequest}
    for workload in built.workloads:
        model = workload.name.rpartition("-")[0]
        parsed = [requests[model].FromString(m) for m in workload.call.messages]
        assert [p.image.encoded for p in parsed] == [b"one", b"two"]
        assert {p.model_name for p in parsed} == {model}
    assert [target.name for target in built.targets] == ["edge", "loop"]
    assert [(c.workload, c.sense, c.limit, c.of) for c in built.claims[:3]] == [
        ("m-c8", "at least", 0.85, "ratio"),
        ("m-c1", "at most", 2.0, "difference"),
        ("m-c1", "at most", 0.05, "postprocess:device"),
    ]


def test_an_answer_without_a_picture_is_refused(tmp_path: Path) -> None:
    built = vision.build(tmp_path, [b"one"])
    good = detection_pb2.DetectResponse(image_width=2, image_height=1)
    built.check(built.workloads[0], [good.SerializeToString()])
    with pytest.raises(TargetError, match="no picture size"):
        built.check(built.workloads[0], [b""])


def test_a_loop_measures_itself() -> None:
    seen: list[bytes] = []

    def slow(message: bytes) -> dict[str, int]:
        seen.append(message)
        time.sleep(0.01)
        return {"device_ns": 7}

    measured = loop.measure(slow, (b"a", b"b"), Window(0.1, 0.4))
    assert seen[:4] == [b"a", b"b", b"a", b"b"]
    assert measured.throughput <= 100
    assert len(measured.records) == len(seen) > len(measured.counted) > 10
    assert (measured.records.service_ns >= 10_000_000).all()
    assert measured.records.stages == ({"device_ns": 7},) * len(seen)


def test_a_loop_without_its_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="ended"):
        with loop.PicturesLoop(tmp_path, ["nothing"]):
            pass
