"""A Ray cluster of our own on this machine, with Serve in direct-ingress mode."""

from __future__ import annotations

import math
import os
import random
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
    # Ray makes its workers step back behind every other process (nice 15).
    "RAY_worker_niceness": "0",
    # A tensor of 600 KB is copied half a dozen times on its way through gRPC. By
    # default glibc maps and unmaps memory for each copy, about 120 page faults a call;
    # memory that is kept makes it 5, and such calls a third faster.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(64 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


# Serve writes a line for every call unless told otherwise, a sixth of a small call's time.
LOGGING = {"log_level": "WARNING", "enable_access_log": False}

# Below the range from which the kernel takes ports for outgoing connections.
_FIRST_PORT, _LAST_PORT, _BLOCK = 16_000, 32_000, 400

# CPUs are mere bookkeeping to Ray. A redeployment runs old and new replicas side by
# side, so it needs each model's share twice; this is room for models loaded later.
_SPARE_CPUS = 64


def start(folder: Path, cpus: float, gpus: float, drain_s: float) -> None:
    """Starts Ray as children of this process, and Serve without applications.

    cpus, gpus: what the models ask for together; a machine with fewer cores shares
    them, which is slow but works.
    """
    os.environ.update(_ENVIRONMENT)
    os.environ["RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"] = str(drain_s)
    os.environ.update(_port_range())
    import ray
    from ray import serve

    ray.init(
        num_cpus=max(os.cpu_count() or 1, math.ceil(2 * cpus)) + _SPARE_CPUS,
        num_gpus=math.ceil(gpus),
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
        logging_config=LOGGING,
    )


def target_groups() -> list[Any]:
    """Serve's own list of addresses per application (ray.serve.schema.TargetGroup)."""
    import ray
    from ray.serve.context import _get_global_client

    groups: list[Any] = ray.get(_get_global_client()._controller.get_target_groups.remote())
    return groups


def patience(application: str) -> float | None:
    """`graceful_shutdown_timeout_s` of the replicas that Serve would start now.

    A deployment handed to Serve is taken over in its next round, and that may be seconds later.
    """
    import ray
    from ray.serve.context import _get_global_client

    details = ray.get(_get_global_client()._controller.get_serve_instance_details.remote())
    deployments = details["applications"].get(application, {}).get("deployments", {})
    for deployment in deployments.values():
        return float(deployment["deployment_config"]["graceful_shutdown_timeout_s"])
    return None


def leaving() -> set[str]:
    """The applications that are being deleted and may still have replicas that drain."""
    from ray import serve

    applications = serve.status().applications
    return {name for name, app in applications.items() if app.status.value == "DELETING"}


def stop() -> None:
    import ray

    ray.shutdown()


def _port_range() -> dict[str, str]:
    """Ports for the replicas that no other cluster on this machine uses.

    Ray counts up from the same port in every cluster and its servers set SO_REUSEPORT,
    so two clusters would share ports, and the kernel would mix up their calls.
    """
    blocks = list(range(_FIRST_PORT, _LAST_PORT, _BLOCK))
    random.shuffle(blocks)
    half = _BLOCK // 2
    for first in blocks:
        if all(_is_free(port) for port in range(first, first + _BLOCK)):
            prefix = "RAY_SERVE_DIRECT_INGRESS"
            return {
                f"{prefix}_MIN_GRPC_PORT": str(first),
                f"{prefix}_MAX_GRPC_PORT": str(first + half - 1),
                f"{prefix}_MIN_HTTP_PORT": str(first + half),
                f"{prefix}_MAX_HTTP_PORT": str(first + _BLOCK - 1),
            }
    raise RuntimeError(f"no {_BLOCK} free ports in a row between {_FIRST_PORT} and {_LAST_PORT}")


def _is_free(port: int) -> bool:
    try:
        probe = socket.socket(socket.AF_INET6)
    except OSError:  # a kernel without IPv6
        return _binds(socket.socket(), "0.0.0.0", port)
    return _binds(probe, "::", port)


def _binds(probe: socket.socket, host: str, port: int) -> bool:
    with probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
