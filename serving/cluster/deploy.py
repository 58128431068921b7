"""Models as Ray Serve applications: one application a model and version."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve

from serving.cluster import ray
from serving.replica.deployment import CONTROL, DEPLOYMENT, ModelDeployment
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
        health_check_timeout_s=30,
        # Make before break: the new replicas run before the old ones are asked to go.
        max_surge_percent=100,
        rolling_update_percentage=1.0,
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=_LONGEST_STREAM_S,
    )
    return deployment.bind(config, secret)


def deploy(configs: Sequence[ModelConfig], secret: str) -> None:
    """Deploys models, or deploys them anew; returns when every new replica takes calls.

    The replicas that were there before may still be ending their streams then.
    Raises RuntimeError when a model fails to start.
    """
    before = {config.application: _replicas(config.application) for config in configs}
    targets = [
        serve.RunTarget(
            target=application(config, secret),
            name=config.application,
            # Serve lists an application's replicas only if it has a route.
            route_prefix=f"/{config.application}",
        )
        for config in configs
    ]
    serve.run_many(targets, wait_for_applications_running=False)
    for config in configs:
        _wait_for_new_replicas(config, before[config.application])


def _wait_for_new_replicas(config: ModelConfig, before: set[str]) -> None:
    """Serve calls an application RUNNING only once the last old replica has gone."""
    while True:
        now = _replicas(config.application)
        if len(now) >= config.resources.replicas and not now & before:
            return
        status = serve.status().applications.get(config.application)
        if status is None or status.status.value in ("DEPLOY_FAILED", "UNHEALTHY"):
            raise RuntimeError(f"{config.application} did not start")
        time.sleep(_POLL_S)


def _replicas(application: str) -> set[str]:
    """The names of the replicas that take calls now."""
    return {
        target.name
        for group in ray.target_groups()
        if group.app_name == application
        for target in group.targets
        if "SERVE_REPLICA" in target.name
    }


def undeploy(name: str) -> None:
    """Takes an application out of service once its running calls have ended."""
    serve.delete(name)


def deploy_control(root: Path, profile: str, secret: str, *, reflects: bool, replicas: int) -> None:
    """Deploys control, which the edge needs before any model."""
    # Control deploys models itself, so it imports this module.
    from serving.control.control import Control

    deployment = serve.deployment(
        Control,
        name=DEPLOYMENT,
        num_replicas=replicas,
        max_ongoing_requests=4096,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=1,
        graceful_shutdown_wait_loop_s=0.2,
    )
    serve.run(
        deployment.bind(root, profile, secret, reflects), name=CONTROL, route_prefix=f"/{CONTROL}"
    )
