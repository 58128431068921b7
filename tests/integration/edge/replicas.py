"""Bare gRPC servers that answer any method with what they received.

What a test wants of a call it says in metadata:
    sleep-s     seconds before the answer
    flood       answer with that many messages of 1 MiB
    fail        end with that status's number, a sentence and details
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import grpc

from serving.edge import Address

T = TypeVar("T")
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = (("grpc-status-details-bin", bytes(3000)),)
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]


class Replica(grpc.GenericRpcHandler):
    """One server; `seen` counts its calls, `cancelled` those that did not end by themselves."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = 0
        self.cancelled = 0
        self.address = Address("127.0.0.1", 0)
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int = 0) -> Replica:
        self._server = grpc.aio.server(options=_UNLIMITED)
        self._server.add_generic_rpc_handlers((self,))
        port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        self.address = Address("127.0.0.1", port)
        return self

    async def stop(self, grace_s: float | None = None) -> None:
        assert self._server is not None
        await self._server.stop(grace_s)

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        metadata = {key: value for key, value in call.invocation_metadata if type(value) is str}

        async def answer(
            messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext
        ) -> AsyncIterator[bytes]:
            self.seen += 1
            try:
                async for message in messages:
                    await asyncio.sleep(float(metadata.get("sleep-s", 0)))
                    if code := metadata.get("fail"):
                        await context.abort(_CODES[int(code)], "the replica's own words", _DETAILS)
                    for _ in range(int(metadata.get("flood", 0))):
                        yield bytes(2**20)
                    yield json.dumps(
                        {
                            "replica": self.name,
                            "path": call.method,
                            "metadata": metadata,
                            "size": len(message),
                        }
                    ).encode()
            except BaseException:
                self.cancelled += 1
                raise

        return grpc.stream_stream_rpc_method_handler(answer)


class Host:
    """Runs replicas on a thread of its own, so that fixtures can outlive a test's loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def start(self, name: str, port: int = 0) -> Replica:
        return self.run(Replica(name).start(port))

    def stop(self, replica: Replica, grace_s: float | None = None) -> None:
        self.run(replica.stop(grace_s))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


async def _main(name: str) -> None:
    """A replica in a process of its own, for tests that kill one: prints its port."""
    replica = await Replica(name).start()
    print(replica.address.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
