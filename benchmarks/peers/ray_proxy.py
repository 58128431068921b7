"""The replica's face behind Ray Serve's default gRPC proxy: what we want to beat.

Ray as its documentation sets it up: one Python proxy, one replica, no direct
ingress, no HAProxy. Servicer and model are those of the other targets.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import socket
import tempfile
import time

from benchmarks.peers.announce import announce, stopped


def main() -> None:
    parser = argparse.ArgumentParser(description="a model behind Ray Serve's default gRPC proxy")
    parser.add_argument("--repo", required=True)
    parser.add_argument("--model", required=True)
    arguments = parser.parse_args()
    # Anything that changes Serve's path would make this another peer, and both must
    # be set before ray is imported.
    for name in [name for name in os.environ if name.startswith("RAY_SERVE_")]:
        del os.environ[name]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A folder of its own, so that no other Ray of this machine is touched.
    folder = tempfile.mkdtemp(prefix="seom-ray-")
    try:
        _serve(folder, arguments.repo, arguments.model)
    finally:
        _remove(folder)


def _serve(folder: str, repository: str, model: str) -> None:
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions, gRPCOptions

    from benchmarks.peers.ray_app import Face

    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=256 * 2**20,
        _node_ip_address="127.0.0.1",
        _temp_dir=folder,
    )
    try:
        port = _free_port()
        serve.start(
            proxy_location="HeadOnly",
            http_options=HTTPOptions(host="127.0.0.1", port=_free_port()),
            grpc_options=gRPCOptions(
                port=port, grpc_servicer_functions=["benchmarks.peers.ray_app.add_servicer"]
            ),
        )
        bound = Face.bind(repository, model)  # type: ignore[attr-defined]  # a deployment
        serve.run(bound, name=model, route_prefix=f"/{model}")
        announce(port)
        asyncio.run(stopped())
    finally:
        ray.shutdown()  # ends this Ray's processes; Serve's own shutdown only adds its wait


def _free_port() -> int:
    """A port nobody has now; Serve takes no 0 for its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _remove(folder: str) -> None:
    """Ray's last processes still write for a moment after it has ended."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.25)


if __name__ == "__main__":
    main()
