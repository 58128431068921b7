"""Models as Ray Serve applications: one application a model and version."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve

from serving.cluster import ray
from serving.cluster.ray import LOGGING
from serving.replica.deployment import ModelDeployment
from serving.replica.handles import CONTROL, DEPLOYMENT
from serving.repository.config import ModelConfig

# Serve's own limits stand behind ours: admission answers first, with a retry hint.
_BEYOND_ADMISSION = 4

# A replaced replica stays as long as its streams, and no longer than this.
_LONGEST_STREAM_S = 600
_POLL_S = 0.1


def application(config: ModelConfig, secret: str) -> Any:
    """The Serve application of one model."""
    resources = config.resources
    ours = config.limits.queue + config.batching.max_batch_size
    deployment = serve.deployment(
        ModelDeployment,
        name=DEPLOYMENT,
        num_replicas=resources.replicas,
        max_ongoing_requests=max(1024, ours * _BEYOND_ADMISSION),
        ray_actor_options={"num_cpus": resources.cpus, "num_gpus": resources.gpus},
        health_check_period_s=1,
        logging_config=LOGGING,
        health_check_timeout_s=30,
        # Make before break: the new replicas run before the old ones are asked to go.
        max_surge_percent=100,
        rolling_update_percentage=1.0,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=_LONGEST_STREAM_S,
    )
    return deployment.bind(config, secret)


async def deploy(
    configs: Sequence[ModelConfig], secret: str, *, beside: Sequence[Any] = ()
) -> None:
    """Deploys models, or deploys them anew; returns when every new replica takes calls.

    `beside` are other targets to deploy in the same go (control, at the start). The
    replicas that were there before may still be ending their streams on return.
    Cancelled while it waits, it leaves the deployment to go on by itself.
    Raises RuntimeError when a model fails to start.
    """
    targets = [*beside]
    for config in configs:
        # Serve lists an application's replicas only if it has a route.
        name = config.application
        made = application(config, secret)
        targets.append(serve.RunTarget(target=made, name=name, route_prefix=f"/{name}"))
    before = {target.name: await replicas(target.name) for target in targets}
    await asyncio.to_thread(serve.run_many, targets, wait_for_applications_running=False)
    wanted = {config.application: config.resources.replicas for config in configs}
    for name, old in before.items():
        await _wait_for_new_replicas(name, wanted.get(name, 1), old)


async def _wait_for_new_replicas(name: str, count: int, old: set[str]) -> None:
    """Serve calls an application RUNNING only once the last old replica has gone."""
    while True:
        now = await replicas(name)
        if len(now) >= count and not now & old:
            return
        status = (await asyncio.to_thread(serve.status)).applications.get(name)
        if status is None or status.status.value in ("DEPLOY_FAILED", "UNHEALTHY"):
            raise RuntimeError(f"{name} did not start")
        await asyncio.sleep(_POLL_S)


async def undeploy(name: str) -> None:
    """Takes an application out of service; its streams may still be ending on return."""
    await asyncio.to_thread(serve.delete, name, _blocking=False)
    while await replicas(name):
        await asyncio.sleep(_POLL_S)


async def replicas(application: str) -> set[str]:
    """The ids of the replicas that take calls now."""
    groups = await asyncio.to_thread(ray.target_groups)
    return {
        target.name.rpartition("#")[2]
        for group in groups
        if group.app_name == application
        for target in group.targets
        if "SERVE_REPLICA" in target.name
    }


def control(
    root: Path,
    profile: str,
    secret: str,
    *,
    required: Sequence[str],
    reflects: bool,
    replicas: int,
) -> Any:
    """The Serve application of control, as a RunTarget.

    required: the applications without which the server is not ready
    """
    # Control deploys models itself, so it imports this module.
    from serving.control.control import Control

    deployment = serve.deployment(
        Control,
        name=DEPLOYMENT,
        num_replicas=replicas,
        max_ongoing_requests=4096,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=1,
        logging_config=LOGGING,
        graceful_shutdown_wait_loop_s=0.2,
    )
    return serve.RunTarget(
        target=deployment.bind(root, profile, secret, tuple(required), reflects),
        name=CONTROL,
        route_prefix=f"/{CONTROL}",
    )
