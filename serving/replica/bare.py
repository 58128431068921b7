"""A replica on a bare grpc.aio server: no Ray, no edge, one model.

    python -m serving.replica.bare --repo model_repo --profile cpu --model yolox-nano

The floor the cluster is measured against, and what the tests of the replica's face
run on. It accepts anyone, so it listens on loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import grpc

from serving.replica.load import load_model
from serving.replica.registration import SERVER_OPTIONS, add_services
from serving.replica.replica import Replica
from serving.replica.servicer import Servicer
from serving.repository.scan import Repository


async def start(replica: Servicer, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """Serves on loopback; returns the server and its port."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    add_services(replica, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, port


async def _main(arguments: argparse.Namespace) -> None:
    config = Repository(arguments.repo, arguments.profile).find(arguments.model)
    replica = Replica(config, load_model(config))
    await replica.check()
    server, port = await start(replica, arguments.port)
    print(json.dumps({"port": port}), flush=True)
    try:
        await server.wait_for_termination()
    finally:
        await server.stop(None)
        await replica.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="one model on a bare gRPC server")
    parser.add_argument("--repo", type=Path, default=Path("model_repo"))
    parser.add_argument("--profile", default="cpu")
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    try:
        asyncio.run(_main(parser.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
