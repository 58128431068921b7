"""Models as Ray Serve applications: one application a model and version."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve

from serving.cluster import ray
from serving.cluster.ray import LOGGING
from serving.errors import ServingError, Unavailable
from serving.openai.names import FAMILIES
from serving.replica.deployment import ModelDeployment
from serving.replica.handles import CONTROL, DEPLOYMENT, handle
from serving.repository.config import ModelConfig

# Serve's own limits stand behind ours: admission answers first, with a retry hint.
_BEYOND_ADMISSION = 4

# A replaced replica stays as long as its streams, and no longer than this.
_LONGEST_STREAM_S = 600
_POLL_S, _SELDOM_S = 0.1, 1.0
_ANSWER_S = 120.0  # reading and loading a large adapter


def application(config: ModelConfig, secret: str, version: str | None = None) -> Any:
    """The Serve application of one model.

    version: of a deployment that goes on; its replicas stay, and those that come in their
        place get this configuration. A new one replaces them all.
    """
    resources = config.resources
    ours = config.limits.queue + config.batching.max_batch_size
    speaks_http = config.family in FAMILIES
    deployment = serve.deployment(
        with_http(ModelDeployment) if speaks_http else ModelDeployment,
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
        # Serve keeps what it was given first while no setting changes; here one always does.
        graceful_shutdown_timeout_s=_patience(config),
    )
    if version is not None:
        deployment = deployment.options(version=version, _internal=True)
    return deployment.bind(config, secret)


def _patience(config: ModelConfig) -> float:
    """Seconds for a replica's last stream; the fraction is this configuration's alone."""
    return _LONGEST_STREAM_S + zlib.crc32(repr(config).encode()) / 2**32


def with_http(kind: type[Any]) -> Any:
    """A deployment's class, answering on its replicas' HTTP ports as well."""
    return serve.ingress()(kind)


async def deploy(
    configs: Sequence[ModelConfig], secret: str, *, beside: Sequence[Any] = ()
) -> None:
    """Deploys models, or deploys them anew; returns when every new replica takes calls.

    `beside` are other targets to deploy in the same go (control, at the start). The
    replicas that were there before may still be ending their streams on return.
    Cancelled while it waits, it leaves the deployment to go on by itself.
    Raises RuntimeError when a model fails to start.
    """
    targets = [*beside, *(_target(config, secret) for config in configs)]
    running = await _running()
    await asyncio.to_thread(serve.run_many, targets, wait_for_applications_running=False)
    wanted = {config.application: config.resources.replicas for config in configs}
    await _wait_for_new_replicas(
        {target.name: (wanted.get(target.name, 1), running[target.name]) for target in targets}
    )


def _target(config: ModelConfig, secret: str, version: str | None = None) -> Any:
    name, made = config.application, application(config, secret, version)
    # Serve lists an application's replicas only if it has a route.
    return serve.RunTarget(target=made, name=name, route_prefix=f"/{name}")


async def adopt(config: ModelConfig, secret: str) -> bool:
    """Has the running replicas take on another configuration, their calls going on.

    False where they must be replaced: they cannot, or they are not all there, or they have
    it already. Raises what a replica finds wrong with it; then none has it.
    """
    name = config.application
    running = await replicas(name)
    if len(running) != config.resources.replicas:
        return False
    known: dict[str, tuple[ModelConfig, str]] = await _ask_each(name, running, "configuration")
    configs, versions = zip(*known.values(), strict=True)
    if len(set(versions)) > 1 or any(known != configs[0] for known in configs):
        return False
    if configs[0] == config:
        return False
    answers = await _ask_each(name, running, "adopt", config)
    errors = [answer for answer in answers.values() if isinstance(answer, ServingError)]
    if errors:
        await _ask_each(name, running, "adopt", configs[0])
        raise errors[0]
    if not all(answers.values()):
        return False
    # For the replicas to come, be it in a moment.
    target = _target(config, secret, versions[0])
    await asyncio.to_thread(serve.run_many, [target], wait_for_applications_running=False)
    while await asyncio.to_thread(ray.patience, name) != _patience(config):
        await asyncio.sleep(_POLL_S)
    return True


async def _ask_each(name: str, running: set[str], method: str, *arguments: Any) -> dict[str, Any]:
    """Each replica's answer; raises Unavailable when one does not give any."""
    answers: dict[str, Any] = {}
    try:
        async with asyncio.timeout(_ANSWER_S):
            # A handle learns of new replicas a moment after they take calls.
            while True:
                asked = handle(name).broadcast(method, *arguments)
                came = await asked.results_async(return_exceptions=True)
                answers |= dict(answer for answer in came if isinstance(answer, tuple))
                if running <= set(answers):
                    return answers
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise Unavailable("the replicas did not answer in time", retry_after=1.0) from None


async def _wait_for_new_replicas(wanted: dict[str, tuple[int, set[str]]]) -> None:
    """Serve calls an application RUNNING only once the last old replica has gone.

    wanted: of each application, how many replicas, and those that do not count
    """
    begun = time.monotonic()
    while True:
        running = await _running()
        wanted = {
            name: (count, old)
            for name, (count, old) in wanted.items()
            if len(running[name]) < count or running[name] & old
        }
        if not wanted:
            return
        applications = (await asyncio.to_thread(serve.status)).applications
        for name in wanted:
            status = applications.get(name)
            if status is None or status.status.value in ("DEPLOY_FAILED", "UNHEALTHY"):
                raise RuntimeError(f"{name} did not start")
        # Every look takes a core's time from what is starting.
        await asyncio.sleep(min(_POLL_S + (time.monotonic() - begun) / 20, _SELDOM_S))


async def undeploy(name: str) -> None:
    """Takes an application out of service; its streams may still be ending on return."""
    await asyncio.to_thread(serve.delete, name, _blocking=False)
    while await replicas(name):
        await asyncio.sleep(_POLL_S)


async def replicas(application: str) -> set[str]:
    """The ids of the replicas that take calls now."""
    return (await _running())[application]


async def _running() -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for group in await asyncio.to_thread(ray.target_groups):
        for target in group.targets:
            if "SERVE_REPLICA" in target.name:
                found[group.app_name].add(target.name.rpartition("#")[2])
    return found


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
        with_http(Control),
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
