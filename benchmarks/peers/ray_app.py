"""The echo servicer as a Ray Serve deployment.

Serve's proxy pickles each message on its way to the replica. Generated classes name
a module that is not where ours are (`inference.grpc_service_pb2`), so every Ray
process that handles one imports this module, which shows pickle the way.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator

from ray import serve

from benchmarks.peers.echo import echo
from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.inference import grpc_service_pb2_grpc as pb_grpc

sys.modules.setdefault("inference", sys.modules["seom.pb.inference"])
sys.modules.setdefault("inference.grpc_service_pb2", pb)

add_servicer = pb_grpc.add_GRPCInferenceServiceServicer_to_server


@serve.deployment(max_ongoing_requests=1000, ray_actor_options={"num_cpus": 1})
class Echo:
    def __init__(self) -> None:
        # Serve ships this class by value: its module is not imported by that.
        importlib.import_module("benchmarks.peers.ray_app")

    async def ModelInfer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        return echo(request)

    async def ModelStreamInfer(
        self, requests: AsyncIterator[pb.ModelInferRequest]
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        async for request in requests:
            yield pb.ModelStreamInferResponse(infer_response=echo(request))
