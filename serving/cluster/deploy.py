"""Models as Ray Serve applications: one application a model and version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve

from serving.replica.deployment import CONTROL, DEPLOYMENT, ModelDeployment
from serving.repository.config import ModelConfig

# Serve's own limits stand behind ours: admission answers first, with a retry hint.
_BEYOND_ADMISSION = 4


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
        graceful_shutdown_wait_loop_s=0.2,
        graceful_shutdown_timeout_s=60,
    )
    return deployment.bind(config, secret)


def deploy(configs: Sequence[ModelConfig], secret: str, *, wait: bool = True) -> None:
    """Deploys models together; with `wait`, returns when all of them take calls.

    Raises RuntimeError when one of them fails to start.
    """
    targets = [
        serve.RunTarget(
            target=application(config, secret),
            name=config.application,
            # Serve lists an application's replicas only if it has a route.
            route_prefix=f"/{config.application}",
        )
        for config in configs
    ]
    serve.run_many(targets, wait_for_applications_running=wait)


def undeploy(name: str) -> None:
    """Takes an application out of service once its running calls have ended."""
    serve.delete(name)


def deploy_control(
    root: Path, profile: str, secret: str, *, reflects: bool, replicas: int
) -> None:
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
