"""A gRPC server that does nothing: every method answers with the request's bytes.

It is what the generator itself is measured against. `--delay-ms` makes every answer
late by a known time, which is what the generator's clock is checked against.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator

import grpc

from benchmarks.load.loop import punctual
from benchmarks.peers.announce import announce, stopped

_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


class _Anything(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, delay_s: float) -> None:
        self._delay = delay_s
        self._unary = grpc.unary_unary_rpc_method_handler(self._answer)
        self._stream = grpc.stream_stream_rpc_method_handler(self._answers)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._stream if "Stream" in details.method else self._unary

    async def _answer(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if self._delay:
            await asyncio.sleep(self._delay)
        return request

    async def _answers(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[bytes]:
        async for request in requests:
            yield await self._answer(request, context)


async def serve(delay_s: float) -> None:
    server = grpc.aio.server(options=_UNLIMITED)
    server.add_generic_rpc_handlers((_Anything(delay_s),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    announce(port)
    await stopped()
    await server.stop(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    with asyncio.Runner(loop_factory=punctual) as runner:
        runner.run(serve(parser.parse_args().delay_ms / 1e3))


if __name__ == "__main__":
    main()
