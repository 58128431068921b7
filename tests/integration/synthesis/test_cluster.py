"""Pictures through the whole of a cluster: by every way a call can take to its model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton

from seom.pb.v1 import synthesis_pb2 as pb
from seom.pb.v1.synthesis_pb2_grpc import SynthesisServiceStub
from tests.conftest import RunningCluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RAW = pb.Encoding(format=pb.PICTURE_FORMAT_RAW)
# As the edge knows the model, and as it does not: another's replica passes the call on to
# control, and control to the model.
WAYS = [[], [("application", "identity")], [("application", "nobody")]]


@pytest.fixture(scope="module")
def stub(cluster: RunningCluster) -> Iterator[Any]:
    with grpc.insecure_channel(cluster.address) as channel:
        yield SynthesisServiceStub(channel)  # type: ignore[no-untyped-call]


def synthesize(*seeds: int, model: str = "stylegan2") -> pb.SynthesizeRequest:
    origins = [pb.Origin(seed=seed) for seed in seeds]
    return pb.SynthesizeRequest(model_name=model, origins=origins, encoding=RAW)


def animate(seconds: float, **fields: Any) -> pb.AnimateRequest:
    keyframes = [pb.Keyframe(time_s=0), pb.Keyframe(time_s=seconds, attributes={"age": 1})]
    origin = pb.Origin(seed=7)
    return pb.AnimateRequest(model_name="stylegan2", origin=origin, keyframes=keyframes, **fields)


def test_the_default_model_answers_and_the_named_one(stub: Any) -> None:
    for model in ("", "stylegan2", "stylegan2@1"):
        found = list(stub.Synthesize(synthesize(3, 4, model=model), timeout=60))
        assert [message.index for message in found] == [0, 1]
        assert (found[0].model_name, found[0].model_version) == ("stylegan2", "1")
        assert found[0].timing.replica


@pytest.mark.parametrize("metadata", WAYS)
def test_every_way_leads_there(stub: Any, metadata: Any) -> None:
    (expected,) = stub.Synthesize(synthesize(3), timeout=60)
    (found,) = stub.Synthesize(synthesize(3), timeout=60, metadata=metadata)
    assert found.image == expected.image
    request = animate(0.4, pace=pb.PACE_EVERY_FRAME)
    frames = list(stub.Animate(request, timeout=60, metadata=metadata))
    assert [message.frame for message in frames] == list(range(11))


@pytest.mark.parametrize("metadata", WAYS)
def test_refusals_take_the_same_ways(stub: Any, metadata: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        list(stub.Synthesize(synthesize(-1), timeout=60, metadata=metadata))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "origins[0].seed" in raised.value.details()


@pytest.mark.parametrize(
    ("model", "code"),
    [("nobody", grpc.StatusCode.NOT_FOUND), ("identity", grpc.StatusCode.INVALID_ARGUMENT)],
)
def test_other_models(stub: Any, model: str, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        list(stub.Synthesize(synthesize(1, model=model), timeout=60))
    assert raised.value.code() is code


@pytest.mark.parametrize("metadata", WAYS)
def test_an_animation_can_be_left(cluster: RunningCluster, stub: Any, metadata: Any) -> None:
    stream = stub.Animate(animate(60), timeout=100, metadata=metadata)
    frames = [next(stream).frame for _ in range(3)]
    assert frames[0] == 0
    stream.cancel()
    # Nobody else asks: the model comes to rest, where it would have drawn on for a minute.
    end = time.monotonic() + 10
    while (before := executions(cluster)) != (time.sleep(0.5) or executions(cluster)):
        assert time.monotonic() < end, before


def executions(cluster: RunningCluster) -> int:
    """Batches the model has computed so far."""
    with triton.InferenceServerClient(cluster.address) as client:
        (found,) = client.get_inference_statistics("stylegan2").model_stats
    return int(found.execution_count)


def test_tritons_client(cluster: RunningCluster, stub: Any) -> None:
    seed = triton.InferInput("seed", [1], "INT64")
    seed.set_data_from_numpy(np.array([3], np.int64))
    with triton.InferenceServerClient(cluster.address) as client:
        assert client.is_model_ready("stylegan2")
        image = client.infer("stylegan2", [seed]).as_numpy("image")
        told = client.get_model_config("stylegan2").config.parameters
    assert told["resolution"].string_value == "64"
    assert json.loads(told["attributes"].string_value)["age"]["bounds"] == [-2, 2.5]
    (expected,) = stub.Synthesize(synthesize(3), timeout=60)
    assert image.tobytes() == expected.image.pixels.data
