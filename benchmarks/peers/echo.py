"""An Open Inference servicer that gives its inputs back, on a bare `grpc.aio` server.

The least a server of the protocol can do in Python: parse, copy, serialise. No
batching, no admission, no model runtime.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc

from benchmarks.peers.announce import announce, stopped
from seom.pb.inference import grpc_service_pb2 as pb
from seom.pb.inference import grpc_service_pb2_grpc as pb_grpc

_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


def echo(request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    """Each input comes back as the output OUTPUT<i>, raw."""
    answer = pb.ModelInferResponse(
        model_name=request.model_name,
        model_version=request.model_version or "1",
        id=request.id,
        raw_output_contents=request.raw_input_contents,
    )
    for index, tensor in enumerate(request.inputs):
        answer.outputs.add(name=f"OUTPUT{index}", datatype=tensor.datatype, shape=tensor.shape)
    return answer


class Echo(pb_grpc.GRPCInferenceServiceServicer):
    async def ModelInfer(
        self, request: pb.ModelInferRequest, context: grpc.aio.ServicerContext
    ) -> pb.ModelInferResponse:
        return echo(request)

    async def ModelStreamInfer(
        self, requests: AsyncIterator[pb.ModelInferRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        async for request in requests:
            yield pb.ModelStreamInferResponse(infer_response=echo(request))


async def serve() -> None:
    server = grpc.aio.server(options=_UNLIMITED)
    pb_grpc.add_GRPCInferenceServiceServicer_to_server(Echo(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    announce(port)
    await stopped()
    await server.stop(None)


if __name__ == "__main__":
    asyncio.run(serve())
