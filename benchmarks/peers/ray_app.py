"""Our replica's face as an ordinary Ray Serve deployment, for Ray's default proxy.

Serve's proxy pickles each message on its way to the replica. Generated classes name
a module that is not where ours are (`inference.grpc_service_pb2`), so every Ray
process that handles one imports this module, which shows pickle the way.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from ray import serve

from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.inference import grpc_service_pb2_grpc as pb_grpc
from serving.replica.load import load_model
from serving.replica.replica import Replica
from serving.repository.scan import Repository

sys.modules.setdefault("inference", sys.modules["seom.pb.inference"])
sys.modules.setdefault("inference.grpc_service_pb2", pb)

add_servicer = pb_grpc.add_GRPCInferenceServiceServicer_to_server


@serve.deployment(max_ongoing_requests=1000, ray_actor_options={"num_cpus": 1})
class Face(Replica):
    def __init__(self, repository: str, model: str) -> None:
        # Serve ships this class by value: its module is not imported by that.
        importlib.import_module("benchmarks.peers.ray_app")
        config = Repository(Path(repository), "cpu").find(model)
        super().__init__(config, load_model(config))
