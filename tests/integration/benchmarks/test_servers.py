from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.scenarios import identity, servers
from benchmarks.scenarios.path import WORKLOADS
from benchmarks.scenarios.scenario import TargetError
from seom.pb.inference import grpc_service_pb2 as pb


def test_a_peer_that_fails_says_why() -> None:
    with pytest.raises(TargetError, match=r"ended before it was ready:\n.*no_such"):
        with servers.module("benchmarks.peers.no_such"):
            pass


def test_a_peer_that_is_slow_is_given_up_and_ended() -> None:
    with pytest.raises(TargetError, match="not ready within"):
        with servers.module("http.server", "0", start_s=0.5):
            pass


def test_the_echo_models_repository(tmp_path: Path) -> None:
    import onnxruntime

    home = identity.write_repository(tmp_path) / "cpu" / "identity"
    assert "family: tensor" in (home / "model.yaml").read_text()
    session = onnxruntime.InferenceSession(home / "1" / "model.onnx")
    request = pb.ModelInferRequest.FromString(identity.request(64))
    (given,) = request.raw_input_contents
    import numpy as np

    tensor = np.frombuffer(given, np.float32).reshape(request.inputs[0].shape)
    (found,) = session.run(None, {"INPUT0": tensor})
    assert found.tobytes() == given


def test_a_wrong_echo_is_refused() -> None:
    small = WORKLOADS[0]
    right = pb.ModelInferRequest.FromString(small.call.messages[0]).raw_input_contents[0]
    good = pb.ModelInferResponse(raw_output_contents=[right]).SerializeToString()
    bad = pb.ModelInferResponse(raw_output_contents=[right[:-1] + b"!"]).SerializeToString()
    identity.check(small, [good])
    with pytest.raises(TargetError, match="not the tensor"):
        identity.check(small, [bad])


def test_a_stream_that_is_short_is_refused() -> None:
    (stream,) = [workload for workload in WORKLOADS if workload.call.streaming]
    with pytest.raises(TargetError, match="0 answers to 32"):
        identity.check(stream, [])
