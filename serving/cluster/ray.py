"""A Ray cluster of our own on this machine, with Serve in direct-ingress mode."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

# Serve reads these at import; they must be set before it is.
_ENVIRONMENT = {
    "RAY_SERVE_ENABLE_DIRECT_INGRESS": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # Handles carry tensors too; 4 MB, the default, is a small picture.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**31 - 1),
    "RAY_SERVE_RUN_SYNC_IN_THREADPOOL": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def start(folder: Path, cpus: float, gpus: float, drain_s: float) -> None:
    """Starts Ray as children of this process, and Serve without applications.

    cpus, gpus: what the models ask for together; a machine with fewer cores shares
    them, which is slow but works.
    """
    os.environ.update(_ENVIRONMENT)
    os.environ["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] = str(drain_s)
    import ray
    from ray import serve

    ray.init(
        num_cpus=max(os.cpu_count() or 1, round(cpus + 0.5)),
        num_gpus=round(gpus + 0.49) if gpus else 0,
        include_dashboard=False,
        object_store_memory=200 * 2**20,
        log_to_driver=False,
        logging_level="error",
        _temp_dir=str(folder),
    )
    serve.start(
        http_options={"host": "127.0.0.1", "port": _free_port()},
        grpc_options={
            "port": _free_port(),
            "grpc_servicer_functions": ["serving.replica.registration.add_services"],
            "enable_reflection": False,
        },
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )


def target_groups() -> list[Any]:
    """Serve's own list of addresses per application (ray.serve.schema.TargetGroup)."""
    import ray
    from ray.serve.context import _get_global_client

    groups: list[Any] = ray.get(_get_global_client()._controller.get_target_groups.remote())
    return groups


def stop() -> None:
    import ray

    ray.shutdown()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
